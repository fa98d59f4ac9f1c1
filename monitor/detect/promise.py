"""Chooses the threshold for a false-alarm budget, and says what it promises."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

from scipy.stats import gamma

from monitor.detect.budget import Budget
from monitor.detect.conformal import conformal_rank
from monitor.detect.persistence import Replay
from monitor.detect.tail import Tail, fit_tail

CENTRAL: Final = 0.6
"""The threshold is where, with this probability, the budget is met: a little to the safe side of even odds. More is
dear with little data: at 60 windows 0.75 doubles the height of the threshold, and then faults are missed."""
CONFIDENCE: Final = 0.95
LOW, HIGH = (1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2
TRUST: Final = -math.log(1 - HIGH)
"""3.7: a promise is kept when the band ends below so many times the budget, which is where it ends after a whole period
recorded without a single alarm."""
PRICE: Final = 1.25
"""The threshold is raised above the central one when that buys the promise, by at most this factor of its height."""
REACH: Final = 500.0
"""The threshold looks no further than this many times what was recorded: further out it would hang on the prior alone,
and with some minutes of sound be so high that faults are missed. What that costs in false alarms is stated."""
FURTHEST: Final = 100.0
"""No promise reaches further than this many times what was recorded, whatever the tail says: an hour does not show what
a season brings."""
WARNINGS: Final = 5.0
"""False warnings allowed per false alarm: early enough to be of use, seldom enough to be read."""
NOTHING: Final = 0.01
"""A lower end below this share of the budget is stated as 0: nobody will count so few."""
PEAKS_FACTOR, PEAKS_POWER, PEAKS_SHARE = 2.0, 0.55, 0.6
"""The tail is fitted to the highest 2 N^0.55 of N peaks, at most six of ten: 19 of 60, 89 of 1000. The share must fall
for the limit law to hold and the number rise for the variance to fall; chosen on tests/bench/promise.py."""
FINER: Final = 1.5
"""Step of the search for how much more is needed: an answer within a half is all that it is good for."""
ROUNDING: Final = 1e-9
"""A bound that is met exactly must not be missed by the last digit."""
FEWEST_PEAKS: Final = 3
"""With fewer above the base, the tail begins at the median instead and takes them all."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The levels of the rule, and false alarms per period of the budget that follow from them."""

    method: str
    """``conformal`` or ``tail``."""
    threshold: float
    warning: float
    band: tuple[float, float]
    """Where the level that just meets the budget may lie."""
    expected: float
    low: float
    high: float
    kept: bool
    more_s: float = 0.0
    """How much more normal sound it takes to keep the promise, about, seconds."""


def choose(replay: Replay, budget: Budget, hop_s: float, *, spread: float, full_rule: bool) -> Choice:
    """The threshold that keeps the budget, as far as can be told.

    Args:
        replay: the normal recordings seen through the rule.
        budget: false alarms that are put up with.
        hop_s: from one window to the next, seconds.
        spread: robust standard deviation of the normal scores, greater than 0.
        full_rule: whether the recordings show the whole rule; a weaker one can only promise a greatest rate.
    """
    alpha = min(1.0, replay.peaks_per_alarm * hop_s / budget.seconds_per_alarm)
    tail = _tail(replay, spread, 1.0)
    rank = conformal_rank(replay.places, alpha)
    told = rank > 0
    choice = _conformal(replay, tail, rank, alpha, budget) if told else _beyond(replay, tail, alpha, budget, spread)
    more_s = 0.0 if choice.kept else _more_places(replay, alpha, spread) * hop_s
    low = 0.0 if choice.low < NOTHING * budget.at_most or not full_rule else choice.low
    return replace(choice, more_s=more_s, low=low)


