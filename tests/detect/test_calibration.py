from __future__ import annotations

import json
import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from monitor.detect.alarm import AlarmPolicy
from monitor.detect.budget import Budget
from monitor.detect.calibration import Calibration, calibrate
from monitor.detect.conformal import conformal_quantile
from monitor.errors import CalibrationError


def calibrated(
    scores: Sequence[NDArray[np.float64]],
    *,
    budget: Budget | None = None,
    rule: AlarmPolicy | None = None,
    hop_s: float = 10.0,
) -> Calibration:
    return calibrate(
        scores,
        window_s=10.0,
        hop_s=hop_s,
        budget=budget or Budget(),
        rule=rule or AlarmPolicy(),
        created_s=1.0,
        model_version="v1",
    )


def normal(recordings: int, windows: int, seed: int = 1) -> list[NDArray[np.float64]]:
    return list(np.random.default_rng(seed).standard_normal((recordings, windows)))


def overlapping(lengths: Sequence[int], seed: int = 1) -> list[NDArray[np.float64]]:
    """Windows that share four fifths of their sound with the next."""
    rng = np.random.default_rng(seed)
    return [np.convolve(rng.standard_normal(n + 4), np.ones(5) / math.sqrt(5), "valid") for n in lengths]


TINY = (6, 5, 8, 6, 5, 7, 6, 7)
"""Windows of eight recordings of 18 to 24 s at a hop of 2 s."""


def test_inside_what_was_recorded_the_threshold_is_the_conformal_quantile() -> None:
    scores = normal(10, 100)
    # 100 alarms a day at one window in 10 s: alpha is 0.0116, more than one in 1001.
    calibration = calibrated(scores, budget=Budget("day", 100), rule=AlarmPolicy(1, 1))
    assert calibration.method == "conformal"
    assert calibration.threshold == conformal_quantile(np.concatenate(scores), 1000 / 86_400)
    assert calibration.kept
    assert calibration.more_minutes == 0
    assert calibration.promise.expected <= 100


def test_beyond_it_the_threshold_lies_on_the_tail_and_above_all_that_would_have_alarmed() -> None:
    calibration = calibrated(normal(10, 100))
    assert calibration.method == "tail"
    assert calibration.threshold > calibration.peak


def test_eight_short_recordings_of_overlapping_windows_mostly_keep_a_budget_that_they_cannot_promise() -> None:
    heights = [calibrated(overlapping(TINY, seed), hop_s=2.0).threshold for seed in range(60)]
    # The level that truly keeps one alarm a week on this law is 3.4 standard deviations.
    assert np.mean(np.array(heights) > 3.4) > 0.9
    assert np.median(heights) < 12


@pytest.mark.parametrize("seed", range(10))
def test_eight_short_recordings_of_overlapping_windows_say_that_they_promise_nothing(seed: int) -> None:
    calibration = calibrated(overlapping(TINY, seed), hop_s=2.0)
    assert calibration.peak < calibration.threshold
    assert not calibration.kept
    assert calibration.more_minutes >= 60
    assert calibration.promise.low == 0
    assert calibration.promise.high > calibration.budget.at_most


def test_twenty_minutes_of_sound_give_a_threshold_near_the_true_one() -> None:
    heights = [calibrated(normal(4, 30, seed)).threshold for seed in range(40)]
    # 2.2 standard deviations is where three of five independent windows alarm once a week.
    assert np.quantile(heights, 0.1) > 2.2
    assert np.median(heights) < 6.5


def test_enough_sound_keeps_the_promise_without_a_whole_week() -> None:
    calibration = calibrated(normal(100, 360))
    assert calibration.method == "tail"
    assert calibration.kept
    assert calibration.more_minutes == 0
    assert calibration.promise.high < 4 * calibration.budget.at_most


def test_what_is_asked_for_shrinks_as_more_is_recorded() -> None:
    needed = [calibrated(normal(n, 120)) for n in (1, 10, 50, 200)]
    totals = [one.more_minutes + one.audio_s / 60 for one in needed]
    assert needed[0].more_minutes > needed[-1].more_minutes == 0
    assert all(total < 2 * 7 * 24 * 60 for total in totals)


def test_recordings_too_short_for_the_rule_promise_a_greatest_rate_only() -> None:
    calibration = calibrated(normal(180, 1))
    assert calibration.shown_count == 1
    assert calibration.promise.low == 0
    assert calibration.threshold > calibrated(normal(18, 10)).threshold


def test_correlated_windows_get_a_higher_threshold_than_independent_ones() -> None:
    independent = np.median([calibrated(normal(10, 100, seed)).threshold for seed in range(9)])
    correlated = np.median([calibrated(overlapping([100] * 10, seed), hop_s=2.0).threshold for seed in range(9)])
    assert correlated > independent + 0.5


