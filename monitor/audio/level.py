"""How loud samples are, in decibels re full scale."""

from __future__ import annotations

import math

import numpy as np

from monitor.audio.block import Samples

FLOOR_DBFS = -150.0
"""What digital silence is given, so that a meter has a number: below one step of a 24-bit converter (-144 dBFS)."""


def rms_dbfs(samples: Samples) -> float:
    """Root mean square level over all samples; a sine of full scale has -3.01 dBFS, a square wave 0.

    Args:
        samples: any shape, float32, full scale is +-1.

    Returns:
        dBFS, at least `FLOOR_DBFS` (also for no samples); NaN when a sample is not a number.
    """
    if samples.size == 0:
        return FLOOR_DBFS
    return _dbfs(math.sqrt(float(np.mean(np.square(samples, dtype=np.float64)))))


def peak_dbfs(samples: Samples) -> float:
    """Level of the greatest absolute sample; 0 dBFS is full scale, where a converter clips.

    Args:
        samples: any shape, float32, full scale is +-1.

    Returns:
        dBFS, at least `FLOOR_DBFS` (also for no samples); NaN when a sample is not a number.
    """
    if samples.size == 0:
        return FLOOR_DBFS
    return _dbfs(float(np.max(np.abs(samples))))


def _dbfs(amplitude: float) -> float:
    if amplitude == 0.0:
        return FLOOR_DBFS
    return max(FLOOR_DBFS, 20 * math.log10(amplitude)) if not math.isnan(amplitude) else math.nan
