from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.detect.levels import Levels
from monitor.detect.verdict import VerdictState, judge
from tests.detect.samples import LEVELS, VALUES, score

RANK = {VerdictState.NORMAL: 0, VerdictState.WARNING: 1, VerdictState.ALARM: 2}


@pytest.mark.parametrize(
    ("value", "state"),
    [(0.5, "normal"), (2.0, "normal"), (2.1, "warning"), (3.0, "warning"), (3.1, "alarm")],
)
def test_a_window_is_what_the_highest_level_below_it_says(value: float, state: str) -> None:
    assert judge(score(value), LEVELS).state == state


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_invalid(value: float) -> None:
    assert judge(score(value), LEVELS).state is VerdictState.INVALID
    assert judge(score(value), None).state is VerdictState.INVALID


def test_lost_audio_is_invalid_even_with_a_low_score() -> None:
    assert judge(score(0.0, lost=True), LEVELS).state is VerdictState.INVALID


def test_bad_audio_is_invalid_even_with_a_low_score() -> None:
    assert judge(score(0.0), LEVELS, audio_ok=False).state is VerdictState.INVALID


def test_without_levels_a_machine_is_uncalibrated_and_has_no_threshold() -> None:
    verdict = judge(score(0.0), None)
    assert verdict.state is VerdictState.UNCALIBRATED
    assert verdict.threshold is None
    assert not verdict.known
    assert not verdict.quiet


@given(VALUES, st.booleans(), st.booleans(), st.booleans())
def test_the_unknown_is_never_normal(value: float, lost: bool, audio_ok: bool, calibrated: bool) -> None:
    verdict = judge(score(value, lost=lost), LEVELS if calibrated else None, audio_ok=audio_ok)
    if lost or not audio_ok or not calibrated or not math.isfinite(value):
        assert verdict.state in {VerdictState.INVALID, VerdictState.UNCALIBRATED}
        assert not verdict.quiet


@given(st.floats(-10, 10), st.lists(st.floats(-10, 10), min_size=3, max_size=3), st.floats(0, 5))
def test_higher_levels_never_make_a_verdict_graver(value: float, levels: list[float], up: float) -> None:
    clear, warning, threshold = sorted(levels)
    held = Levels(threshold, warning, clear)
    assert RANK[judge(score(value), held.shifted(up)).state] <= RANK[judge(score(value), held).state]


@pytest.mark.parametrize("levels", [(1.0, 2.0, 0.0), (3.0, 2.0, 2.5), (math.nan, 2.0, 1.0), (math.inf, 2.0, 1.0)])
def test_levels_out_of_order_or_not_finite_are_refused(levels: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match="levels"):
        Levels(*levels)
