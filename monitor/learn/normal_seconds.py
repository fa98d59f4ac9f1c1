"""What recordings of normal sound say about the microphone that made them, second by second."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from monitor.audio.block import AudioBlock, Samples
from monitor.audio.health import MeterState, Second, measure
from monitor.audio.source import MODEL_RATE_HZ
from monitor.detect.normal_sound import NormalSound, normal_sound

PIECE = 60 * MODEL_RATE_HZ
"""Samples that are measured at a time: a minute, so that hours take no more memory than minutes."""


def normal_sound_of(recordings: Iterable[Samples]) -> NormalSound | None:
    """How normal recordings [n], full scale +-1, at MODEL_RATE_HZ, sound; None when none lasts a second."""
    return normal_sound(second for recording in recordings for second in _seconds(recording))


def _seconds(recording: Samples) -> Iterator[Second]:
    state = MeterState()
    for first in range(0, len(recording), PIECE):
        piece = recording[first : first + PIECE].reshape(-1, 1)
        block = AudioBlock(piece, MODEL_RATE_HZ, first / MODEL_RATE_HZ, gap=first == 0)
        state, seconds = measure((0,), state, block)
        yield from seconds
