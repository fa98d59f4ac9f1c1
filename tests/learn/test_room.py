"""Where decoded sound lies while it is learnt."""

from __future__ import annotations

import resource
import shutil
import signal
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from monitor.audio.block import Samples
from monitor.errors import MonitorError, RecordingError
from monitor.learn import room as module
from monitor.learn.dataset import cut, parts, read_dataset
from monitor.learn.fit import fit_machine
from monitor.learn.room import Stretch, room_for
from tests.learn.machine import NOW_S, job, record

RATE_HZ = 16_000


def _write(path: Path, seconds: float, seed: int, rate_hz: int = RATE_HZ) -> Path:
    samples = 0.1 * np.random.default_rng(seed).standard_normal(round(seconds * rate_hz))
    soundfile.write(path, samples, rate_hz)
    return path


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    return [_write(tmp_path / "a.wav", 3.3, 0), _write(tmp_path / "b.wav", 2.1, 1, 48_000)]


@pytest.fixture
def much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_IN_MEMORY_S", 1.0)


@pytest.mark.usefixtures("much")
def test_sound_in_a_file_is_bit_for_bit_what_it_would_be_in_memory(files: list[Path], tmp_path: Path) -> None:
    in_memory = read_dataset(files).recordings
    with room_for(files, tmp_path / "state") as room:
        in_file = read_dataset(files, room=room).recordings
        assert all(isinstance(each.sound, Stretch) for each in in_file)
        for kept, held in zip(in_file, in_memory, strict=True):
            assert (kept.digest, kept.seconds) == (held.digest, held.seconds)
            assert kept.samples.tobytes() == held.samples.tobytes()
            pieces = zip(cut(kept, 0.7), cut(held, 0.7), strict=True)
            assert all(one.samples.tobytes() == other.samples.tobytes() for one, other in pieces)


def test_little_sound_lies_in_memory_and_makes_no_folder(files: list[Path], tmp_path: Path) -> None:
    with room_for(files, tmp_path / "state") as room:
        dataset = read_dataset(files, room=room)
    assert not any(isinstance(each.sound, Stretch) for each in dataset.recordings)
    assert not (tmp_path / "state").exists()


@pytest.mark.usefixtures("much")
def test_the_file_has_no_name_that_anything_could_leave_behind(files: list[Path], tmp_path: Path) -> None:
    with room_for(files, tmp_path / "state") as room:
        read_dataset(files, room=room)
        assert list((tmp_path / "state").iterdir()) == []


@pytest.mark.usefixtures("much")
def test_a_recording_that_proves_cut_off_leaves_the_others_as_they_are(files: list[Path], tmp_path: Path) -> None:
    broken = _write(tmp_path / "broken.flac", 4.0, 2)
    broken.write_bytes(broken.read_bytes()[:60_000])
    with room_for([broken, *files], tmp_path) as room:
        dataset = read_dataset([broken, *files], room=room)
        assert "broken.flac" in dataset.problems[0]
        assert [each.samples.tobytes() for each in dataset.recordings] == [
            each.samples.tobytes() for each in read_dataset(files).recordings
        ]


@pytest.mark.usefixtures("much")
def test_reading_into_a_file_takes_the_memory_of_a_second(tmp_path: Path) -> None:
    path = _write(tmp_path / "minutes.wav", 120.0, 0)
    tracemalloc.start()
    with room_for([path], tmp_path) as room:
        read_dataset([path], room=room)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10 * 4 * RATE_HZ, "of 120 s"


@pytest.mark.usefixtures("much")
def test_a_disk_without_room_is_told_before_anything_is_decoded(
    files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=200_000))
    with pytest.raises(MonitorError, match=r"state: has 0\.0 GB free, and the sound takes 0\.0 GB"):
        fit_machine(job(), files, state_dir=tmp_path / "state", created_s=NOW_S)


@contextmanager
def _files_of_100_kb_at_most() -> Iterator[None]:
    """The system's own refusal, as of a full disk."""
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, ignored)


@pytest.mark.usefixtures("much")
def test_a_disk_that_becomes_full_is_no_fault_of_the_recording(files: list[Path], tmp_path: Path) -> None:
    with (
        _files_of_100_kb_at_most(),
        pytest.raises(MonitorError, match="cannot hold the sound while it is learnt") as told,
        room_for(files, tmp_path) as room,
    ):
        read_dataset(files, room=room)
    assert not isinstance(told.value, RecordingError), "else the next recording would be tried"


@pytest.mark.usefixtures("much")
def test_a_folder_that_cannot_be_made_is_told(files: list[Path], tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    with (
        pytest.raises(MonitorError, match="state: cannot hold the sound"),
        room_for(files, tmp_path / "state"),
    ):
        pass


@pytest.mark.parametrize("count", [10, 1])
def test_the_model_of_sound_in_a_file_is_the_model_of_sound_in_memory(
    count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    normal = record(tmp_path / "normal", count, seconds=60.0 / count)
    held = fit_machine(job(), normal, state_dir=tmp_path / "held", created_s=NOW_S)
    monkeypatch.setattr(module, "MOST_IN_MEMORY_S", 30.0)
    kept = fit_machine(job(), normal, state_dir=tmp_path / "kept", created_s=NOW_S)
    assert kept.version == held.version, "the version ends in the digest of all tensors"
    assert (kept.calibration, kept.spectrum) == (held.calibration, held.spectrum)
    assert [each.tolist() for each in kept.scores] == [each.tolist() for each in held.scores]


@pytest.mark.usefixtures("much")
def test_parts_of_a_long_recording_stay_in_its_file(tmp_path: Path) -> None:
    path = _write(tmp_path / "long.wav", 20.0, 0)
    whole: Samples = read_dataset([path]).recordings[0].samples
    with room_for([path], tmp_path) as room:
        found = parts(read_dataset([path], room=room), 2.0)
        assert all(isinstance(part.sound, Stretch) for part in found)
        for part in found:
            first = round(part.start_s * RATE_HZ)
            assert np.array_equal(part.samples, whole[first : first + len(part.sound)])
