"""Order statistics of normal scores: what they promise holds for any law, as long as normal stays normal."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


def conformal_rank(places: int, alpha: float) -> int:
    """Which largest of ``places`` scores a new one exceeds with a probability of at most ``alpha``.

    Split conformal (Vovk; Lei et al. 2018): the m-th largest with m = floor(alpha (places + 1)), which is the
    ceil((1 - alpha)(places + 1))-th smallest.

    Returns:
        m; 0 when alpha < 1 / (places + 1), where the data cannot tell.
    """
    # The last factor keeps a product such as 0.1 * 10 from falling below the whole number that it is.
    return min(places, math.floor(alpha * (places + 1) * (1 + 1e-12)))


def conformal_quantile(scores: NDArray[np.float64], alpha: float) -> float:
    """The lowest score that a new normal window exceeds with a probability of at most ``alpha``.

    Args:
        scores: out of sample, exchangeable with the new window, shape [windows], finite.
        alpha: 0 to 1.

    Returns:
        Unit of the score; infinity when the data cannot tell: alpha < 1 / (windows + 1).

    >>> conformal_quantile(np.arange(1.0, 20.0), 0.05), conformal_quantile(np.arange(1.0, 20.0), 0.1)
    (19.0, 18.0)
    """
    rank = conformal_rank(len(scores), alpha)
    if rank == 0:
        return math.inf
    return float(np.sort(scores)[-rank])
