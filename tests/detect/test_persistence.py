from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.detect.persistence import ShownRule, clump_peaks, replay, rule_levels, shown_rule

SCORES = st.lists(st.integers(-5, 5).map(float), min_size=1, max_size=40)
RULES = st.tuples(st.integers(1, 6), st.integers(1, 6)).map(lambda kn: ShownRule(min(kn), max(kn)))


@given(SCORES, RULES, st.integers(-6, 6))
def test_the_rule_holds_exactly_where_its_level_is_above(scores: list[float], rule: ShownRule, u: int) -> None:
    levels = rule_levels(np.array(scores), rule)
    for place, level in enumerate(levels):
        window = scores[place : place + rule.window]
        assert (level > u) == (sum(score > u for score in window) >= rule.count)
    assert len(levels) == max(0, len(scores) - rule.window + 1)


@given(RULES, st.integers(1, 8), st.lists(st.booleans(), min_size=6, max_size=6))
def test_whatever_raises_the_rule_raises_the_shown_one(rule: ShownRule, length: int, above: list[bool]) -> None:
    shown = shown_rule([length] * 5, rule.count, rule.window)
    assert shown.window <= length
    window = np.array(above[: rule.window], dtype=np.float64)
    if window.sum() >= rule.count:
        assert np.max(rule_levels(window, shown)) > 0.5


@pytest.mark.parametrize(
    ("lengths", "shown"),
    [([1] * 100, (1, 1)), ([2] * 9, (1, 1)), ([3] * 9, (2, 3)), ([4] * 9, (2, 3)), ([5] * 9, (3, 5)), ([50], (3, 5))],
)
def test_short_recordings_show_a_weaker_rule(lengths: list[int], shown: tuple[int, int]) -> None:
    assert shown_rule(lengths, 3, 5) == ShownRule(*shown)


def test_a_few_short_recordings_among_long_ones_do_not_weaken_the_rule() -> None:
    assert shown_rule([100, 100, 1, 2], 3, 5) == ShownRule(3, 5)


@given(SCORES, st.integers(0, 6))
def test_peaks_are_the_levels_that_nothing_near_exceeds(levels: list[float], gap: int) -> None:
    peaks = clump_peaks(np.array(levels), gap)
    assert max(levels) in peaks
    assert len(peaks) <= -(-len(levels) // (gap + 1)) or gap == 0
    assert set(peaks) <= set(levels)


def test_a_burst_of_overlapping_windows_is_one_peak() -> None:
    levels = np.array([0.0] * 20 + [5, 6, 7, 6, 5] + [0.0] * 20)
    assert np.sum(clump_peaks(levels, 4) > 1) == 1


def test_alarms_that_all_come_in_one_recording_count_as_uneven() -> None:
    rng = np.random.default_rng(3)
    even = [rng.standard_normal(100) for _ in range(10)]
    uneven = [*even[:9], even[9] + 3]
    assert replay(even, 1, 1, 1).unevenness < 1.5
    assert replay(uneven, 1, 1, 1).unevenness > 3
