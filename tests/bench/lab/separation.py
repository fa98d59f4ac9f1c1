"""How well scores tell normal from anomalous: the AUC of each view and of their fusion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitor.learn.evaluate_figures import auc
from monitor.memcae.score import Score

FUSED = "fused"
"""Stands for the score itself among the names of the views."""


@dataclass(frozen=True, slots=True)
class Sides:
    """Scores of windows whose truth is known."""

    normal: tuple[Score, ...]
    anomalous: tuple[Score, ...]

    def auc(self) -> dict[str, float]:
        """Of each view, and of FUSED last."""
        names = (*self.normal[0].views, FUSED)
        return {name: auc(column(self.normal, name), column(self.anomalous, name)) for name in names}


def column(scores: Sequence[Score], name: str) -> NDArray[np.float64]:
    """The values of one view, or of FUSED: [scores]."""
    return np.array([each.value if name == FUSED else each.views[name] for each in scores], dtype=np.float64)


def mean(found: Sequence[dict[str, float]]) -> dict[str, float]:
    """The mean of each name's values."""
    return {name: float(np.mean([each[name] for each in found])) for name in found[0]}
