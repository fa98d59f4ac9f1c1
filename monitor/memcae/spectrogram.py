"""Samples to spectrogram: the short-time Fourier transform in the scale that the preset asks for."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

from monitor.memcae.preset import SpectrogramSpec

POWER_FLOOR = 1e-8
"""Added to |X|^2 before the logarithm: -80 dB, which is where 16-bit rounding noise lies in a 512-sample frame."""

PIECE = 640
"""Frames transformed at a time on a processor: what each stage makes of them, 1.3 MB, is still near it for the next.
Fewer make more operations, for which threads beside each other wait: measured on two, 160 took 2.0 ms a window, 640
took 1.6 and 1248 took 1.8."""

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
    if samples.device.type != "cpu":
        transform = torch.fft.rfft(_frames(samples, spec) * hann(spec.n_fft, samples.dtype, samples.device))
        squared: Tensor = transform.real.square() + transform.imag.square()
        return squared.transpose(1, 2)
    found = samples.new_empty(len(samples), spec.frames(samples.shape[1]), spec.bins)
    for place, frames, piece in pieces(samples, spec):
        found[place, frames] = piece
    return found.transpose(1, 2)


def pieces(samples: Tensor, spec: SpectrogramSpec) -> Iterator[tuple[int, slice, Tensor]]:
    """The same on a processor, some frames at a time, which then are still near it for whatever comes next.

    Yields:
        The window's place in the batch, the frames, a multiple of ``spec.average`` of them but for the last ones, and
        their power, [frames, bins].
    """
    window = hann(spec.n_fft, samples.dtype, samples.device)
    step = max(1, PIECE // spec.average) * spec.average
    weighted = samples.new_empty(step, spec.n_fft)
    for place, frames in enumerate(_frames(samples, spec)):
        for first in range(0, len(frames), step):
            some = frames[first : first + step]
            parts = torch.view_as_real(torch.fft.rfft(torch.mul(some, window, out=weighted[: len(some)]))).square_()
            yield place, slice(first, first + len(some)), parts[..., 0] + parts[..., 1]


def _frames(samples: Tensor, spec: SpectrogramSpec) -> Tensor:
    """[B, n] -> [B, frames, n_fft], without a copy."""
    heard = mirrored(samples, spec.n_fft // 2) if spec.centred else samples
    return heard.unfold(1, spec.n_fft, spec.hop)


def mirrored(samples: Tensor, count: int) -> Tensor:
    """[B, n] with ``count`` samples before the first and after the last one, mirrored at it: [B, n + 2 count]."""
    return F.pad(samples[:, None], (count, count), mode="reflect")[:, 0]


@lru_cache
def hann(length: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """The window that every frame is weighted by, [length]."""
    return torch.hann_window(length, dtype=dtype, device=device)


def scaled(squared: Tensor, spec: SpectrogramSpec) -> Tensor:
    """What the network sees of the `power` [B, bins, frames], before it is standardised.

    Returns:
        [B, bins, columns], the power averaged over ``spec.average`` frames: |X| for the scale `magnitude`, ln |X| for
        `log`.
    """
    return in_scale(averages(squared, spec.average), spec)


def in_scale(averaged: Tensor, spec: SpectrogramSpec) -> Tensor:
    """The same of power that is averaged already; of any shape."""
    return averaged.sqrt() if spec.scale == "magnitude" else levels(averaged)


def levels(averaged: Tensor) -> Tensor:
    """Ln |X| of power that is averaged already; of any shape."""
    return (averaged + POWER_FLOOR).log_().mul_(0.5)


def averages(squared: Tensor, frames: int) -> Tensor:
    """The mean over every ``frames`` frames of [B, bins, frames]; what is left over at the end is left out."""
    if frames == 1:
        return squared
    count = squared.shape[2] // frames
    by_frame = squared.transpose(1, 2)  # as `power` has them in memory: whole rows are added, not strided values
    mean = by_frame[:, : count * frames].reshape(len(squared), count, frames, squared.shape[1]).mean(dim=2)
    return mean.transpose(1, 2)


def spectrogram(samples: Tensor, spec: SpectrogramSpec) -> Tensor:
    """[B, n] samples, full scale +-1, as the network sees them before they are standardised: [B, bins, columns]."""
    return scaled(power(samples, spec), spec)
