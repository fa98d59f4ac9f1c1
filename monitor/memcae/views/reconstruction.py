"""The reconstruction view: what the autoencoder fails to bring back, each bin weighed by what is normal for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from monitor.memcae.fusion import Role
from monitor.memcae.views.observation import Observation
from monitor.memcae.views.view import Fit, View

LEAST_ERROR = 1e-6
"""Smallest normal error a bin is weighed by, squared units of the bin's deviation: digital silence stays finite."""


def describe(seen: Observation) -> Tensor:
    """The mean squared error of every bin over the window: [B, F]."""
    return (seen.reconstruction - seen.target).square().mean(dim=2)


def fit(recordings: Sequence[Tensor]) -> Mapping[str, Tensor]:
    """The weight of every bin, 1 / its mean error on normal sound: [n, F] of each recording -> [F]."""
    return {"weight": 1 / torch.cat(list(recordings)).mean(dim=0).clamp_min(LEAST_ERROR)}


def distance(fitted: Fit, described: Tensor) -> Tensor:
    """The mean over bins of the error in units of the normal one: [B, F] -> [B], about 1 for normal sound."""
    weighted: Tensor = described * fitted["weight"]
    return weighted.mean(dim=1)


RECONSTRUCTION = View("reconstruction", Role.DOUBTED, describe, fit, ("weight",), distance, network=True)
