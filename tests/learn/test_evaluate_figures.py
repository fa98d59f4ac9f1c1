"""The figures against slower, obvious ways, and against what scikit-learn gives."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from monitor.learn.evaluate_figures import (
    FIGURES,
    Judged,
    auc,
    figures,
    harmonic_mean,
    means,
    partial_auc,
    roc,
    with_intervals,
)

NORMAL = np.array([0.1, 0.2, 0.2, 0.4, 0.5, 0.6, 0.7, 0.7, 0.8, 0.9, 1.0, 1.3])
ANOMALOUS = np.array([0.5, 0.9, 1.0, 1.2, 1.3, 1.6])

scores = st.lists(st.integers(0, 20), min_size=1, max_size=30).map(lambda each: np.array(each, dtype=np.float64))


def judged(
    normal: NDArray[np.float64], anomalous: NDArray[np.float64], level: float, target: slice = slice(0)
) -> Judged:
    """Normal clips, then anomalous; those that `target` picks are of the target domain."""
    every = np.concatenate([normal, anomalous])
    domains = np.zeros(len(every), dtype=np.bool_)
    domains[target] = True
    return Judged(every, np.arange(len(every)) >= len(normal), domains, every > level)


def test_auc_and_partial_auc_are_those_of_scikit_learn() -> None:
    # roc_auc_score(labels, scores) and roc_auc_score(labels, scores, max_fpr=0.1) of scikit-learn 1.9
    assert auc(NORMAL, ANOMALOUS) == pytest.approx(0.8194444444444445, abs=1e-12)
    assert partial_auc(NORMAL, ANOMALOUS) == pytest.approx(0.6286549707602339, abs=1e-12)


@given(scores, scores)
def test_auc_is_the_share_of_pairs_in_the_right_order(normal: NDArray[np.float64], bad: NDArray[np.float64]) -> None:
    pairs = [1.0 if b > a else 0.5 if b == a else 0.0 for a in normal for b in bad]
    assert auc(normal, bad) == pytest.approx(sum(pairs) / len(pairs))


@given(scores, scores)
def test_the_partial_auc_up_to_every_rate_is_the_auc(normal: NDArray[np.float64], bad: NDArray[np.float64]) -> None:
    assert partial_auc(normal, bad, 1.0) == pytest.approx(auc(normal, bad))


@given(scores, scores, st.floats(0.01, 0.99))
def test_the_partial_auc_is_the_area_under_the_curve(
    normal: NDArray[np.float64], bad: NDArray[np.float64], most: float
) -> None:
    false, true = roc(normal, bad)
    steps = 20_000
    rates = (np.arange(steps) + 0.5) / steps * most
    area = float(np.mean(np.interp(rates, false, true))) * most
    expected = 0.5 * (1 + (area - most**2 / 2) / (most - most**2 / 2))
    assert partial_auc(normal, bad, most) == pytest.approx(expected, abs=1e-3)


def test_scores_that_tell_nothing_give_a_half_and_perfect_ones_give_one() -> None:
    same = np.ones(10)
    assert [auc(same, same), partial_auc(same, same)] == pytest.approx([0.5, 0.5])
    assert [auc(same, same + 1), partial_auc(same, same + 1)] == pytest.approx([1.0, 1.0])


def test_a_domains_auc_sets_its_normal_clips_against_the_anomalies_of_both() -> None:
    found = figures(judged(np.array([1.0, 2.0, 6.0, 7.0]), np.array([5.0, 8.0]), 5.5, slice(2, 5)))
    assert found["auc_source"] == 1.0
    assert found["auc_target"] == 0.5
    assert found["auc"] == 0.75
    assert found["harmonic_mean"] == harmonic_mean([1.0, 0.5, found["pauc"]])


def test_decisions_give_precision_recall_f1_and_false_alarms() -> None:
    found = figures(judged(np.array([1.0, 2.0, 6.0, 7.0]), np.array([5.0, 8.0, 9.0]), 5.5))
    assert [found["precision"], found["recall"]] == pytest.approx([0.5, 2 / 3])
    assert found["f1"] == pytest.approx(4 / 7)
    assert found["false_alarm_rate"] == 0.5


def test_what_cannot_be_known_is_nan_and_not_zero() -> None:
    found = figures(judged(NORMAL, np.empty(0), 0.5))
    known = {name for name, value in found.items() if not math.isnan(value)}
    assert known == {"false_alarm_rate"}
    assert math.isnan(figures(judged(NORMAL, ANOMALOUS, 0.5))["auc_target"])
    assert math.isnan(figures(judged(np.empty(0), np.empty(0), 0.5))["false_alarm_rate"])
    never = figures(judged(NORMAL, ANOMALOUS, 99.0))
    assert math.isnan(never["precision"])
    assert (never["recall"], never["f1"]) == (0.0, 0.0)


def test_intervals_hold_the_figure_are_the_same_for_a_seed_and_shrink_with_more_clips() -> None:
    random = np.random.default_rng(1)
    few, many = (judged(random.normal(0, 1, n), random.normal(1, 1, n), 1.0, slice(n // 2)) for n in (20, 500))
    found, again, wide = with_intervals(many, 0, 200), with_intervals(many, 0, 200), with_intervals(few, 0, 200)
    assert found == again
    assert list(found) == list(FIGURES)
    for name, figure in found.items():
        assert figure.low <= figure.value <= figure.high, name
    for name in ("auc", "auc_source", "auc_target", "recall"):
        assert found[name].high - found[name].low < wide[name].high - wide[name].low


def test_an_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    truth = 0.760250  # of two normal laws a standard deviation apart
    random = np.random.default_rng(2)
    inside = 0
    for seed in range(60):
        figure = with_intervals(judged(random.normal(0, 1, 60), random.normal(1, 1, 60), 1.0), seed, 100)["auc"]
        inside += figure.low <= truth <= figure.high
    assert inside >= 52


def test_means_leave_out_what_a_section_does_not_have() -> None:
    one = dict.fromkeys(FIGURES, 0.5)
    plain, harmonic = means([one, {**one, "auc": 1.0, "auc_target": math.nan}])
    assert (plain["auc"], plain["auc_target"]) == (0.75, 0.5)
    assert harmonic["auc"] == pytest.approx(2 / 3)
    assert math.isnan(means([])[0]["auc"])
    assert harmonic_mean([0.0, 1.0]) == 0.0
