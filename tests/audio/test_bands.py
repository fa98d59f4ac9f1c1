"""The level in each third of an octave is that of the sound in it."""

from __future__ import annotations

import numpy as np
import pytest

from monitor.audio.bands import BANDS, EDGES_HZ, band_levels
from monitor.audio.level import FLOOR_DBFS, rms_dbfs

RATE_HZ = 16_000


@pytest.mark.parametrize("tone_hz", [112.0, 900.0, 5700.0])
def test_a_tone_amid_a_band_is_in_it_with_its_own_level(tone_hz: float) -> None:
    tone = (0.1 * np.sin(2 * np.pi * tone_hz * np.arange(RATE_HZ // 10) / RATE_HZ)).astype(np.float32)
    levels = band_levels(tone, RATE_HZ)
    loudest = int(np.argmax(levels))

    assert EDGES_HZ[loudest] <= tone_hz < EDGES_HZ[loudest + 1]
    assert levels[loudest] == pytest.approx(rms_dbfs(tone), abs=0.2)


def test_the_bands_together_have_the_level_of_the_noise() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, RATE_HZ).astype(np.float32)
    together = 10 * np.log10(np.sum(10 ** (band_levels(noise, RATE_HZ) / 10)))
    assert together == pytest.approx(rms_dbfs(noise), abs=0.2)


def test_silence_has_the_floor_in_every_band() -> None:
    assert band_levels(np.zeros(1600, np.float32), RATE_HZ) == pytest.approx(np.full(BANDS, FLOOR_DBFS))
