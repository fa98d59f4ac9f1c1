"""Recording normal sound: whole minutes in whole files, gaps never bridged, nothing half-written."""

from __future__ import annotations

import resource
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile

from monitor.audio.block import AudioBlock, Samples
from monitor.audio.simulated import SimulatedSource
from monitor.audio.source import MODEL_RATE_HZ
from monitor.errors import BadInputError, DeviceError
from monitor.learn.record import Heard, Recorded, record

NOW_S = 1_800_000_000.0


class Script:
    """A source that delivers prepared blocks, one per read, and then what `end` says."""

    def __init__(self, blocks: Sequence[AudioBlock], end: BaseException | None = None) -> None:
        self.blocks = list(blocks)
        self.end = end
        self.is_open = False
        self.channels = 2
        self.lost_samples = 0
        self.problems: tuple[str, ...] = ()
        self.pace = None

    @property
    def finished(self) -> bool:
        return not self.blocks and self.end is None

    def open(self, now_s: float) -> None:
        del now_s
        self.is_open = True

    def read(self, now_s: float) -> Sequence[AudioBlock]:
        del now_s
        if self.blocks:
            return (self.blocks.pop(0),)
        if self.end is not None:
            raise self.end
        return ()

    def close(self) -> None:
        self.is_open = False


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now_s = NOW_S

    def __call__(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


def noise(seconds: float, seed: int = 0, scale: float = 0.1) -> Samples:
    samples = np.random.default_rng(seed).normal(0, scale, (round(seconds * MODEL_RATE_HZ), 2))
    return np.clip(samples, -1, 1).astype(np.float32)


def blocks(samples: Samples, gap_at: Sequence[int] = (), start_s: float = NOW_S) -> list[AudioBlock]:
    """Cut into seconds; the first, and those named, follow a gap."""
    cut = [samples[i : i + MODEL_RATE_HZ] for i in range(0, len(samples), MODEL_RATE_HZ)]
    return [AudioBlock(each, MODEL_RATE_HZ, start_s + i, gap=i == 0 or i in gap_at) for i, each in enumerate(cut)]


def take(source: Script, folder: Path, seconds: float, heard: list[Heard] | None = None, channel: int = 0) -> Recorded:
    clock = Clock()
    told: list[Heard] = [] if heard is None else heard
    return record(source, channel, "fan-1", folder, seconds, told.append, clock, clock.sleep)


def test_the_files_hold_the_channel_sample_for_sample_and_are_named_by_their_first(tmp_path: Path) -> None:
    samples = noise(150)
    done = take(Script(blocks(samples)), tmp_path, 130, channel=1)
    assert [path.name for path in done.files] == [
        "fan-1-20270115T080000.000Z.flac",
        "fan-1-20270115T080100.000Z.flac",
        "fan-1-20270115T080200.000Z.flac",
    ]
    read = np.concatenate([soundfile.read(path, dtype="float32")[0] for path in done.files])
    assert len(read) == 130 * MODEL_RATE_HZ
    assert np.abs(read - samples[: len(read), 1]).max() < 2.0**-22  # one step of 24 bits
    assert sorted(tmp_path.iterdir()) == done.files
    assert done.seconds == 130


def test_a_gap_ends_a_file_and_a_scrap_is_recorded_anew(tmp_path: Path) -> None:
    done = take(Script(blocks(noise(100), gap_at=(30, 35))), tmp_path, 60)
    assert [soundfile.info(path).frames / MODEL_RATE_HZ for path in done.files] == [30, 30]
    assert done.files[1].name.endswith("T080035.000Z.flac")


def test_ctrl_c_keeps_what_there_is(tmp_path: Path) -> None:
    source = Script(blocks(noise(25)), end=KeyboardInterrupt())
    done = take(source, tmp_path, 600)
    assert done.interrupted
    assert done.seconds == 25
    assert not source.is_open


def test_a_failing_source_leaves_its_sound_on_disk(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="unplugged"):
        take(Script(blocks(noise(25)), end=DeviceError("unplugged")), tmp_path, 600)
    assert len(list(tmp_path.glob("*.flac"))) == 1


def test_a_source_that_delivers_nothing_is_named_after_fifteen_seconds(tmp_path: Path) -> None:
    class Mute(Script):
        @property
        def finished(self) -> bool:
            return False

    with pytest.raises(DeviceError, match="delivered nothing for 15 s"):
        take(Mute([]), tmp_path, 600)


def test_a_channel_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="channel 3: the source has 2"):
        take(Script(blocks(noise(1))), tmp_path, 600, channel=2)


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInputError, match="cannot be written"):
        take(Script(blocks(noise(20))), tmp_path / "file" / "below", 20)


def test_the_meter_is_told_time_and_level(tmp_path: Path) -> None:
    heard: list[Heard] = []
    take(Script(blocks(noise(20, scale=0.1))), tmp_path, 20, heard)
    assert [each.seconds for each in heard] == list(range(1, 21))
    assert heard[-1].rms_dbfs == pytest.approx(-20, abs=0.2)


def test_clipping_silence_and_losses_are_told(tmp_path: Path) -> None:
    assert "clipped" in take(Script(blocks(noise(10, scale=3.0))), tmp_path / "a", 10).warnings()[0]
    assert "only" in take(Script(blocks(noise(10, scale=1e-6))), tmp_path / "b", 10).warnings()[0]
    lossy = Script(blocks(noise(10)))
    lossy.lost_samples = 7
    assert take(lossy, tmp_path / "c", 10).warnings() == ("7 samples were lost; files end where sound was missing",)
    assert take(Script(blocks(noise(10))), tmp_path / "d", 10).warnings() == ()


def test_a_simulated_machine_is_recorded_faster_than_it_sounds(tmp_path: Path) -> None:
    clock = Clock()
    done = record(SimulatedSource("fan", 1, None), 0, "fan-1", tmp_path, 90, lambda _: None, clock, clock.sleep)
    assert done.seconds == 90
    assert clock.now_s - NOW_S < 5


def test_a_full_disk_is_told_as_such_and_leaves_no_unfinished_file(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))  # a file may grow no further: less than a minute
    try:
        with pytest.raises(BadInputError, match="cannot be written: File too large"):
            take(Script(blocks(noise(25))), tmp_path, 600)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_told_before_a_second_is_recorded(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file, where a folder is wanted")
    source = Script([])
    clock = Clock()
    with pytest.raises(BadInputError, match=r"taken/fan-1: cannot be written"):
        record(source, 0, "fan-1", tmp_path / "taken/fan-1", 90, lambda _: None, clock, clock.sleep)
    assert clock.now_s == NOW_S
    assert not source.is_open


def test_a_recording_of_nothing_leaves_no_folder(tmp_path: Path) -> None:
    clock = Clock()
    record(Script([]), 0, "fan-1", tmp_path / "new/fan-1", 90, lambda _: None, clock, clock.sleep)
    assert list(tmp_path.iterdir()) == []
