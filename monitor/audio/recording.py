"""Recordings played as if a microphone heard them: in real time, faster, or as fast as they are asked for."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from monitor.audio.block import AudioBlock, Samples
from monitor.audio.recording_file import (
    inspect_recording,
    read_channel,
    read_pieces,
    read_recording,
    verify_recording,
)
from monitor.audio.recording_set import RecordingSet, find_recordings
from monitor.audio.source import MODEL_RATE_HZ, Pace
from monitor.errors import RecordingError

__all__ = [
    "NamedRecordings",
    "RecordingSet",
    "RecordingSource",
    "find_recordings",
    "inspect_recording",
    "read_channel",
    "read_recording",
    "verify_recording",
]

MAX_BLOCK = MODEL_RATE_HZ
"""Samples in a block at most, one second: a hop is rarely shorter, and a reader's other work is not held up."""
MAX_READ = 10 * MODEL_RATE_HZ
"""Samples returned by one read at most, one default window: a reader that fell behind catches up without holding
hours of audio, and at no speed limit the one thread that reads still turns to its other work."""


@dataclass(frozen=True, slots=True, eq=False)
class _Piece:
    path: Path
    samples: Samples
    begins: bool
    """True for the first piece of a file."""


class RecordingSource:
    """The `Source` of a list of recordings; every file is a stretch of its own (its first block has ``gap`` set).

    A file that cannot be read, at the start or in its midst, is skipped from there on and named in `problems`.

    Args:
        paths: the files, played in this order.
        speed: seconds of audio per second of ``now_s``; None returns more at every read.
        loop: begin anew after the last file.
        channels: how many channels to deliver; files with fewer are skipped. None means as many as the first
            readable file has.

    Raises:
        ValueError: the speed is not positive.
    """

    def __init__(
        self, paths: Sequence[Path], speed: float | None = 1.0, *, loop: bool = False, channels: int | None = None
    ) -> None:
        if speed is not None and speed <= 0:
            raise ValueError(f"speed must be greater than 0, not {speed}")
        self._paths = tuple(paths)
        self._speed = speed
        self._loop = loop
        self._wanted_channels = channels
        self._channels = 0
        self._problems: dict[Path, str] = {}
        self._opened_s = 0.0
        self._delivered = 0
        self._audio: Generator[_Piece, None, None] | None = None
        self._held: _Piece | None = None

    @property
    def channels(self) -> int:
        """Number of channels in every block; known once open."""
        return self._channels

    @property
    def finished(self) -> bool:
        """True when every file has been played (never with ``loop``, unless none can be read any more)."""
        return self._held is None

    @property
    def lost_samples(self) -> int:
        """Always 0: a recording waits for its reader."""
        return 0

    @property
    def problems(self) -> tuple[str, ...]:
        """One line for each file that could not be read, or not to its end."""
        return tuple(self._problems.values())

    @property
    def pace(self) -> Pace | None:
        """None: a recording's rate is what its file says."""
        return None

    @property
    def path(self) -> Path | None:
        """The file that the next sample comes from; None when closed or finished."""
        return self._held.path if self._held is not None else None

    def open(self, now_s: float) -> None:
        """Begin with the first file; its first sample is dated ``now_s`` (UTC, POSIX seconds).

        Raises:
            RecordingError: no recording can be read.
        """
        self.close()
        self._problems = {}
        readable = self._inspect()
        if not readable:
            raise RecordingError(_none_readable(self.problems))
        self._opened_s = now_s
        self._delivered = 0
        self._audio = self._play(readable)
        self._held = self._next()

    def read(self, now_s: float) -> Sequence[AudioBlock]:
        """Blocks that have become due up to ``now_s``, at most ``MAX_READ`` samples; oldest first."""
        blocks = []
        due = self._due(now_s)
        while due > 0 and self._held is not None:
            block = self._take(min(due, MAX_BLOCK), self._held)
            due -= block.frames
            blocks.append(block)
        return blocks

    def close(self) -> None:
        """Let go of the file; harmless when not open."""
        if self._audio is not None:
            self._audio.close()
        self._audio = self._held = None

    def _inspect(self) -> list[Path]:
        readable = []
        self._channels = self._wanted_channels if self._wanted_channels is not None else 0
        for path in self._paths:
            try:
                present = inspect_recording(path).channels
            except RecordingError as error:
                self._problems[path] = str(error)
                continue
            self._channels = self._channels or present
            if present < self._channels:
                self._problems[path] = f"{path}: has too few channels: {present} of {self._channels} needed"
            else:
                readable.append(path)
        return readable

    def _play(self, readable: Sequence[Path]) -> Generator[_Piece, None, None]:
        playing = list(readable)
        while playing:
            for path in tuple(playing):
                try:
                    for index, samples in enumerate(read_pieces(path, self._channels)):
                        yield _Piece(path, samples, begins=index == 0)
                except RecordingError as error:
                    self._problems[path] = str(error)
                    playing.remove(path)  # else a loop over nothing but such files would never end
            if not self._loop:
                return

    def _due(self, now_s: float) -> int:
        if self._speed is None:
            return MAX_READ
        return min(MAX_READ, int((now_s - self._opened_s) * self._speed * MODEL_RATE_HZ) - self._delivered)

    def _take(self, frames: int, held: _Piece) -> AudioBlock:
        start_s = self._opened_s + self._delivered / MODEL_RATE_HZ
        block = AudioBlock(
            np.ascontiguousarray(held.samples[:frames]), MODEL_RATE_HZ, start_s, held.begins, held.begins
        )
        self._delivered += block.frames
        rest = held.samples[frames:]
        self._held = _Piece(held.path, rest, begins=False) if rest.size else self._next()
        return block

    def _next(self) -> _Piece | None:
        return next(self._audio, None) if self._audio is not None else None


class NamedRecordings(RecordingSource):
    """Recordings that are looked for whenever they are opened, as a microphone is: a share may be mounted later.

    Args:
        names: files, folders and patterns, as `find_recordings` takes them.
        speed: as for `RecordingSource`.
        loop: likewise.
        channels: likewise.
    """

    def __init__(
        self,
        names: Sequence[str | Path],
        speed: float | None = 1.0,
        *,
        loop: bool = False,
        channels: int | None = None,
    ) -> None:
        super().__init__((), speed, loop=loop, channels=channels)
        self._names = tuple(names)
        self._missing: tuple[str, ...] = ()

    @property
    def problems(self) -> tuple[str, ...]:
        """One line for each name that led to no recording, and for each file that could not be read to its end."""
        return (*self._missing, *super().problems)

    def open(self, now_s: float) -> None:
        """Look for the recordings, and begin with the first; see `RecordingSource.open`.

        Raises:
            RecordingError: there is none, or none can be read.
        """
        self.close()
        found = find_recordings(self._names)
        self._paths, self._missing = found.files, found.problems
        if not found.files:
            raise RecordingError("; ".join(found.problems) or _none_readable(()))
        super().open(now_s)


def _none_readable(problems: tuple[str, ...]) -> str:
    if not problems:
        return "no recordings were given"
    if len(problems) == 1:
        return problems[0]
    return f"none of {len(problems)} recordings can be read; the first: {problems[0]}"
