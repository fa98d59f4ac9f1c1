"""The challenge's figures from scores and decisions: AUC, partial AUC, F1, false alarms, with bootstrap intervals."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import trapezoid
from scipy.stats import rankdata

Values = NDArray[np.float64]
Flags = NDArray[np.bool_]

MOST_FALSE = 0.1
"""The challenge's p: a partial AUC looks at false positive rates up to this."""
DRAWS = 1000
"""Bootstrap resamples: the ends of a 95 % interval are then known to about a tenth of its width."""
CONFIDENCE = 0.95

FIGURES = (
    "auc",
    "auc_source",
    "auc_target",
    "pauc",
    "harmonic_mean",
    "precision",
    "recall",
    "f1",
    "false_alarm_rate",
)
"""The names, in the order in which they are reported."""


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """Labelled clips with what was said of them; every array has shape [clips]."""

    scores: Values
    """Greater is more anomalous; finite."""
    anomalous: Flags
    """The truth."""
    target: Flags
    """Whether of the target domain."""
    alarms: Flags
    """Whether the score was above the threshold."""

    def take(self, chosen: NDArray[np.intp]) -> Judged:
        """The clips of these indices, which may repeat."""
        return Judged(self.scores[chosen], self.anomalous[chosen], self.target[chosen], self.alarms[chosen])


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure and where it may lie."""

    value: float
    """NaN where it cannot be had: no anomalies, no target domain, no alarms."""
    low: float = math.nan
    high: float = math.nan
    """95 % bootstrap interval; NaN where there is none."""


def figures(judged: Judged) -> dict[str, float]:
    """FIGURES by name, as the challenge defines them; NaN for those that cannot be had.

    A domain's AUC sets its normal clips against the anomalies of both domains; the partial AUC takes all clips; their
    harmonic mean is the challenge's score. Precision, recall, F1 and the false-alarm rate are of all clips.
    """
    scores, anomalous = judged.scores, judged.anomalous
    bad, good = scores[anomalous], scores[~anomalous]
    by_domain = {
        "auc_source": auc(scores[~anomalous & ~judged.target], bad),
        "auc_target": auc(scores[~anomalous & judged.target], bad),
    }
    partial = partial_auc(good, bad)
    known = [each for each in (*by_domain.values(), partial) if not math.isnan(each)]
    true, false = int(np.sum(judged.alarms & anomalous)), int(np.sum(judged.alarms & ~anomalous))
    return {
        "auc": auc(good, bad),
        **by_domain,
        "pauc": partial,
        "harmonic_mean": harmonic_mean(known),
        "precision": _ratio(true, true + false) if len(bad) else math.nan,
        "recall": _ratio(true, len(bad)),
        "f1": _ratio(2 * true, true + false + len(bad)) if len(bad) else math.nan,
        "false_alarm_rate": _ratio(false, len(good)),
    }


def with_intervals(judged: Judged, seed: int, draws: int = DRAWS) -> dict[str, Figure]:
    """`figures` with their bootstrap intervals: clips drawn anew within each domain and label.

    The interval says how far the figure hangs on these clips, not on the training's random numbers.
    """
    random = np.random.default_rng(seed)
    strata = [
        np.flatnonzero((judged.anomalous == bad) & (judged.target == target))
        for bad in (False, True)
        for target in (False, True)
    ]
    strata = [places for places in strata if len(places)]
    drawn = [
        figures(judged.take(np.concatenate([random.choice(places, len(places)) for places in strata])))
        for _ in range(draws)
    ]
    return {name: _figure(value, [each[name] for each in drawn]) for name, value in figures(judged).items()}


def _figure(value: float, drawn: Sequence[float]) -> Figure:
    finite = [each for each in drawn if not math.isnan(each)]
    if math.isnan(value) or not finite:
        return Figure(value)
    low, high = np.quantile(finite, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Figure(value, float(low), float(high))


def auc(normal: Values, anomalous: Values) -> float:
    """Area under the ROC curve: how often an anomaly scores above a normal clip, ties counting half.

    Returns:
        0 to 1; NaN when one of the two is empty.
    """
    if not (len(normal) and len(anomalous)):
        return math.nan
    ranks = rankdata(np.concatenate([anomalous, normal]))[: len(anomalous)]
    return float((ranks.mean() - (len(anomalous) + 1) / 2) / len(normal))


def partial_auc(normal: Values, anomalous: Values, most_false: float = MOST_FALSE) -> float:
    """Area under the ROC curve up to a false positive rate, on McClish's scale: 0.5 is chance, 1 is perfect.

    McClish, Medical Decision Making 9 (1989): 1/2 (1 + (A - A_chance) / (A_perfect - A_chance)); what scikit-learn
    gives as ``roc_auc_score(max_fpr=...)``, and so what the challenge counts.
    """
    if not (len(normal) and len(anomalous)):
        return math.nan
    false, true = roc(normal, anomalous)
    inside = false <= most_false  # where the curve rises at that very rate it does so without area
    reached = np.append(false[inside], most_false)
    caught = np.append(true[inside], np.interp(most_false, false, true))
    area = float(trapezoid(caught, reached))
    chance = most_false**2 / 2
    return 0.5 * (1 + (area - chance) / (most_false - chance))


def roc(normal: Values, anomalous: Values) -> tuple[Values, Values]:
    """The ROC curve: false and true positive rates, [thresholds + 1] each, from (0, 0) to (1, 1)."""
    levels = np.unique(np.concatenate([normal, anomalous]))[::-1]
    false = np.searchsorted(np.sort(-normal), -levels, side="right") / len(normal)
    true = np.searchsorted(np.sort(-anomalous), -levels, side="right") / len(anomalous)
    return np.append(0.0, false), np.append(0.0, true)


def harmonic_mean(values: Sequence[float]) -> float:
    """NaN for none, 0 where one is 0."""
    if not values:
        return math.nan
    return 0.0 if min(values) <= 0 else len(values) / sum(1 / value for value in values)


def means(sections: Sequence[Mapping[str, float]]) -> tuple[dict[str, float], dict[str, float]]:
    """Arithmetic and harmonic mean of each figure over the sections that have it."""
    columns = {name: [each[name] for each in sections if not math.isnan(each[name])] for name in FIGURES}
    plain = {name: sum(values) / len(values) if values else math.nan for name, values in columns.items()}
    return plain, {name: harmonic_mean(values) for name, values in columns.items()}


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else math.nan
