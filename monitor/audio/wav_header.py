"""What a WAV file's header promises, so that a cut-off or broken file is known for what it is.

libsndfile silently reads as much as it finds in a cut-off WAV, and calls a header of 0 Hz an internal error.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

UNKNOWN_LENGTH = 0x7FFF_0000
"""Data sizes from here on are of programs that streamed (ffmpeg 0xFFFFFFFF, sox 0x7FFFxxxx) and did not know."""
FORMAT = struct.Struct("<HHI")
"""How a `fmt ` chunk begins (RIFF WAVE): format tag, channels, samples per second."""


@dataclass(frozen=True, slots=True)
class WavHeader:
    """The promises of a RIFF WAVE header."""

    rate_hz: int | None
    """Samples per second; None when the file ends before it says."""
    data_bytes: int | None
    """Bytes of sound promised; None when unknown (no data chunk, or written by a stream)."""
    present_bytes: int
    """Bytes of sound in the file."""


def read_wav_header(path: Path) -> WavHeader | None:
    """The header of a RIFF WAVE file; None for any other format.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        start = file.read(12)
        if start[:4] != b"RIFF" or start[8:12] != b"WAVE":
            return None
        return _walk(file, path.stat().st_size)


def _walk(file: BinaryIO, file_bytes: int) -> WavHeader:
    rate_hz = None
    while len(chunk := file.read(8)) == 8:  # a chunk's header: four letters and a size
        name, size = struct.unpack("<4sI", chunk)
        begin = file.tell()
        if name == b"data":
            promised = None if size >= UNKNOWN_LENGTH else size
            return WavHeader(rate_hz, promised, min(size, file_bytes - begin))
        if name == b"fmt ":
            body = file.read(FORMAT.size)
            rate_hz = FORMAT.unpack(body)[2] if len(body) == FORMAT.size else None
        file.seek(begin + size + size % 2)  # chunks are padded to an even size
    return WavHeader(rate_hz, None, 0)
