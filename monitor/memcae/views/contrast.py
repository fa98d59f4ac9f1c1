"""Changed or only spread: how much better a change as faults make it explains a vector than normal spread does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from monitor.memcae.mahalanobis import LEAST_VARIANCE, ledoit_wolf, project
from monitor.memcae.views.view import Fit

LEARNS = ("centre", "axes")
"""Names of what `fit` gives."""

LEAST_SCALE = 0.05
"""Smallest deviation a value is divided by, as a share of the median one: a value that hardly moved in the recordings
may do so later without meaning anything."""

NEGLIGIBLE = 1e-6
"""Directions that carry less than this share of the strongest are left out; a change is smooth, so most do."""


def fit(recordings: Sequence[Tensor], change: Tensor, doubt: Tensor | None = None) -> Mapping[str, Tensor]:
    """The axes along which a change shows against normal spread.

    A fault moves neighbouring values together, so the distance is not the Mahalanobis distance, which looks for a
    change in any direction, but the log-likelihood ratio of "normal, plus a change of covariance A" to "normal". With
    C the normal covariance it is z^T Q z / 2 but for a constant, Q = C^-1 - (C + A)^-1.

    Args:
        recordings: the normal vectors of each recording, [n, d], double precision.
        change: A, [d, d], in the units of the vectors.
        doubt: what normal vectors may vary by beyond what the recordings show, [d, d], likewise; None is nothing.
    """
    described = torch.cat(list(recordings))
    centre = described.mean(dim=0)
    deviation = described.std(dim=0, correction=0)
    tiny = 1e-6  # for values that are all constant, such as those of digital silence
    scale = deviation.clamp_min(float(LEAST_SCALE * deviation.median()) + tiny)
    normal = ledoit_wolf((described - centre) / scale, [len(each) for each in recordings]).covariance()
    normal.diagonal().add_(LEAST_VARIANCE)
    units = torch.outer(scale, scale)
    if doubt is not None:
        normal += doubt.to(normal) / units
    changed = normal + change.to(normal) / units
    strength, directions = torch.linalg.eigh(torch.linalg.inv(normal) - torch.linalg.inv(changed))
    kept = strength > NEGLIGIBLE * strength.max()
    return {"centre": centre, "axes": directions[:, kept] * strength[kept].sqrt() / scale[:, None]}


def coordinates(fitted: Fit, described: Tensor) -> Tensor:
    """Where [B, d] vectors lie along the axes, each scaled by how much it says: [B, r]."""
    return project(described - fitted["centre"], fitted["axes"])


def distance(fitted: Fit, described: Tensor) -> Tensor:
    """The root of z^T Q z: [B, d] -> [B]."""
    length: Tensor = torch.linalg.vector_norm(coordinates(fitted, described), dim=1)
    return length


def alike(count: int, reach: float) -> Tensor:
    """How alike ``count`` neighbours are changed, falling off as a Gaussian of deviation ``reach``: [count, count]."""
    place = torch.arange(count, dtype=torch.float64)
    return torch.exp(-0.5 * ((place[:, None] - place) / reach).square())
