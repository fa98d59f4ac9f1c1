"""Sound files, good and bad, for the tests."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import soundfile

from monitor.audio.block import Samples


def noise(seconds: float, rate_hz: int = 16_000, channels: int = 1, seed: int = 0) -> Samples:
    """White noise, shape [frames, channels]."""
    return np.random.default_rng(seed).uniform(-0.5, 0.5, (int(seconds * rate_hz), channels)).astype(np.float32)


def write(path: Path, samples: Samples, rate_hz: int = 16_000, subtype: str | None = None) -> Path:
    """Write a file of the format that its name says."""
    soundfile.write(path, samples, rate_hz, subtype=subtype)
    return path


def wav_bytes(data: bytes, rate_hz: int = 16_000, promised: int | None = None) -> bytes:
    """A mono 16-bit WAV whose header may lie."""
    size = len(data) if promised is None else promised
    fmt = struct.pack("<IHHIIHH", 16, 1, 1, rate_hz, rate_hz * 2, 2, 16)
    return (
        b"RIFF"
        + struct.pack("<I", (36 + size) & 0xFFFFFFFF)
        + b"WAVEfmt "
        + fmt
        + b"data"
        + struct.pack("<I", size)
        + data
    )
