"""Levels are decibels re full scale."""

from __future__ import annotations

import math

import numpy as np
import pytest

from monitor.audio.level import FLOOR_DBFS, peak_dbfs, rms_dbfs


def test_a_sine_of_full_scale_has_3_db_less_rms_than_peak() -> None:
    sine = np.sin(2 * np.pi * np.arange(1600) / 16).astype(np.float32)

    assert rms_dbfs(sine) == pytest.approx(-3.01, abs=0.01)
    assert peak_dbfs(sine) == pytest.approx(0.0, abs=0.01)


def test_a_tenth_of_the_amplitude_is_20_db_less() -> None:
    tenfold = np.float32(10)
    loud = np.random.default_rng(0).uniform(-0.5, 0.5, (1000, 2)).astype(np.float32)

    assert rms_dbfs(loud) - rms_dbfs(loud / tenfold) == pytest.approx(20, abs=1e-3)
    assert peak_dbfs(loud) - peak_dbfs(-loud / tenfold) == pytest.approx(20, abs=1e-3)


@pytest.mark.parametrize("samples", [np.zeros(100, np.float32), np.zeros((0, 2), np.float32)])
def test_silence_has_a_number(samples: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> None:
    assert rms_dbfs(samples) == peak_dbfs(samples) == FLOOR_DBFS


def test_what_is_no_number_stays_none() -> None:
    samples = np.array([0.5, np.nan], np.float32)

    assert math.isnan(rms_dbfs(samples))
    assert math.isnan(peak_dbfs(samples))
