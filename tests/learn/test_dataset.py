from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from monitor.audio.block import AudioBlock, Samples
from monitor.audio.windows import WindowSpec, WindowState, fold
from monitor.errors import RecordingError, TrainingError
from monitor.learn.dataset import LEAST_PARTS, Dataset, Recording, folds, parts, read, read_dataset, windows

RATE_HZ = 16_000


def _write(path: Path, seconds: float, channels: int = 1, rate_hz: int = RATE_HZ, seed: int = 0) -> Path:
    samples = 0.1 * np.random.default_rng(seed).standard_normal((round(seconds * rate_hz), channels))
    soundfile.write(path, samples + np.arange(channels) * 0.2, rate_hz, subtype="FLOAT")
    return path


def _recording(seconds: float) -> Recording:
    return Recording(Path(f"{seconds}.wav"), 0.0, np.arange(round(seconds * RATE_HZ), dtype=np.float32), "")


def test_what_cannot_be_used_is_named_and_the_rest_is_read(tmp_path: Path) -> None:
    good = _write(tmp_path / "good.wav", 2.0)
    short = _write(tmp_path / "short.wav", 0.4)
    text = tmp_path / "text.wav"
    text.write_text("no sound")
    dataset = read_dataset([text, good, short])
    assert [each.path for each in dataset.recordings] == [good]
    assert len(dataset.problems) == 2
    assert "text.wav" in dataset.problems[0]
    assert "short.wav: lasts 0.40 s; at least 1 s are needed" in dataset.problems[1]


def test_nothing_usable_is_an_error_that_names_everything(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"a\.wav.*\n.*b\.wav"):
        read_dataset([tmp_path / "a.wav", tmp_path / "b.wav"])
    with pytest.raises(RecordingError, match="no recordings were given"):
        read_dataset([])


def test_the_machines_channel_is_taken_and_a_mono_file_is_that_channel(tmp_path: Path) -> None:
    three = read(_write(tmp_path / "three.wav", 1.5, channels=3), channel=2)
    assert three.samples.mean() == pytest.approx(0.4, abs=0.01)
    assert read(_write(tmp_path / "mono.wav", 1.5), channel=2).seconds == 1.5
    with pytest.raises(RecordingError, match="no channel 4"):
        read(tmp_path / "three.wav", channel=3)


def test_another_rate_is_brought_to_the_models(tmp_path: Path) -> None:
    assert read(_write(tmp_path / "fast.wav", 2.0, rate_hz=48_000)).seconds == pytest.approx(2.0, abs=0.01)


def test_a_recording_is_known_again_under_another_name(tmp_path: Path) -> None:
    first, again = read(_write(tmp_path / "a.wav", 1.5)), read(_write(tmp_path / "b.wav", 1.5))
    other = read(_write(tmp_path / "c.wav", 1.5, seed=1))
    assert first.digest == again.digest != other.digest


def test_of_files_with_the_same_sound_the_first_is_taken_and_the_others_are_named(tmp_path: Path) -> None:
    first, other = _write(tmp_path / "a.wav", 1.5), _write(tmp_path / "b.wav", 1.5, seed=1)
    copy = _write(tmp_path / "c.wav", 1.5)
    dataset = read_dataset([first, other, copy])
    assert [each.path for each in dataset.recordings] == [first, other]
    assert dataset.problems == (f"{copy}: the same sound as {first}",)


@given(count=st.integers(1, 60), wanted=st.integers(1, 20))
def test_every_recording_is_held_out_exactly_once(count: int, wanted: int) -> None:
    rounds = folds(count, wanted)
    assert sorted(i for held_out in rounds for i in held_out) == list(range(count))
    assert len(rounds) == min(wanted, count)
    assert max(map(len, rounds)) - min(map(len, rounds)) <= 1


def test_enough_recordings_stay_whole() -> None:
    dataset = Dataset(tuple(_recording(30.0) for _ in range(4)))
    assert parts(dataset, 10.0) == dataset.recordings


def test_few_recordings_are_cut_into_parts_that_share_no_sound() -> None:
    dataset = Dataset((_recording(200.0), _recording(45.0)))
    found = parts(dataset, 10.0)
    assert len(found) >= LEAST_PARTS
    assert all(part.seconds >= 10.0 for part in found)
    for whole in dataset.recordings:
        own = [part for part in found if part.path == whole.path]
        assert [part.start_s * RATE_HZ for part in own] == [float(part.samples[0]) for part in own]
        joined = np.concatenate([part.samples for part in own])
        assert len(np.unique(joined)) == len(joined) >= 0.99 * len(whole.samples)


def test_too_little_sound_says_how_much_is_needed() -> None:
    with pytest.raises(TrainingError, match=r"1 recording are .*at least 8 windows of 10 s .*record 55 s more"):
        parts(Dataset((_recording(25.0),)), 10.0)


@pytest.mark.parametrize(("seconds", "hop_s"), [(3.0, 1.0), (7.3, 0.5), (5.0, 4.0), (2.0, 2.0)])
def test_training_windows_are_cut_as_the_live_path_cuts_them(seconds: float, hop_s: float) -> None:
    samples: Samples = np.arange(round(seconds * RATE_HZ), dtype=np.float32)
    spec = WindowSpec("fan-1", 0, 2 * RATE_HZ, round(hop_s * RATE_HZ))
    _, live = fold(spec, WindowState(), AudioBlock(samples[:, None], RATE_HZ, 0.0, gap=True))
    offline = windows(samples, 2.0, hop_s)
    assert [each.tolist() for each in offline] == [window.samples.tolist() for window in live]


def test_a_recording_shorter_than_a_window_is_one_window() -> None:
    assert windows(np.zeros(24_000, dtype=np.float32), 10.0, 2.0).shape == (1, 24_000)
