"""How often a level that was never recorded will be reached: a generalised Pareto tail, with all that is left open.

Peaks over a base level follow, in the limit, a generalised Pareto law (Pickands 1975; Coles 2001, "An introduction to
statistical modeling of extreme values", chapter 4). Its shape cannot be had from some ten peaks: maximum likelihood and
the bootstrap then either explode or end at the highest peak. So the whole posterior over rate, scale and shape is kept
on a grid, with a weak prior on the shape, and every answer is a quantile over it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import gamma

Series = NDArray[np.float64]

SHAPE_MEAN: Final = 0.15
SHAPE_SD: Final = 0.28
"""Prior of the shape: from the bounded (-0.4) past the exponential (0) to a Pareto law without a variance (0.5 and
more), which is where scores of machine sound and the laws of tests/bench/promise.py lie."""
SHAPE_LOW: Final = -0.5
"""Below it maximum likelihood is not regular; so short a tail is not seen in scores that have no upper end."""
SHAPE_HIGH: Final = 1.0
"""Beyond it the mean excess is infinite."""
SHAPE_POINTS: Final = 31
SCALE_SD: Final = 1.0
"""Prior of the log scale around half a spread of the scores: a factor e either way; matters below ten peaks only."""
SCALE_POINTS: Final = 41
SCALE_REACH: Final = 2.5
"""Half width of the grid of the log scale for up to 16 peaks; narrower with more, as the posterior is."""
RATE_POINTS: Final = 9
"""Equally likely values of the rate at the base."""
NEGLIGIBLE: Final = 1e-4
"""Grid points less likely than this share of the likeliest are left out; the quantiles used do not feel them."""
EXPONENTIAL: Final = 1e-6
"""A shape nearer to 0 than this is 0: the formulas divide by it."""


@dataclass(frozen=True, slots=True, eq=False)
class Tail:
    """Equally shaped arrays [points]: what the law may be, and how likely each is."""

    base: float
    """Level above which the law holds, unit of the score."""
    rate: Series
    """Peaks above the base per place."""
    scale: Series
    """Unit of the score."""
    shape: Series
    weight: Series
    """Sums to 1."""

    def rate_above(self, u: float, quantile: float) -> float:
        """Peaks above ``u`` per place: with probability ``quantile``, it is no more than this."""
        height = max(u - self.base, 0.0) / self.scale
        straight, shape = self._shapes()
        logs = np.log1p(np.maximum(shape * height, -1 + 1e-12)) / shape  # at -1 the law has its upper end
        return self._quantile(self.rate * np.exp(-np.where(straight, height, logs)), quantile)

    def level(self, rate: float, quantile: float) -> float:
        """The level above which `rate_above` is no more than ``rate`` (per place); the base where it is below already.

        Each possible law has a level of its own that it exceeds at this rate, and the rate above u is no more than
        ``rate`` exactly under the laws whose level is no higher than u.
        """
        times = np.log(np.maximum(self.rate / rate, 1.0))
        straight, shape = self._shapes()
        return self._quantile(
            self.base + self.scale * np.where(straight, times, np.expm1(shape * times) / shape), quantile
        )

    def _shapes(self) -> tuple[NDArray[np.bool_], Series]:
        """Where the law is exponential, and shapes that can be divided by."""
        straight = np.abs(self.shape) < EXPONENTIAL
        return straight, np.where(straight, 1.0, self.shape)

    def _quantile(self, values: Series, quantile: float) -> float:
        order = np.argsort(values)
        place = int(np.searchsorted(np.cumsum(self.weight[order]), quantile))
        return float(values[order[min(place, len(order) - 1)]])


def fit_tail(excess: Series, base: float, places: float, *, information: float, scale_guess: float) -> Tail:
    """The posterior of the law above ``base``.

    Args:
        excess: peaks less the base, shape [peaks], at least one, 0 or more.
        base: unit of the score.
        places: windows over which the peaks were found.
        information: weight of each peak and place: below 1 when peaks come unevenly, above 1 to see what more data
            of the same kind would tell.
        scale_guess: about how far the scores reach above the base, greater than 0.
    """
    count = len(excess) * information
    centre = np.log(max(float(np.mean(excess)), scale_guess * 1e-3))
    reach = SCALE_REACH * min(1.0, 4 / np.sqrt(max(count, 1.0)))
    shape, log_scale = np.meshgrid(
        np.linspace(SHAPE_LOW, SHAPE_HIGH, SHAPE_POINTS),
        centre + np.linspace(-reach, reach, SCALE_POINTS),
        indexing="ij",
    )
    log_weight = information * _log_likelihood(excess, shape, log_scale)
    log_weight -= 0.5 * ((shape - SHAPE_MEAN) / SHAPE_SD) ** 2
    log_weight -= 0.5 * ((log_scale - np.log(scale_guess)) / SCALE_SD) ** 2
    weight = np.exp(log_weight - log_weight.max())
    kept = weight > NEGLIGIBLE
    rate = gamma.ppf((np.arange(RATE_POINTS) + 0.5) / RATE_POINTS, count) / (information * places)
    return Tail(
        base=base,
        rate=np.tile(rate, int(kept.sum())),
        scale=np.repeat(np.exp(log_scale[kept]), RATE_POINTS),
        shape=np.repeat(shape[kept], RATE_POINTS),
        weight=np.repeat(weight[kept] / weight[kept].sum() / RATE_POINTS, RATE_POINTS),
    )


def _log_likelihood(excess: Series, shape: Series, log_scale: Series) -> Series:
    """Of a generalised Pareto law, on the grid; minus infinity where a peak lies beyond its upper end."""
    reached = excess * np.exp(-log_scale)[..., None]
    inside = np.all(shape[..., None] * reached > -1, axis=-1)
    near_zero = np.abs(shape) < EXPONENTIAL
    safe_shape = np.where(near_zero, 1.0, shape)
    logs = np.log1p(np.maximum(safe_shape[..., None] * reached, -1 + 1e-12)).sum(axis=-1)
    tail = np.where(near_zero, reached.sum(axis=-1), (1 + 1 / safe_shape) * logs)
    return np.where(inside, -len(excess) * log_scale - tail, -np.inf)
