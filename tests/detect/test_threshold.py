from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.detect import threshold
from monitor.detect.threshold import RollingPolicy, RollingState
from tests.detect.samples import calibration

POLICY = RollingPolicy()
CALIBRATION = calibration()
FINE = st.floats(-20, 20)
STREAM = st.lists(st.tuples(FINE, st.floats(0, 1e6), st.booleans()), max_size=80)


def follow(values: np.ndarray, state: RollingState | None = None, *, hop_s: float = 10.0) -> RollingState:
    """A stream of normal windows through the tracker."""
    state = state or threshold.start(CALIBRATION)
    for place, value in enumerate(values):
        state = threshold.step(POLICY, CALIBRATION, state, float(value), place * hop_s, follow=True)
    return state


def test_a_fresh_calibration_begins_with_its_own_levels() -> None:
    assert threshold.levels(CALIBRATION, threshold.start(CALIBRATION)) == CALIBRATION.levels


def test_steady_normal_sound_does_not_move_the_levels() -> None:
    state = follow(np.random.default_rng(1).standard_normal(3 * 8640))
    assert abs(state.offset) < 0.1


def test_the_levels_follow_a_shift_of_the_normal_score_within_a_day_or_two() -> None:
    state = follow(np.random.default_rng(1).standard_normal(2 * 8640) + 1.0)
    assert state.offset == pytest.approx(1.0, abs=0.1)


def test_all_three_levels_move_together() -> None:
    state = follow(np.random.default_rng(1).standard_normal(8640) + 1.0)
    held = threshold.levels(CALIBRATION, state)
    assert held == CALIBRATION.levels.shifted(state.offset)
    assert held.threshold > CALIBRATION.threshold


@given(STREAM)
def test_the_levels_never_leave_the_stated_band(stream: list[tuple[float, float, bool]]) -> None:
    state, now_s = threshold.start(CALIBRATION), 0.0
    low, high = threshold.limits(POLICY, CALIBRATION)
    for value, passed_s, allowed in stream:
        now_s += passed_s
        state = threshold.step(POLICY, CALIBRATION, state, value, now_s, follow=allowed)
        held = threshold.levels(CALIBRATION, state)
        assert low <= state.offset <= high
        assert CALIBRATION.threshold + low <= held.threshold <= CALIBRATION.threshold + high
    assert low >= CALIBRATION.peak - CALIBRATION.threshold


@given(STREAM)
def test_no_window_moves_the_levels_faster_than_stated(stream: list[tuple[float, float, bool]]) -> None:
    state, now_s = threshold.start(CALIBRATION), 0.0
    for value, passed_s, allowed in stream:
        now_s += passed_s
        before = state.offset
        state = threshold.step(POLICY, CALIBRATION, state, value, now_s, follow=allowed)
        days = min(passed_s, POLICY.dead_time_s) / 86_400
        assert abs(state.offset - before) <= POLICY.rise_per_day * CALIBRATION.spread * days + 1e-12


@given(STREAM, st.floats(-1e6, 1e6) | st.just(math.nan))
def test_a_frozen_window_moves_nothing(stream: list[tuple[float, float, bool]], value: float) -> None:
    state, now_s = threshold.start(CALIBRATION), 0.0
    for one, passed_s, allowed in stream:
        now_s += passed_s
        state = threshold.step(POLICY, CALIBRATION, state, one, now_s, follow=allowed)
    frozen = threshold.step(POLICY, CALIBRATION, state, value, now_s + 5, follow=False)
    assert (frozen.offset, frozen.median) == (state.offset, state.median)


def test_time_that_passed_frozen_is_not_made_up_for() -> None:
    state = follow(np.full(10, 5.0))
    frozen = threshold.step(POLICY, CALIBRATION, state, 5.0, 100 + 86_400.0, follow=False)
    after = threshold.step(POLICY, CALIBRATION, frozen, 5.0, 110 + 86_400.0, follow=True)
    assert after.offset - frozen.offset <= 10 / 86_400 + 1e-12


def test_a_clock_that_steps_back_moves_nothing() -> None:
    state = follow(np.full(100, 5.0))
    after = threshold.step(POLICY, CALIBRATION, state, 5.0, -3600.0, follow=True)
    assert after.offset == state.offset


def test_a_machine_that_stays_at_its_quietest_load_keeps_room_for_the_others() -> None:
    state = follow(np.full(5 * 8640, -3.0))
    assert threshold.levels(CALIBRATION, state).threshold > CALIBRATION.peak


def test_the_limit_is_drift() -> None:
    state, drift = threshold.start(CALIBRATION), False
    for place in range(5 * 8640):
        state = threshold.step(POLICY, CALIBRATION, state, 9.0, place * 10.0, follow=True)
        drift = threshold.moved(POLICY, CALIBRATION, state) >= 1.0
    assert drift
    assert state.offset == pytest.approx(CALIBRATION.headroom)


def test_a_normal_score_that_has_sunk_by_the_whole_headroom_is_drift_too() -> None:
    state, drift = threshold.start(CALIBRATION), False
    for place in range(2 * 8640):
        state = threshold.step(POLICY, CALIBRATION, state, -9.0, place * 10.0, follow=True)
        drift = threshold.moved(POLICY, CALIBRATION, state) >= 1.0
    assert drift


@given(STREAM)
def test_a_saved_state_comes_back_exactly(stream: list[tuple[float, float, bool]]) -> None:
    state, now_s = threshold.start(CALIBRATION), 0.0
    for value, passed_s, allowed in stream:
        now_s += passed_s
        state = threshold.step(POLICY, CALIBRATION, state, value, now_s, follow=allowed)
    assert RollingState.from_dict(json.loads(json.dumps(state.to_dict(), allow_nan=False))) == state


@pytest.mark.parametrize(("key", "value"), [("offset", "1"), ("median", math.nan), ("calibration", 3), ("schema", 7)])
def test_a_wrong_saved_state_names_its_key(key: str, value: object) -> None:
    data: dict[str, object] = {**threshold.start(CALIBRATION).to_dict(), key: value}
    with pytest.raises(ValueError, match=key):
        RollingState.from_dict(data)


@pytest.mark.parametrize("key", ["up", "rise_per_day", "track_per_day", "dead_time_s"])
def test_a_policy_that_cannot_be_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match=key):
        RollingPolicy(**{key: 0.0})
