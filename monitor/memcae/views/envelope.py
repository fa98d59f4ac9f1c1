"""How the loudness of a few bands moves, frame by frame: what the rhythm view looks at."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

from monitor.memcae.mel import triangles
from monitor.memcae.preset import SEGMENT_STEP, SpectrogramSpec
from monitor.memcae.spectrogram import POWER_FLOOR

BANDS = 16
"""Envelopes: enough to tell a valve from a shaft, few enough that each is steady."""

LOW_HZ = 50.0
"""Where the lowest band begins: below lies rumble."""

SEGMENT_S = 1.28
"""Length of the segments whose modulation spectra are averaged; they begin `SEGMENT_STEP` frames apart."""

OCTAVES_HZ = (0.8, 1.6, 3.1, 6.2, 12.5, 25.0, 62.6)
"""Borders of the rates of movement that are told apart: from a slow swell to the roughness of a bearing."""


def envelopes(squared: Tensor, spec: SpectrogramSpec) -> Tensor:
    """The log power of each band in every frame: power [B, F, frames] -> [B, frames, BANDS], nepers."""
    return (squared.transpose(1, 2) @ weights(spec).to(squared) + POWER_FLOOR).log()


def segment_frames(spec: SpectrogramSpec) -> int:
    """Frames of a segment."""
    return round(SEGMENT_S * spec.rate_hz / spec.hop)


def movement(envelope: Tensor, spec: SpectrogramSpec) -> Tensor:
    """The power of each octave of movement of each band, segment by segment.

    Args:
        envelope: from `envelopes`, [B, T, BANDS]; shorter than a segment, it is one.
        spec: gives the frames their rate.

    Returns:
        [B, segments, BANDS, octaves], squared nepers.
    """
    size = min(segment_frames(spec), envelope.shape[1])
    by_band = envelope.transpose(1, 2).contiguous()  # a band's frames side by side: the transform is four times as fast
    pieces = by_band.unfold(2, size, SEGMENT_STEP)  # [B, BANDS, segments, size]
    window, octaves = _segment(size, spec.rate_hz / spec.hop, envelope.dtype, envelope.device)
    moved = torch.fft.rfft((pieces - pieces.mean(dim=3, keepdim=True)).mul_(window))
    squares = torch.view_as_real(moved).square().flatten(start_dim=3)  # real and imaginary parts by turns
    return (squares @ octaves).transpose(1, 2)


def rises(envelope: Tensor) -> Tensor:
    """How much all bands together rise from each frame to the next: [B, T, BANDS] -> [B, T - 1], nepers."""
    return envelope.diff(dim=1).clamp_min(0).mean(dim=2)


@lru_cache
def weights(spec: SpectrogramSpec) -> Tensor:
    """The share of each bin in each band: [F, BANDS]."""
    return triangles(BANDS, spec, LOW_HZ)


@lru_cache
def _segment(size: int, frame_rate: float, dtype: torch.dtype, device: torch.device) -> tuple[Tensor, Tensor]:
    """A segment's window, [size], and the weights of the squares of its transform by octaves, [2 * rates, octaves]."""
    window = torch.hann_window(size, periodic=False, dtype=dtype, device=device)
    octaves = _octaves(size, frame_rate).to(window) / window.square().sum()
    return window, octaves.repeat_interleave(2, dim=0)


@lru_cache
def _octaves(size: int, frame_rate: float) -> Tensor:
    """Weights that average the rates of a segment of ``size`` frames into octaves: [rates, octaves]."""
    rates = torch.fft.rfftfreq(size, 1 / frame_rate, dtype=torch.float64)
    low, high = torch.tensor(OCTAVES_HZ[:-1]), torch.tensor(OCTAVES_HZ[1:])
    inside = ((rates[:, None] >= low) & (rates[:, None] < high)).double()
    nearest = F.one_hot((rates[:, None] - (low * high).sqrt()).abs().argmin(dim=0), len(rates)).T.double()
    inside = torch.where(inside.sum(dim=0) > 0, inside, nearest)  # a short window resolves no slow octave
    return (inside / inside.sum(dim=0)).float()
