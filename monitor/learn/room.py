"""Where decoded sound lies while it is learnt: in memory while there is little, else in a file without a name."""

from __future__ import annotations

import hashlib
import mmap
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import TypeAlias

import numpy as np

from monitor.audio.block import Samples
from monitor.audio.recording import inspect_recording
from monitor.audio.source import MODEL_RATE_HZ
from monitor.errors import MonitorError, RecordingError

MOST_IN_MEMORY_S = 3600.0
"""Sound that is held in memory, seconds: 230 MB, so that a PC of 4 GB may train several machines at once, and the usual
twenty minutes never touch the disk."""

SAMPLE_BYTES = 4
"""Single precision, as everything is computed in: what is read back is what was decoded, bit for bit."""


@dataclass(frozen=True, slots=True, eq=False)
class Stretch:
    """Samples that lie in a file and take no memory until they are asked for."""

    file: FileIO
    first: int
    """Its first sample, counted from the beginning of the file."""
    count: int

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, part: slice) -> Stretch:
        first, past, _ = part.indices(self.count)
        return Stretch(self.file, self.first + first, max(0, past - first))

    def samples(self) -> Samples:
        """Shape [n], float32, not to be written to; what of it is in memory goes with the last array that shows it."""
        start = self.first * SAMPLE_BYTES
        before = start % mmap.ALLOCATIONGRANULARITY  # a map begins with a page
        size = before + self.count * SAMPLE_BYTES
        # Shared and read-only: a private map of more than the machine's memory is refused.
        mapped = mmap.mmap(self.file.fileno(), size, access=mmap.ACCESS_READ, offset=start - before)
        return np.frombuffer(mapped, np.float32, self.count, before)


Sound: TypeAlias = Samples | Stretch
"""Samples, shape [n], or where they lie."""


@contextmanager
def room_for(recordings: Sequence[Path], folder: Path) -> Iterator[Room]:
    """Room for the sound of all recordings, by what their headers say, until the end of the `with` block.

    Args:
        recordings: files; those that cannot be read need none.
        folder: where more than MOST_IN_MEMORY_S goes, and is gone when the process ends, however it ends.

    Raises:
        MonitorError: the folder cannot be written to, or its disk is too full.
    """
    seconds = sum(_seconds(path) for path in recordings)
    if seconds <= MOST_IN_MEMORY_S:
        yield Room()
        return
    with _file_in(folder, round(seconds * MODEL_RATE_HZ) * SAMPLE_BYTES) as file:
        yield Room(file, folder)


class Room:
    """Takes in decoded recordings, one after another; without a file they stay in memory.

    Args:
        file: where they go.
        folder: where that is, for an error's text.
    """

    def __init__(self, file: FileIO | None = None, folder: Path | None = None) -> None:
        self._file = file
        self._folder = folder
        self._taken = 0

    def take(self, pieces: Iterable[Samples]) -> tuple[Sound, str]:
        """One recording, [n] in pieces, and the SHA-256 of its samples, hexadecimal; one that fails midway leaves none.

        Raises:
            MonitorError: the disk is full or failing.
        """
        digest = hashlib.sha256()
        if self._file is None:
            samples: Samples = np.concatenate(list(pieces))
            digest.update(samples.data)
            return samples, digest.hexdigest()
        self._file.seek(self._taken * SAMPLE_BYTES)
        count = 0
        for piece in pieces:
            data = piece.tobytes()
            digest.update(data)
            self._write(self._file, data)
            count += len(piece)
        found = Stretch(self._file, self._taken, count)
        self._taken += count
        return found, digest.hexdigest()

    def _write(self, file: FileIO, data: bytes) -> None:
        try:
            while data:  # a disk that becomes full takes a part first
                data = data[file.write(data) :]
        except OSError as error:
            raise MonitorError(f"{self._folder}: cannot hold the sound while it is learnt ({error.strerror})") from None


@contextmanager
def _file_in(folder: Path, size: int) -> Iterator[FileIO]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
        file = tempfile.TemporaryFile(buffering=0, dir=folder)  # noqa: SIM115  what follows has other errors
    except OSError as error:
        raise MonitorError(f"{folder}: cannot hold the sound while it is learnt ({error.strerror})") from None
    with file:
        if size > free:
            raise MonitorError(
                f"{folder}: has {free / 1e9:.1f} GB free, and the sound takes {size / 1e9:.1f} GB there while it is "
                "learnt: make room, or name fewer recordings"
            )
        yield file


def _seconds(path: Path) -> float:
    try:
        return inspect_recording(path).duration_s
    except RecordingError:
        return 0.0  # named where it is read