def _conformal(replay: Replay, tail: Tail, rank: int, alpha: float, budget: Budget) -> Choice:
    """Enough was recorded: the threshold is one of the peaks."""
    threshold = _peak(replay, rank)
    warning = _peak(replay, conformal_rank(replay.places, min(1.0, WARNINGS * alpha)))
    # The rate at the m-th highest peak is gamma distributed with shape m, for any law; uneven peaks count for less.
    even = rank / replay.unevenness
    unit = budget.at_most / (alpha * (replay.places + 1)) * replay.unevenness
    high = unit * float(gamma.ppf(HIGH, even))
    return Choice(
        method="conformal",
        threshold=threshold,
        warning=warning,
        band=(min(tail.level(alpha, LOW), threshold), max(tail.level(alpha, HIGH), threshold)),
        expected=unit * even,
        low=unit * float(gamma.ppf(LOW, even)),
        high=high,
        kept=high <= TRUST * budget.at_most * (1 + ROUNDING),
    )


def _beyond(replay: Replay, tail: Tail, alpha: float, budget: Budget, spread: float) -> Choice:
    """Too little was recorded: the threshold lies on the tail, never below what was recorded."""
    threshold = _tail_threshold(replay, tail, alpha)
    warning = tail.level(WARNINGS * _reached(replay, alpha), CENTRAL)
    unit = budget.at_most / alpha
    return Choice(
        method="tail",
        threshold=threshold,
        warning=min(threshold, max(warning, replay.middle + spread)),
        band=(tail.level(alpha, LOW), tail.level(alpha, HIGH)),
        expected=unit * tail.rate_above(threshold, 0.5),
        low=unit * tail.rate_above(threshold, LOW),
        high=unit * tail.rate_above(threshold, HIGH),
        kept=replay.places * FURTHEST * alpha >= 1 and _trusted(tail, threshold, alpha),
    )


def _tail_threshold(replay: Replay, tail: Tail, alpha: float) -> float:
    central = max(tail.level(_reached(replay, alpha), CENTRAL), _peak(replay, 1))
    if _trusted(tail, central, alpha):
        return central
    sure = tail.level(TRUST * alpha, HIGH)
    return sure if sure - replay.middle <= PRICE * (central - replay.middle) else central


def _reached(replay: Replay, alpha: float) -> float:
    """The rate that the threshold is set for: that of the budget, or the lowest that the recordings reach to."""
    return max(alpha, 1 / (REACH * replay.places))


def _trusted(tail: Tail, threshold: float, alpha: float) -> bool:
    return tail.rate_above(threshold, HIGH) <= TRUST * alpha * (1 + ROUNDING)


def _more_places(replay: Replay, alpha: float, spread: float) -> float:
    """How many more places of the same kind would let the promise be kept.

    More sound of the same kind makes the tail's posterior narrower, as if each peak had come several times.
    """
    whole = replay.unevenness / alpha  # a whole period without a tail, and more where alarms come unevenly
    times = max(1.0, 1 / (alpha * FURTHEST * replay.places))
    while times * replay.places < whole:
        tail = _tail(replay, spread, times)
        if _trusted(tail, _tail_threshold(replay, tail, alpha), alpha):
            break
        times *= FINER
    # A promise that as much sound again as there is would not keep is never kept for nothing: at least one place more.
    return max(min(times * replay.places, whole) - replay.places, 1.0)


def _tail(replay: Replay, spread: float, times: float) -> Tail:
    """The law of the peaks, as it would be known from ``times`` as much sound of the same kind."""
    number = len(replay.peaks)
    count = min(int(PEAKS_FACTOR * number**PEAKS_POWER), int(PEAKS_SHARE * number), number - 1)
    if count >= FEWEST_PEAKS:
        base = float(replay.peaks[number - 1 - count])
    else:
        base, count = min(replay.middle, float(replay.peaks[0])), number
    excess = replay.peaks[number - count :] - base
    information = times / replay.unevenness
    return fit_tail(excess, base, replay.places, information=information, scale_guess=spread / 2)


def _peak(replay: Replay, rank: int) -> float:
    """The ``rank``-th highest peak, or the lowest when there are fewer."""
    return float(replay.peaks[-min(rank, len(replay.peaks))])
