"""Raw samples from standard input, for whatever sound another program can deliver."""

from __future__ import annotations

import os
import select
from dataclasses import dataclass
from typing import Final

import numpy as np

from monitor.audio.live import Feed, LiveSource

FORMATS: Final = {"s16le": ("<i2", 2.0**-15), "s32le": ("<i4", 2.0**-31), "f32le": ("<f4", 1.0)}
"""What a sample looks like, by FFmpeg's and ALSA's own names, and what one step is worth."""
CHUNK_S = 0.05
"""Read at a time, as much as a microphone delivers."""
LOOK_S = 0.2
"""How often the thread looks whether it is still wanted, while nothing comes."""


@dataclass(frozen=True, slots=True)
class PcmFormat:
    """How samples lie in a byte stream, channel by channel."""

    rate_hz: int
    channels: int
    name: str
    """One of `FORMATS`."""


def pcm_source(pcm: PcmFormat, channels: int, descriptor: int = 0) -> LiveSource:
    """The source of raw samples.

    Args:
        pcm: how they lie.
        channels: how many are needed, counted from the first.
        descriptor: the open file that they are read from; 0 is standard input.
    """
    rest = bytearray()  # outlives the thread: what comes after a stall goes on where it broke off
    return LiveSource("standard input", channels, lambda feed: _read(pcm, descriptor, rest, feed))


def _read(pcm: PcmFormat, descriptor: int, rest: bytearray, feed: Feed) -> None:
    """Read until told to stop, or to the end; ``rest``, left over of a sample, is completed by the next read."""
    kind, step = FORMATS[pcm.name]
    frame = np.dtype(kind).itemsize * pcm.channels
    wanted = round(CHUNK_S * pcm.rate_hz) * frame
    while not feed.stop.is_set():
        if not select.select([descriptor], [], [], LOOK_S)[0]:
            continue
        read = os.read(descriptor, wanted)
        if not read:
            rest.clear()
            return
        held = bytes(rest) + read
        whole = len(held) - len(held) % frame
        rest[:] = held[whole:]
        if whole:
            samples = np.frombuffer(held[:whole], kind).reshape(-1, pcm.channels)
            feed.put((samples * np.float32(step)).astype(np.float32), pcm.rate_hz)
