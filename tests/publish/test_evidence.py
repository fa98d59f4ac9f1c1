from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

from monitor.audio.windows import Window
from monitor.publish.evidence import EvidenceStore

RATE = 16_000
START = 1_760_000_000.25


def window(machine: str = "fan-1", start_s: float = START, seconds: float = 1.0, seed: int = 1) -> Window:
    samples = np.random.default_rng(seed).uniform(-0.5, 0.5, int(RATE * seconds)).astype(np.float32)
    return Window(machine, start_s, RATE, 0, samples)


def test_a_clip_holds_the_windows_sound_under_the_name_that_the_message_gets(tmp_path: Path) -> None:
    kept = window()
    clip = EvidenceStore(tmp_path).keep(kept, "fan-1-anomaly-17")
    assert clip == "fan-1/20251009T085320Z_fan-1-anomaly-17.flac"
    samples, rate = soundfile.read(tmp_path / "evidence" / clip, dtype="float32")
    assert rate == RATE
    np.testing.assert_allclose(samples, kept.samples, atol=2**-22)


def test_the_oldest_clips_go_when_the_limit_is_reached(tmp_path: Path) -> None:
    store = EvidenceStore(tmp_path, most_bytes=200_000)
    clips = [store.keep(window(f"fan-{number % 3}", START + number, seed=number), f"a{number}") for number in range(12)]
    left = {path.relative_to(store.folder).as_posix() for path in store.folder.rglob("*.flac")}
    assert sum(path.stat().st_size for path in store.folder.rglob("*.flac")) <= 200_000
    assert left == set(clips[-len(left) :])
    assert 1 <= len(left) < 12


def test_clips_that_are_older_than_allowed_go_whatever_room_there_is(tmp_path: Path) -> None:
    store = EvidenceStore(tmp_path, most_days=90)
    days = (0, 1, 2, 91.5)
    clips = [store.keep(window(f"fan-{day}", START + day * 86_400), "a") for day in days]
    left = {path.relative_to(store.folder).as_posix() for path in store.folder.rglob("*.flac")}
    assert left == set(clips[2:])


def test_a_limit_smaller_than_one_clip_keeps_the_newest(tmp_path: Path) -> None:
    store = EvidenceStore(tmp_path, most_bytes=1)
    store.keep(window(), "a")
    newest = store.keep(window(start_s=START + 5), "b")
    assert [path.relative_to(store.folder).as_posix() for path in store.folder.rglob("*.flac")] == [newest]


def test_samples_that_are_not_finite_or_too_loud_are_written_as_silence_and_full_scale(tmp_path: Path) -> None:
    strange = Window("fan-1", START, RATE, 0, np.array([np.nan, 2.0, -np.inf, 0.25] * 4000, dtype=np.float32))
    clip = EvidenceStore(tmp_path).keep(strange, "a")
    assert clip is not None
    samples, _ = soundfile.read(tmp_path / "evidence" / clip, dtype="float32")
    np.testing.assert_allclose(samples[:4], [0.0, 1.0, -1.0, 0.25], atol=1e-6)


def test_a_strange_name_stays_inside_the_folder(tmp_path: Path) -> None:
    store = EvidenceStore(tmp_path)
    clip = store.keep(window("../../etc"), "../x y:z")
    assert clip is not None
    assert (store.folder / clip).resolve().is_relative_to(store.folder.resolve())


def test_a_folder_that_cannot_be_written_costs_the_clip_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "evidence").write_text("a file where the folder should be")
    assert EvidenceStore(tmp_path).keep(window(), "a") is None


def test_nothing_half_written_is_left(tmp_path: Path) -> None:
    store = EvidenceStore(tmp_path)
    assert store.keep(Window("fan-1", START, 0, 0, np.zeros(10, dtype=np.float32)), "a") is None  # no rate of 0 Hz
    assert [path for path in store.folder.rglob("*") if path.is_file()] == []
