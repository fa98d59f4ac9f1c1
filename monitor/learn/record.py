"""Record normal sound: one machine's channel of a source into FLAC files of a minute each, whole or not at all."""

from __future__ import annotations

import contextlib
import io
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import numpy as np
import soundfile

from monitor.audio.block import AudioBlock, Samples
from monitor.audio.level import FLOOR_DBFS, peak_dbfs, rms_dbfs
from monitor.audio.source import MODEL_RATE_HZ, Source
from monitor.errors import BadInputError, DeviceError
from monitor.learn.session import file_stem
from monitor.writable import refuse_unwritable

FILE_S = 60
"""Length of a file, seconds: many short recordings let training hold some out, and a fault costs one minute at most."""

LEAST_S = 10
"""A shorter rest of a file is not kept, seconds: a default window does not fit in it."""

SILENT_S = 15.0
"""No sound for this long is a source that does not deliver, seconds; a microphone says so itself after 10."""

POLL_S = 0.05
"""Pause between reads, seconds; a microphone's queue holds far more."""

CLIPPED_DBFS = -0.1
"""From here on the converter is at its end: a sample of 16 bits is within 0.3 dB of it 3 % below full scale."""

QUIET_DBFS = -80.0
"""Below this a 16-bit microphone delivers little more than its own rounding noise."""


@dataclass(frozen=True, slots=True)
class Heard:
    """Where a recording stands."""

    seconds: float
    """Recorded so far, of all files."""
    rms_dbfs: float
    """Level of the latest sound; for a meter."""
    peak_dbfs: float
    lost_samples: int
    """Samples that the source lost since the beginning."""


Meter: TypeAlias = Callable[[Heard], None]


@dataclass(slots=True)
class Recorded:
    """What was recorded."""

    files: list[Path] = field(default_factory=list)
    seconds: float = 0.0
    """In the files."""
    peak_dbfs: float = FLOOR_DBFS
    """Loudest sample."""
    rms_dbfs: float = FLOOR_DBFS
    """Level of the loudest file."""
    lost_samples: int = 0
    interrupted: bool = False

    def warnings(self) -> tuple[str, ...]:
        """What a person should look at before training on this."""
        found = []
        if self.peak_dbfs >= CLIPPED_DBFS:
            found.append(
                f"the sound reaches {self.peak_dbfs:.1f} dBFS: it is clipped; turn the gain down and record again"
            )
        if self.files and self.rms_dbfs < QUIET_DBFS:
            found.append(f"the sound is only {self.rms_dbfs:.0f} dBFS loud: is this the right microphone and channel?")
        if self.lost_samples:
            found.append(f"{self.lost_samples} samples were lost; files end where sound was missing")
        return tuple(found)


def record(
    source: Source,
    channel: int,
    name: str,
    folder: Path,
    seconds: float,
    meter: Meter,
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
) -> Recorded:
    """Listen until ``seconds`` are recorded, the source ends, or Ctrl-C.

    Args:
        source: not open yet.
        channel: index of the machine's channel, from 0.
        name: what the files' names begin with; the rest is the UTC of their first sample.
        folder: made when it is missing.
        seconds: how much to record.
        meter: told after each read that brought sound.
        clock: UTC, POSIX seconds.
        sleep: waits, seconds.

    Raises:
        DeviceError: the source failed, or delivers nothing.
        BadInputError: the source has no such channel, or the folder cannot be written to.
    """
    refuse_unwritable(folder, BadInputError)  # else it shows with the first whole minute
    take = _Take(name, folder, round(seconds * MODEL_RATE_HZ))
    source.open(clock())
    heard_s = clock()
    try:
        while not take.complete and not source.finished:
            now_s = clock()
            blocks = source.read(now_s)
            for block in blocks:
                take.add(block, _one(block, channel))
            if blocks:
                heard_s = now_s
                meter(take.heard(source.lost_samples))
            elif now_s - heard_s > SILENT_S:
                raise DeviceError(f"the source delivered nothing for {SILENT_S:g} s")
            else:
                sleep(POLL_S)
    except KeyboardInterrupt:
        take.recorded.interrupted = True
    finally:
        source.close()
        take.close()
    take.recorded.lost_samples = source.lost_samples
    return take.recorded


def _one(block: AudioBlock, channel: int) -> Samples:
    if channel >= block.samples.shape[1]:
        raise BadInputError(f"channel {channel + 1}: the source has {block.samples.shape[1]}")
    return block.samples[:, channel]


def _write(path: Path, samples: Samples) -> None:
    """A FLAC file, whole or not at all."""
    encoded = io.BytesIO()  # in memory first: libsndfile tells a full disk from a missing right by "System error"
    soundfile.write(encoded, samples, MODEL_RATE_HZ, format="FLAC", subtype="PCM_24")
    part = path.with_suffix(".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(encoded.getbuffer())
        part.rename(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink()
        raise BadInputError(f"{path}: cannot be written: {error.strerror or error}") from error


class _Take:
    """The files of one recording; a file appears under its name when it is complete."""

    def __init__(self, name: str, folder: Path, frames: int) -> None:
        self.recorded = Recorded()
        self._name = name
        self._folder = folder
        self._left = frames
        self._pending: list[Samples] = []
        self._start_s = 0.0
        self._latest: Samples = np.zeros(0, np.float32)

    @property
    def complete(self) -> bool:
        return self._left <= 0

    def add(self, block: AudioBlock, samples: Samples) -> None:
        if block.gap:
            self._finish()
        start_s = block.start_s
        samples = samples[: self._left]
        self._latest = samples if len(samples) else self._latest
        while len(samples):
            if not self._pending:
                self._start_s = start_s
            room = FILE_S * MODEL_RATE_HZ - self._frames()
            self._pending.append(samples[:room].copy())
            self._left -= len(self._pending[-1])
            start_s += len(self._pending[-1]) / MODEL_RATE_HZ
            samples = samples[room:]
            if self._frames() >= FILE_S * MODEL_RATE_HZ:
                self._finish()

    def heard(self, lost_samples: int) -> Heard:
        seconds = self.recorded.seconds + self._frames() / MODEL_RATE_HZ
        return Heard(seconds, rms_dbfs(self._latest), peak_dbfs(self._latest), lost_samples)

    def close(self) -> None:
        self._finish()

    def _frames(self) -> int:
        return sum(len(piece) for piece in self._pending)

    def _finish(self) -> None:
        """Write what is pending, unless it is too short to be of use."""
        samples = np.concatenate(self._pending) if self._pending else np.zeros(0, np.float32)
        self._pending = []
        if len(samples) < LEAST_S * MODEL_RATE_HZ and self.recorded.files:
            self._left += len(samples)  # a scrap between two gaps is recorded anew
            return
        if not len(samples):
            return
        path = self._folder / f"{file_stem(self._name, self._start_s)}.flac"
        _write(path, samples)
        self.recorded.files.append(path)
        self.recorded.seconds += len(samples) / MODEL_RATE_HZ
        self.recorded.peak_dbfs = max(self.recorded.peak_dbfs, peak_dbfs(samples))
        self.recorded.rms_dbfs = max(self.recorded.rms_dbfs, rms_dbfs(samples))
