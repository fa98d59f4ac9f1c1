from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from monitor.audio.block import Samples
from monitor.learn.dataset import Recording
from monitor.learn.normal_spectrum import PER_OCTAVE, NormalSpectrum, normal_spectrum

RATE_HZ = 16_000


def noise(seconds: float, seed: int = 1) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return np.random.default_rng(seed).standard_normal(round(seconds * RATE_HZ)).astype(np.float32) * np.float32(0.01)


def spectrum_of(*recordings: Samples) -> NormalSpectrum:
    return normal_spectrum([Recording(Path("x.wav"), 0.0, each, "") for each in recordings])


def test_a_tone_stands_in_its_band_at_its_rms_level() -> None:
    tone = np.sin(2 * np.pi * 1000 * np.arange(5 * RATE_HZ) / RATE_HZ).astype(np.float32)
    spectrum = spectrum_of(tone)
    loudest = int(np.argmax(spectrum.middle_db))
    assert spectrum.edges_hz[loudest] <= 1000 < spectrum.edges_hz[loudest + 1]
    assert spectrum.middle_db[loudest] == pytest.approx(-3.01, abs=0.05)
    assert spectrum.seconds == 5


def test_the_band_is_where_nine_seconds_of_ten_lie() -> None:
    loud = noise(1, 2) * np.float32(10.0)
    steady = spectrum_of(noise(40))
    at_times = spectrum_of(noise(40), *([loud] * 8))
    assert np.all(np.array(steady.low_db) < np.array(steady.middle_db))
    assert at_times.high_db[-1] == pytest.approx(steady.middle_db[-1] + 20, abs=1.0)
    assert at_times.middle_db[-1] == pytest.approx(steady.middle_db[-1], abs=1.0)


def test_of_many_seconds_every_so_many_are_measured_across_all_recordings(monkeypatch: pytest.MonkeyPatch) -> None:
    recordings = [noise(3.5, 1), noise(0.5, 2), noise(5, 3)]
    monkeypatch.setattr("monitor.learn.normal_spectrum.MOST_SECONDS", 4)
    first, last = recordings[0], recordings[2]
    chosen = [
        first[:RATE_HZ],
        first[2 * RATE_HZ : 3 * RATE_HZ],
        last[RATE_HZ : 2 * RATE_HZ],
        last[3 * RATE_HZ : 4 * RATE_HZ],
    ]
    assert spectrum_of(*recordings) == spectrum_of(*chosen)


def test_bands_are_equally_wide_and_end_below_half_the_rate() -> None:
    edges = spectrum_of(noise(1)).edges_hz
    assert edges[-1] < RATE_HZ / 2
    assert [b / a for a, b in itertools.pairwise(edges)] == pytest.approx([2 ** (1 / PER_OCTAVE)] * (len(edges) - 1))


def test_digital_silence_has_a_level_and_less_than_a_second_has_none() -> None:
    assert set(spectrum_of(np.zeros(RATE_HZ, np.float32)).middle_db) == {-120.0}
    with pytest.raises(ValueError, match="no recording lasts a second"):
        spectrum_of(noise(0.9))
