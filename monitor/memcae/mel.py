"""The mel scale, and triangular bands on it."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from monitor.memcae.preset import SpectrogramSpec


def mel(hertz: float) -> float:
    """O'Shaughnessy's formula, as HTK has it."""
    return 2595 * math.log10(1 + hertz / 700)


def hertz(mel_: float) -> float:
    """The inverse of `mel`."""
    return 700 * (10 ** (mel_ / 2595) - 1)


def triangles(bands: int, spec: SpectrogramSpec, low_hz: float) -> Tensor:
    """Weights of overlapping triangular bands, equally wide on the mel scale, from ``low_hz`` to half the rate.

    Returns:
        [F, bands or fewer], each column with sum 1; a band too narrow to hold a bin is left out.
    """
    steps = torch.linspace(mel(low_hz), mel(spec.rate_hz / 2), bands + 2, dtype=torch.float64)
    edges = torch.tensor([hertz(float(step)) for step in steps], dtype=torch.float64)
    bins = torch.arange(spec.bins, dtype=torch.float64)[:, None] * spec.bin_hz
    rise = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    fall = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    weights = torch.minimum(rise, fall).clamp_min(0)
    total = weights.sum(dim=0)
    return (weights[:, total > 0] / total[total > 0]).float()
