"""Recordings of normal sound: read, cut into windows, and split by recording."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from monitor.audio.block import Samples
from monitor.audio.recording import inspect_recording, read_channel
from monitor.audio.source import MODEL_RATE_HZ
from monitor.counted import counted
from monitor.detect.calibration import FEWEST_WINDOWS
from monitor.errors import RecordingError, TrainingError
from monitor.learn.progress import Progress, ProgressCallback, silent
from monitor.learn.room import Room, Sound, Stretch
from monitor.memcae.model import LEAST_SECONDS

LEAST_PARTS = 4
"""Fewer parts than this cannot be held out in turn without losing most of the sound that is left to learn from."""

PARTS_OF_FEW = 8
"""Parts that fewer recordings than LEAST_PARTS are cut into: each fold of four then holds two different moments."""


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """One stretch of sound that is never split between learning and judging."""

    path: Path
    start_s: float
    """Seconds from the beginning of the file; 0 unless a long file was cut into parts."""
    sound: Sound
    """Shape [n], float32, full scale +-1, at MODEL_RATE_HZ; or where it lies."""
    digest: str
    """SHA-256 of the whole file's samples, hexadecimal: knows a recording again under another name."""

    @property
    def seconds(self) -> float:
        """Length."""
        return len(self.sound) / MODEL_RATE_HZ

    @property
    def samples(self) -> Samples:
        """The sound, [n], not to be written to; look at it and let it go: it may take memory as long as it is held."""
        return self.sound.samples() if isinstance(self.sound, Stretch) else self.sound


@dataclass(frozen=True, slots=True)
class Dataset:
    """The recordings that can be used, and what is wrong with the others."""

    recordings: tuple[Recording, ...]
    problems: tuple[str, ...] = ()
    """One line for each file that was skipped."""

    @property
    def seconds(self) -> float:
        """Sound in all."""
        return sum(recording.seconds for recording in self.recordings)


def read_dataset(
    paths: Sequence[Path], channel: int = 0, progress: ProgressCallback = silent, room: Room | None = None
) -> Dataset:
    """Read recordings; those that cannot be used are named and skipped.

    Of files that hold the same sound the first is taken: a copy must not be learnt while the other is held out, nor
    count twice.

    Args:
        paths: files.
        channel: index of the machine's channel, from 0; a file of one channel is taken as that channel.
        progress: told of each file.
        room: for the sound, which can be looked at as long as that is there; default: memory.

    Raises:
        RecordingError: none can be used.
        MonitorError: there is no room.
    """
    room = room or Room()
    recordings: dict[str, Recording] = {}
    problems: list[str] = []
    for place, path in enumerate(paths):
        progress(Progress("reading", place, len(paths)))
        try:
            found = read(path, channel, room)
        except RecordingError as error:
            problems.append(str(error))
            continue
        first = recordings.setdefault(found.digest, found)
        if first is not found:
            problems.append(f"{path}: the same sound as {first.path}")
    progress(Progress("reading", len(paths), len(paths)))
    if not recordings:
        raise RecordingError("\n".join(problems) or "no recordings were given")
    return Dataset(tuple(recordings.values()), tuple(problems))


def read(path: Path, channel: int = 0, room: Room | None = None) -> Recording:
    """One recording whole, at least LEAST_SECONDS long.

    Raises:
        RecordingError: it cannot be read or is too short; names the file and the reason.
    """
    mono = inspect_recording(path).channels == 1
    found = Recording(path, 0.0, *(room or Room()).take(read_channel(path, 0 if mono else channel)))
    if found.seconds < LEAST_SECONDS:
        raise RecordingError(f"{path}: lasts {found.seconds:.2f} s; at least {LEAST_SECONDS:g} s are needed")
    return found


def parts(dataset: Dataset, window_s: float) -> tuple[Recording, ...]:
    """The recordings, or, where they are too few to hold some out, parts of them of a window at least.

    Parts of one recording are alike in ways that recordings of different days are not; the report says so.

    Raises:
        TrainingError: there is too little sound for LEAST_PARTS parts; names the files that were skipped.
    """
    if len(dataset.recordings) >= LEAST_PARTS:
        return dataset.recordings
    longest = min(dataset.seconds / PARTS_OF_FEW, 60.0)  # a minute is long against anything but a machine's cycle
    found = tuple(part for each in dataset.recordings for part in cut(each, max(longest, window_s)))
    if len(found) < LEAST_PARTS:
        # Fewer parts than that come of less than 6 windows, so that something is always missing.
        raise too_little(dataset, window_s, FEWEST_WINDOWS * window_s - dataset.seconds)
    return found


def too_little(dataset: Dataset, window_s: float, missing_s: float) -> TrainingError:
    """The sound cannot be learnt: there is too little of it to set a threshold by.

    Args:
        dataset: with the files that were skipped, which may be the reason.
        window_s: length of a window, seconds.
        missing_s: about how much more is needed, seconds.
    """
    what = (
        f"{dataset.seconds:.0f} s of normal sound in {counted(len(dataset.recordings), 'recording')} are too little: "
        f"at least {FEWEST_WINDOWS} windows of {window_s:g} s are needed to set a threshold by; record "
        f"{math.ceil(missing_s)} s more, and minutes are better"
    )
    return TrainingError("\n".join((what, *(f"skipped: {problem}" for problem in dataset.problems))))


def cut(recording: Recording, length_s: float) -> Iterator[Recording]:
    """Equal parts, as many as there are of ``length_s`` at least; one too short for that stays whole."""
    count = max(1, int(recording.seconds / length_s))
    size = len(recording.sound) // count
    for k in range(count):
        piece = recording.sound[k * size : (k + 1) * size]
        yield replace(recording, start_s=k * size / MODEL_RATE_HZ, sound=piece)


def folds(count: int, wanted: int) -> tuple[tuple[int, ...], ...]:
    """Which of ``count`` recordings are held out in each of ``wanted`` rounds: every one in exactly one of them.

    Neighbours go to different folds, since recordings in order of their names are in order of time.
    """
    rounds = min(wanted, count)
    return tuple(tuple(range(first, count, rounds)) for first in range(rounds))


def count_windows(recording: Recording, window_s: float, hop_s: float) -> int:
    """How many windows `windows` cuts of it."""
    return 1 + max(0, int((recording.seconds - window_s) / hop_s + 1e-9))


def windows(samples: Samples, window_s: float, hop_s: float) -> NDArray[np.float32]:
    """The windows of one recording: [n] -> [W, window], a view; as the live path cuts them.

    A recording shorter than a window is one window, whole.
    """
    size = min(round(window_s * MODEL_RATE_HZ), len(samples))
    hop = max(1, round(hop_s * MODEL_RATE_HZ))
    return np.lib.stride_tricks.sliding_window_view(samples, size)[::hop]
