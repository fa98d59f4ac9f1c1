"""The paper's view: the mean squared error of the reconstruction, as it stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor

from monitor.memcae.fusion import Role
from monitor.memcae.views.observation import Observation
from monitor.memcae.views.view import Fit, View


def describe(seen: Observation) -> Tensor:
    """The mean squared error over bins and columns: [B, 1]."""
    return (seen.reconstruction - seen.target).square().mean(dim=(1, 2))[:, None]


def fit(recordings: Sequence[Tensor]) -> Mapping[str, Tensor]:
    """Nothing to learn from ``recordings``."""
    del recordings
    return {}


def distance(fitted: Fit, described: Tensor) -> Tensor:
    """The error itself: [B, 1] -> [B]."""
    del fitted
    return described[:, 0]


MSE = View("mse", Role.ANCHOR, describe, fit, (), distance, network=True)
