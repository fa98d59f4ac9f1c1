from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.signal
import torch

from monitor.memcae.preset import DEFAULT, PAPER, SpectrogramSpec
from monitor.memcae.spectrogram import POWER_FLOOR, power, spectrogram
from tests.memcae.small import noise

UNCENTRED = replace(PAPER.spectrogram, centred=False)


@pytest.mark.parametrize("spec", [PAPER.spectrogram, UNCENTRED], ids=["centred", "uncentred"])
def test_magnitude_is_scipys(spec: SpectrogramSpec) -> None:
    samples = noise(1, 1.0)[0].numpy().astype(np.float64)
    padded = np.pad(samples, spec.n_fft // 2, mode="reflect") if spec.centred else samples
    window = scipy.signal.get_window("hann", spec.n_fft)
    _, _, expected = scipy.signal.stft(
        padded, window=window, nperseg=spec.n_fft, noverlap=spec.n_fft - spec.hop, boundary=None, padded=False
    )
    found = spectrogram(torch.from_numpy(samples)[None], spec)[0].numpy()
    np.testing.assert_allclose(found, np.abs(expected) * window.sum(), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("spec", [PAPER.spectrogram, DEFAULT.spectrogram], ids=["paper", "default"])
@pytest.mark.parametrize("samples", [1000, 16_000, 32_001, 160_000])
def test_the_spec_foretells_the_columns(spec: SpectrogramSpec, samples: int) -> None:
    assert spectrogram(torch.zeros(1, samples), spec).shape == (1, spec.bins, spec.columns(samples))


def test_too_few_samples_give_no_columns() -> None:
    assert DEFAULT.spectrogram.columns(511) == 0


def test_the_default_is_the_log_of_the_power_averaged_over_eight_frames() -> None:
    samples = noise(2, 1.0)
    frames = power(samples, DEFAULT.spectrogram)
    first = frames[:, :, :8].mean(dim=2)
    expected = 0.5 * torch.log(first + POWER_FLOOR)
    torch.testing.assert_close(spectrogram(samples, DEFAULT.spectrogram)[:, :, 0], expected)


def test_digital_silence_is_finite() -> None:
    assert spectrogram(torch.zeros(1, 16_000), DEFAULT.spectrogram).isfinite().all()


def test_a_tone_peaks_in_its_bin() -> None:
    tone = torch.sin(2 * torch.pi * 1000.0 * torch.arange(16_000) / 16_000)
    levels = spectrogram(tone[None], PAPER.spectrogram)[0].mean(dim=1)
    assert int(levels.argmax()) == round(1000.0 / PAPER.spectrogram.bin_hz)
