"""Which frequency bands of a window stand out from normal, and by how many decibels."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from monitor.memcae.mel import hertz, mel
from monitor.memcae.preset import SpectrogramSpec
from monitor.memcae.score import Band

BANDS = 24
"""Bands from 0 Hz to half the rate, equally wide on the mel scale: few enough to read."""

SHOWN = 3
"""Bands named in a score, the strongest first."""

LEAST_SPREAD_DB = 0.5
"""Smallest deviation a band is judged by: half a decibel is what a microphone drifts."""

LEAST_SURPRISE = 3.0
"""A band is named when its level lies this many deviations from its normal mean; below, it explains nothing."""


@dataclass(frozen=True, slots=True)
class NormalLevels:
    """The level of every band on normal sound."""

    mean_db: Tensor
    """[K], mean over the training windows."""
    spread_db: Tensor
    """[K], deviation over the training windows."""


def edges_hz(spec: SpectrogramSpec) -> list[float]:
    """The BANDS + 1 borders of the bands, hertz, ascending; each band holds at least one bin."""
    top = mel(spec.rate_hz / 2)
    ideal = [hertz(top * k / BANDS) / spec.bin_hz for k in range(BANDS + 1)]
    bins = [0]
    for border in ideal[1:]:
        bins.append(max(bins[-1] + 1, round(border)))
    return [bin_ * spec.bin_hz for bin_ in bins]


def band_levels(levels: Tensor, spec: SpectrogramSpec) -> Tensor:
    """The mean level of every band: levels of the bins [B, F], decibels -> [B, K]."""
    return levels @ _shares(spec).to(levels)


@lru_cache
def _shares(spec: SpectrogramSpec) -> Tensor:
    """The share of each bin in the mean of its band: [F, K]."""
    borders = [round(edge / spec.bin_hz) for edge in edges_hz(spec)]
    borders[-1] = spec.bins  # the last bin, at half the rate, closes the last band
    shares = torch.zeros(spec.bins, BANDS)
    for band, (low, high) in enumerate(itertools.pairwise(borders)):
        shares[low:high, band] = 1 / (high - low)
    return shares


def normal_levels(levels: Tensor) -> NormalLevels:
    """The levels of normal windows [n, K] as what later ones are held against."""
    return NormalLevels(levels.mean(dim=0), levels.std(dim=0, correction=0).clamp_min(LEAST_SPREAD_DB))


def bands(excess_db: Tensor, normal: NormalLevels, spec: SpectrogramSpec) -> list[tuple[Band, ...]]:
    """The bands of each window that deviate most in terms of what is normal for them.

    Args:
        excess_db: [B, K], level above the normal mean.
        normal: what the excess is judged by.
        spec: gives the bands their frequencies.

    Returns:
        For each window at most SHOWN bands, the strongest first; none for a window that is not finite.
    """
    surprise = (excess_db / normal.spread_db).abs()
    strongest = surprise.nan_to_num(nan=0.0).topk(SHOWN, dim=1)
    chosen = strongest.indices.tolist()
    enough = (strongest.values >= LEAST_SURPRISE).tolist()
    excess = excess_db.tolist()
    edges = edges_hz(spec)
    return [
        tuple(Band(edges[k], edges[k + 1], row[k]) for k, named in zip(ks, names, strict=True) if named)
        for row, ks, names in zip(excess, chosen, enough, strict=True)
    ]