def test_one_loud_window_among_the_normal_ones_hardly_moves_the_threshold() -> None:
    scores = normal(10, 100)
    before = calibrated(scores).threshold
    scores[3][50] = 1000.0
    assert calibrated(scores).threshold == pytest.approx(before, rel=0.1)


def test_unknown_scores_are_left_out() -> None:
    scores = normal(4, 40)
    holed = [np.concatenate((one[:20], [np.nan], one[20:], [np.inf])) for one in scores]
    whole = calibrated([half for one in scores for half in (one[:20], one[20:])])
    assert calibrated(holed).threshold == whole.threshold
    assert calibrated(holed).n_windows == 160
    assert calibrated(holed).n_recordings == 4


@pytest.mark.parametrize("scores", [[], [np.full(100, np.nan)], [np.arange(7.0)]])
def test_too_few_windows_are_refused_with_what_is_missing(scores: list[NDArray[np.float64]]) -> None:
    with pytest.raises(CalibrationError, match=r"at least 8 .*record \d+ s more"):
        calibrated(scores)


@pytest.mark.parametrize("value", [0.0, 1.0, -5.0, 1e9])
def test_equal_scores_still_give_levels_apart_from_them(value: float) -> None:
    calibration = calibrated([np.full(30, value)])
    assert calibration.threshold > value
    assert calibration.spread > 0
    assert math.isfinite(calibration.threshold)


RECORDINGS = st.lists(
    st.lists(st.floats(-100, 100) | st.just(math.nan), min_size=1, max_size=30), min_size=3, max_size=10
).filter(lambda recordings: sum(math.isfinite(value) for one in recordings for value in one) >= 8)


@settings(max_examples=60, deadline=None)
@example([[0.0, 0.0], [0.0] * 4, [0.0, 0.0, -1.0, 0.0, 0.0]], 30.0, (5, 5), Budget("day", 500))
@given(
    RECORDINGS,
    st.sampled_from([2.0, 10.0, 30.0]),
    st.sampled_from([(1, 1), (3, 5), (5, 5)]),
    st.sampled_from([Budget("week", 1), Budget("day", 500), Budget("month", 0.1)]),
)
def test_any_scores_give_ordered_finite_levels_that_survive_being_saved(
    recordings: list[list[float]], hop_s: float, rule: tuple[int, int], budget: Budget
) -> None:
    scores = [np.array(one) for one in recordings]
    calibration = calibrated(scores, hop_s=hop_s, rule=AlarmPolicy(*rule), budget=budget)
    levels = calibration.levels
    assert levels.clear <= levels.warning <= levels.threshold
    assert calibration.headroom > 0
    assert calibration.band[0] <= calibration.band[1]
    assert 0 <= calibration.promise.low <= calibration.promise.expected <= calibration.promise.high
    assert calibration.more_minutes >= 0
    assert calibration.kept == (calibration.more_minutes == 0)
    assert Calibration.from_dict(json.loads(json.dumps(calibration.to_dict(), allow_nan=False))) == calibration


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.floats(0.01, 100), st.floats(-100, 100))
def test_the_unit_of_the_score_does_not_matter(seed: int, factor: float, shift: float) -> None:
    scores = normal(5, 40, seed)
    one = calibrated(scores)
    # The shift is in the new unit: scores that all but agree, beside a large mean, count as wider than they are.
    other = calibrated([(values + shift) * factor for values in scores])
    # The posterior is a grid, so that rounding may move a quantile to the next point.
    assert other.headroom == pytest.approx(one.headroom * factor, rel=0.03)
    assert other.promise.expected == pytest.approx(one.promise.expected, rel=0.2)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([2.0, 10.0, 100.0, 10_000.0]))
def test_a_greater_budget_never_raises_the_threshold(seed: int, times: float) -> None:
    scores = normal(5, 60, seed)
    tight, wide = calibrated(scores, budget=Budget("week", 1)), calibrated(scores, budget=Budget("week", times))
    assert wide.threshold <= tight.threshold * (1 + 1e-9)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("threshold", "high"),
        ("threshold", None),
        ("spread", 0.0),
        ("hop_s", -1.0),
        ("method", "guess"),
        ("schema", 0),
        ("promise", 3),
        ("rule", {}),
        ("model_version", 1),
    ],
)
def test_a_wrong_saved_calibration_names_its_key(key: str, value: object) -> None:
    data: dict[str, object] = {**calibrated(normal(5, 20)).to_dict(), key: value}
    with pytest.raises(ValueError, match=key if key != "rule" else "raise_count"):
        Calibration.from_dict(data)
