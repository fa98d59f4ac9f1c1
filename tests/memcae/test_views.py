from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from monitor.memcae.fusion import Role
from monitor.memcae.preset import PRESETS, Preset
from monitor.memcae.views import VIEWS, contrast, recall, spectrum
from monitor.memcae.views.observation import Observation
from monitor.memcae.views.view import View
from tests.memcae.small import SMALL, SMALL_PAPER, network_of, noise

BOTH = replace(SMALL, network=replace(SMALL_PAPER.network, asked_bands=4))
"""A network with everything that any view asks for."""

NETWORK = network_of(BOTH)


def _describe(view: View, samples: Tensor) -> Tensor:
    with torch.inference_mode():
        return view.describe(Observation(samples, BOTH.spectrogram, NETWORK))


def _fit(view: View, samples: Tensor) -> dict[str, Tensor]:
    return dict(view.fit([row[None] for row in _describe(view, samples).double()]))


def _distance(view: View, fitted: dict[str, Tensor], samples: Tensor) -> Tensor:
    return view.distance(fitted, _describe(view, samples).double())


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_a_window_is_described_the_same_alone_and_in_a_batch(view: View) -> None:
    samples = noise(3, 2.0)
    together = _describe(view, samples)
    alone = torch.cat([_describe(view, each[None]) for each in samples])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_a_broken_window_does_not_touch_the_others(view: View) -> None:
    samples = noise(3, 2.0)
    fitted = _fit(view, noise(10, 2.0, seed=1))
    whole = _distance(view, fitted, samples)
    samples[1, 100] = torch.nan
    hurt = _distance(view, fitted, samples)
    torch.testing.assert_close(hurt[[0, 2]], whole[[0, 2]])


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_a_view_learns_what_it_says_it_learns(view: View) -> None:
    assert set(_fit(view, noise(4, 1.0))) == set(view.learns)


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
@pytest.mark.parametrize("seconds", [1.0, 1.5, 6.4])
def test_windows_of_other_lengths_are_finite(view: View, seconds: float) -> None:
    assert _describe(view, noise(2, seconds)).isfinite().all()


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_digital_silence_is_finite(view: View) -> None:
    fitted = _fit(view, torch.zeros(6, 32_000))
    assert _distance(view, fitted, torch.zeros(1, 32_000)).isfinite().all()
    assert _distance(view, fitted, noise(1, 2.0)).isfinite().all()


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
def test_every_preset_has_known_views_and_one_anchor(preset: Preset) -> None:
    assert [VIEWS[name].role for name in preset.views].count(Role.ANCHOR) == 1


def test_the_contrast_is_the_likelihood_ratio_of_changed_to_normal() -> None:
    random = np.random.default_rng(0)
    recordings = [torch.from_numpy(random.standard_normal((1, 9)) * np.arange(1, 10)) for _ in range(40)]
    change = 4.0 * contrast.alike(9, 2.0)
    fitted = contrast.fit(recordings, change)
    x = torch.cat(recordings).numpy()
    scale = x.std(axis=0)
    scale = np.maximum(scale, 0.05 * np.median(scale) + 1e-6)
    normal = _standard_covariance((x - x.mean(axis=0)) / scale)
    ratio = np.linalg.inv(normal) - np.linalg.inv(normal + change.numpy() / np.outer(scale, scale))
    z = (random.standard_normal((5, 9)) * 3 - x.mean(axis=0)) / scale
    expected = np.sqrt(np.einsum("ij,jk,ik->i", z, ratio, z))
    found = contrast.distance(fitted, torch.from_numpy(z * scale + x.mean(axis=0)))
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-3)


def _standard_covariance(
    z: np.ndarray[tuple[int, int], np.dtype[np.float64]],
) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    from monitor.memcae.mahalanobis import LEAST_VARIANCE, ledoit_wolf

    return np.asarray(ledoit_wolf(torch.from_numpy(z), [1] * len(z)).covariance().numpy() + LEAST_VARIANCE * np.eye(9))


def test_what_passes_in_a_quarter_of_the_window_is_not_heard_and_what_stays_is() -> None:
    view = VIEWS["spectrum"]
    fitted = _fit(view, noise(40, 4.0))
    steady, passing = noise(1, 4.0, seed=9), noise(1, 4.0, seed=9)
    passing[:, :16_000] *= 10  # 20 dB louder for a quarter of the window
    normal = _distance(view, fitted, noise(20, 4.0, seed=5)).max()
    assert _distance(view, fitted, passing) < normal
    assert _distance(view, fitted, 10 * steady) > 3 * normal


def test_the_spectrum_hears_a_band_that_grows_by_two_decibels() -> None:
    view = VIEWS["spectrum"]
    fitted = _fit(view, noise(40, 4.0))
    normal = _distance(view, fitted, noise(20, 4.0, seed=5)).max()
    assert _distance(view, fitted, _louder_band(noise(5, 4.0, seed=6), 2000, 3000, 2.0)).min() > normal


def _louder_band(samples: Tensor, low_hz: float, high_hz: float, decibels: float) -> Tensor:
    transform = torch.fft.rfft(samples)
    hertz = torch.fft.rfftfreq(samples.shape[1], 1 / 16_000)
    transform[:, (hertz > low_hz) & (hertz < high_hz)] *= 10 ** (decibels / 20)
    louder: Tensor = torch.fft.irfft(transform, n=samples.shape[1])
    return louder


