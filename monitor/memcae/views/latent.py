"""The latent view: the time average of the encoder's last layer against the normal ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from monitor.memcae.fusion import Role
from monitor.memcae.mahalanobis import ledoit_wolf, squared_distance
from monitor.memcae.views.observation import Observation
from monitor.memcae.views.view import Fit, View

LEARNS = ("centre", "axes", "along", "beside")
"""Names of what `fit` gives."""


def describe(seen: Observation) -> Tensor:
    """The mean of every channel and frequency of the last layer over the window: [B, C * F']."""
    return seen.layers[-1].mean(dim=3).flatten(start_dim=1)


def fit(recordings: Sequence[Tensor]) -> Mapping[str, Tensor]:
    """Where the normal vectors of each recording, [n, d], lie and how they spread; the layer's own scale is kept."""
    described = torch.cat(list(recordings))
    centre = described.mean(dim=0)
    spread = ledoit_wolf(described - centre, [len(each) for each in recordings])
    return {"centre": centre, "axes": spread.axes, "along": spread.along, "beside": spread.beside}


def distance(fitted: Fit, described: Tensor) -> Tensor:
    """The distance of [B, d] vectors from normal, [B]."""
    centred = described - fitted["centre"]
    return squared_distance(centred, fitted["axes"], fitted["along"], fitted["beside"]).sqrt()


ABSENT = {"along": 1.0}
"""Variance along an axis of zeros, which no vector lies along."""

LATENT = View("latent", Role.PARTNER, describe, fit, LEARNS, distance, network=True, absent=ABSENT)
