"""How sound is spread over frequency: the level in each third of an octave, as sound level meters show it."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from monitor.audio.block import Samples
from monitor.audio.level import FLOOR_DBFS

Levels: TypeAlias = NDArray[np.float64]

BANDS = 22
"""Thirds of an octave from 50 Hz, below which most microphones hear little, to 8 kHz, where the model's rate ends."""
EDGES_HZ = 50.0 * 2.0 ** (np.arange(BANDS + 1) / 3)
"""Band k lies from edge k up to edge k + 1."""


def band_levels(samples: Samples, rate_hz: int) -> Levels:
    """The level in each band; together they are the level of the sound, but for what lies outside.

    Args:
        samples: [n], float32, full scale is +-1; a tenth of a second or more, or the lowest bands are empty.
        rate_hz: samples per second.

    Returns:
        [BANDS], dBFS, lowest band first, at least ``FLOOR_DBFS``; NaN when a sample is not a number.
    """
    frame = np.hanning(len(samples))
    transform = np.fft.rfft(samples * frame)
    power = 2.0 * (transform.real**2 + transform.imag**2) / (len(samples) * np.sum(frame**2))
    band = np.searchsorted(EDGES_HZ, np.fft.rfftfreq(len(samples), 1.0 / rate_hz), side="right") - 1
    inside = (band >= 0) & (band < BANDS)
    found = np.bincount(band[inside], weights=power[inside], minlength=BANDS)
    levels: Levels = 10.0 * np.log10(np.maximum(found, 10.0 ** (FLOOR_DBFS / 10.0)))
    return levels