def test_the_rhythm_does_not_hear_the_gain() -> None:
    samples = noise(2, 2.0)
    torch.testing.assert_close(
        _describe(VIEWS["rhythm"], samples), _describe(VIEWS["rhythm"], 3 * samples), rtol=0, atol=2e-2
    )


def test_the_rhythm_hears_knocks_that_the_spectrum_does_not() -> None:
    knocking = noise(5, 4.0, seed=6)
    for first in range(0, knocking.shape[1], 8000):
        knocking[:, first : first + 160] *= 8
    excess = {}
    for name in ("rhythm", "spectrum"):
        fitted = _fit(VIEWS[name], noise(40, 4.0))
        normal = _distance(VIEWS[name], fitted, noise(20, 4.0, seed=5))
        excess[name] = float((_distance(VIEWS[name], fitted, knocking).min() - normal.mean()) / normal.std())
    assert excess["rhythm"] > 10
    assert excess["spectrum"] < excess["rhythm"] / 3


@pytest.mark.parametrize("seconds", [1.0, 2.0, 10.0])
def test_the_rhythm_tells_slow_from_fast_movement(seconds: float) -> None:
    time_s = torch.arange(round(seconds * 16_000)) / 16_000
    slow = noise(1, seconds) * (1 + 0.9 * torch.sin(2 * torch.pi * 2.3 * time_s))
    fast = noise(1, seconds) * (1 + 0.9 * torch.sin(2 * torch.pi * 20.0 * time_s))
    by_octave: Sequence[Tensor] = [
        _describe(VIEWS["rhythm"], each)[0, :96].reshape(6, 16).mean(dim=1) for each in (slow, fast)
    ]
    assert int((by_octave[0] - by_octave[1]).argmax()) == 1  # 1.6 to 3.1 Hz
    assert int((by_octave[1] - by_octave[0]).argmax()) == 4  # 12.5 to 25 Hz


def _memory(fitted: dict[str, Tensor], described: Tensor) -> Tensor:
    """The recall view by plain loops: equations 4 and 3 for one query after the other."""
    slots, distances = fitted["slots"], []
    for row in described:
        z = (spectrum.forgive(row[None], fitted["normal"])[0] - fitted["centre"]) @ fitted["axes"]
        cosines = [float(z @ m / (z.norm() * m.norm())) for m in slots]
        weights = [math.exp(recall.SHARPNESS * cosine) for cosine in cosines]
        recalled = sum((w * m for w, m in zip(weights, slots, strict=True)), torch.zeros_like(z)) / sum(weights)
        distances.append((z - recalled).norm())
    return torch.stack(distances)


def test_the_recall_view_is_equations_4_and_3_over_normal_windows() -> None:
    view = VIEWS["recall"]
    fitted = _fit(view, noise(12, 2.0, seed=1))
    described = _describe(view, noise(4, 2.0, seed=2)).double()
    torch.testing.assert_close(view.distance(fitted, described), _memory(fitted, described))


@pytest.mark.parametrize("name", ["recall", "spectrum"])
def test_a_whole_sound_that_is_3_db_louder_is_forgiven_and_6_db_are_not(name: str) -> None:
    view = VIEWS[name]
    fitted = _fit(view, noise(12, 2.0, seed=1))
    samples = noise(1, 2.0, seed=2)
    as_it_is, louder, loud = (float(_distance(view, fitted, samples * 10 ** (db / 20))) for db in (0.0, 2.9, 6.0))
    assert louder == pytest.approx(as_it_is, rel=0.05)
    assert loud > 1.4 * as_it_is


def _brighter(samples: Tensor, per_octave_db: float) -> Tensor:
    """The sound with so much more level for each octave above 1 kHz."""
    octave = (torch.fft.rfftfreq(samples.shape[1], 1 / 16_000).clamp_min(62.5) / 1000).log2()
    brighter: Tensor = torch.fft.irfft(torch.fft.rfft(samples) * 10 ** (per_octave_db * octave / 20))
    return brighter


@pytest.mark.parametrize("name", ["recall", "spectrum"])
def test_a_tilt_of_half_a_decibel_an_octave_is_forgiven_and_a_peak_of_as_much_power_is_not(name: str) -> None:
    view = VIEWS[name]
    fitted = _fit(view, noise(12, 2.0, seed=1))
    samples = noise(1, 2.0, seed=2)
    as_it_is, brighter, far = (float(_distance(view, fitted, _brighter(samples, db))) for db in (0.0, 0.45, 3.0))
    assert brighter == pytest.approx(as_it_is, rel=0.05)
    assert far > 1.15 * as_it_is
    assert float(_distance(view, fitted, _louder_band(samples, 2000, 2500, 2.0))) > 1.5 * as_it_is


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_fits_of_several_machines_put_together_judge_each_window_by_its_own(view: View) -> None:
    fits = [_fit(view, noise(count, 2.0, seed=count)) for count in (6, 11, 8)]
    assert len({tuple(each.shape for each in fit.values()) for fit in fits}) > 1 or view.name in _ALIKE
    described = _describe(view, noise(3, 2.0, seed=9))
    together = view.distance(view.together(fits), described)
    alone = torch.cat([view.distance(fit, row[None]) for fit, row in zip(fits, described, strict=True)])
    torch.testing.assert_close(together, alone, rtol=1e-5, atol=1e-8)


_ALIKE = {"mse", "reconstruction"}
"""Views whose fits are of one size however many windows they saw."""
