"""The normal spectrum of a machine with its band: levels per sixth of an octave, second by second."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from monitor.audio.block import Samples
from monitor.audio.source import MODEL_RATE_HZ
from monitor.learn.dataset import Recording

PER_OCTAVE: Final = 6
"""Bands in an octave: fine enough to show a tone, coarse enough to read."""
LOWEST_HZ: Final = 1000.0 * 2.0 ** (-26.5 / PER_OCTAVE)
"""Lower edge of the first band, 47 Hz: one band is centred on 1 kHz, the first on 50 Hz; below, a microphone in a hall
hears the building."""
MOST_SECONDS: Final = 1200
"""Seconds that are measured at most, evenly spread: twenty minutes settle a percentile, and take half a second."""
SHARES: Final = (5.0, 50.0, 95.0)
"""Percentiles of the seconds: nine seconds of ten lie in the band."""
FLOOR: Final = 1e-12
"""Power that stands for digital silence, -120 dB re full scale."""


@dataclass(frozen=True, slots=True)
class NormalSpectrum:
    """Levels of K bands over all seconds of normal sound."""

    edges_hz: tuple[float, ...]
    """K + 1 borders, ascending."""
    low_db: tuple[float, ...]
    """K, 5th percentile of the seconds, decibels re full scale (RMS)."""
    middle_db: tuple[float, ...]
    """K, median."""
    high_db: tuple[float, ...]
    """K, 95th percentile."""
    seconds: int
    """Seconds of sound that were measured."""


def normal_spectrum(recordings: Sequence[Recording]) -> NormalSpectrum:
    """The spectrum of recordings, of which at least one must last a second.

    Raises:
        ValueError: none lasts a second.
    """
    count = sum(len(recording.sound) // MODEL_RATE_HZ for recording in recordings)
    if not count:
        raise ValueError("no recording lasts a second")
    edges = _edges_hz()
    levels = np.stack([_band_levels(second, edges) for second in _every(math.ceil(count / MOST_SECONDS), recordings)])
    low, middle, high = np.percentile(levels, SHARES, axis=0).tolist()
    return NormalSpectrum(tuple(edges.tolist()), tuple(low), tuple(middle), tuple(high), len(levels))


def _every(step: int, recordings: Sequence[Recording]) -> Iterator[Samples]:
    """The first second of all recordings, and every ``step``-th after it."""
    passed = 0
    for recording in recordings:
        samples = recording.samples
        count = len(samples) // MODEL_RATE_HZ
        for second in range(-passed % step, count, step):
            yield samples[second * MODEL_RATE_HZ : (second + 1) * MODEL_RATE_HZ]
        passed += count


def _edges_hz() -> NDArray[np.float64]:
    count = int(PER_OCTAVE * math.log2(MODEL_RATE_HZ / 2 / LOWEST_HZ))
    return LOWEST_HZ * 2.0 ** (np.arange(count + 1) / PER_OCTAVE)


def _band_levels(second: Samples, edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """The power of one second in every band, decibels re full scale: [n] -> [K]."""
    window = np.hanning(len(second))
    power = np.abs(np.fft.rfft(second * window)) ** 2
    power *= 2.0 / (len(second) * float(np.sum(window**2)))  # so that all bins add up to the mean square
    bins = np.round(edges).astype(int)  # a second has bins 1 Hz apart
    return 10.0 * np.log10(np.maximum(np.add.reduceat(power, bins)[:-1], FLOOR))
