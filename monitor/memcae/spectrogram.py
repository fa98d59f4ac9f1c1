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
    if spec.centred:
        half = spec.n_fft // 2
        samples = F.pad(samples[:, None], (half, half), mode="reflect")[:, 0]
    frames = samples.unfold(1, spec.n_fft, spec.hop)
    if samples.is_cuda:
        transform = torch.fft.rfft(frames * window)
        squared: Tensor = transform.real.square() + transform.imag.square()
        return squared.transpose(1, 2)
    found = samples.new_empty(len(samples), frames.shape[1], spec.bins)
    for each, out in zip(frames, found, strict=True):  # a window at a time stays in the cache
        parts = torch.view_as_real(torch.fft.rfft(each * window)).square_()
        torch.add(parts[..., 0], parts[..., 1], out=out)
    return found.transpose(1, 2)


def scaled(squared: Tensor, spec: SpectrogramSpec) -> Tensor:
    """What the network sees of the `power` [B, bins, frames], before it is standardised.

    Returns:
        [B, bins, columns], the power averaged over ``spec.average`` frames: |X| for the scale `magnitude`, ln |X| for
        `log`.
    """
    averaged = averages(squared, spec.average)
    return averaged.sqrt() if spec.scale == "magnitude" else 0.5 * (averaged + POWER_FLOOR).log()


def averages(squared: Tensor, frames: int) -> Tensor:
    """The mean over every ``frames`` frames of [B, bins, frames]; what is left over at the end is left out."""
    if frames == 1:
        return squared
    count = squared.shape[2] // frames
    by_frame = squared.transpose(1, 2)  # as `power` has them in memory: whole rows are added, not strided values
    mean = by_frame[:, : count * frames].reshape(len(squared), count, frames, -1).mean(dim=2)
    return mean.transpose(1, 2)


def spectrogram(samples: Tensor, spec: SpectrogramSpec) -> Tensor:
    """[B, n] samples, full scale +-1, as the network sees them before they are standardised: [B, bins, columns]."""
    return scaled(power(samples, spec), spec)
