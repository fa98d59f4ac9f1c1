"""Samples to spectrogram: the short-time Fourier transform in the scale that the preset asks for."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from monitor.memcae.preset import SpectrogramSpec

POWER_FLOOR = 1e-8
"""Added to |X|^2 before the logarithm: -80 dB, which is where 16-bit rounding noise lies in a 512-sample frame."""

DB_PER_NEPER = 8.685889638065037
"""20 / ln 10: natural logarithms of a magnitude to decibels."""


def power(samples: Tensor, spec: SpectrogramSpec) -> Tensor:
    """Squared magnitude of the short-time Fourier transform.

    Args:
        samples: [B, n], full scale +-1, at ``spec.rate_hz``; n at least ``spec.n_fft``.
        spec: frame length and hop; its scale and averaging are left to `scaled`.

    Returns:
        [B, bins, frames].
    """
    window = torch.hann_window(spec.n_fft, dtype=samples.dtype, device=samples.device)
    transform = torch.stft(
        samples, spec.n_fft, spec.hop, window=window, center=spec.centred, pad_mode="reflect", return_complex=True
    )
    return transform.real.square() + transform.imag.square()


def scaled(squared: Tensor, spec: SpectrogramSpec) -> Tensor:
    """What the network sees of the `power` [B, bins, frames], before it is standardised.

    Returns:
        [B, bins, columns], the power averaged over ``spec.average`` frames: |X| for the scale `magnitude`, ln |X| for
        `log`.
    """
    averaged = squared if spec.average == 1 else F.avg_pool1d(squared, spec.average)
    return averaged.sqrt() if spec.scale == "magnitude" else 0.5 * (averaged + POWER_FLOOR).log()


def spectrogram(samples: Tensor, spec: SpectrogramSpec) -> Tensor:
    """[B, n] samples, full scale +-1, as the network sees them before they are standardised: [B, bins, columns]."""
    return scaled(power(samples, spec), spec)
