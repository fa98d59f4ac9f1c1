from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.detect import alarm
from monitor.detect.alarm import AlarmEvent, AlarmLevel, AlarmPolicy, AlarmState, Transition, parse_rule
from monitor.detect.kinds import AlarmKind
from monitor.detect.levels import Levels
from monitor.detect.verdict import judge
from tests.detect.samples import ALARM, BETWEEN, LEVELS, NORMAL, UNKNOWN, VALUES, WARNING, score

FRESH = AlarmState("fan-1", AlarmKind.ANOMALY)
POLICIES = st.builds(
    lambda n, k, clear: AlarmPolicy(min(k, n), n, clear), st.integers(1, 6), st.integers(1, 6), st.floats(0, 100)
)
STREAMS = st.lists(VALUES, max_size=60)


def walk(
    values: Iterable[float],
    policy: AlarmPolicy | None = None,
    state: AlarmState = FRESH,
    *,
    hop_s: float = 10.0,
    levels: Levels = LEVELS,
) -> tuple[AlarmState, list[tuple[int, Transition]]]:
    """All windows through the step: the last state, and (place, transition)."""
    happened = []
    for place, value in enumerate(values):
        window = score(value, place, hop_s=hop_s)
        state, changes = alarm.step(policy or AlarmPolicy(), state, judge(window, levels), window.end_s)
        happened += [(place, change) for change in changes]
    return state, happened


def events(values: Iterable[float], policy: AlarmPolicy | None = None, *, hop_s: float = 10.0) -> list[tuple[int, str]]:
    return [(place, change.event.value) for place, change in walk(values, policy, hop_s=hop_s)[1]]


def test_three_of_five_raise_on_the_third() -> None:
    assert events([NORMAL, ALARM, NORMAL, ALARM, ALARM]) == [(4, "raised")]


def test_three_in_six_do_not_raise_by_three_of_five() -> None:
    assert events([ALARM, NORMAL, ALARM, NORMAL, NORMAL, ALARM, NORMAL, NORMAL]) == []


def test_a_warning_that_grows_keeps_its_id() -> None:
    _, happened = walk([WARNING, WARNING, WARNING, ALARM, ALARM, ALARM])
    assert [(place, change.event) for place, change in happened] == [(2, AlarmEvent.WARNING), (5, AlarmEvent.RAISED)]
    warning, raised = (change for _, change in happened)
    assert warning.alarm_id == raised.alarm_id
    assert not warning.active
    assert raised.active
    assert raised.warned_at_s == warning.at_s


def test_it_clears_after_the_quiet_time_and_not_before() -> None:
    assert events([ALARM] * 3 + [NORMAL] * 5) == [(2, "raised")]
    assert events([ALARM] * 3 + [NORMAL] * 6) == [(2, "raised"), (8, "cleared")]


def test_overlapping_windows_do_not_shorten_the_quiet_time() -> None:
    # 60 s of new audio at a hop of 2 s are thirty windows.
    assert events([ALARM] * 3 + [NORMAL] * 30, hop_s=2.0)[-1] == (32, "cleared")
    assert events([ALARM] * 3 + [NORMAL] * 29, hop_s=2.0) == [(2, "raised")]


def test_one_window_that_is_not_quiet_begins_the_quiet_time_anew() -> None:
    assert events([ALARM] * 3 + [NORMAL] * 5 + [BETWEEN] + [NORMAL] * 6) == [(2, "raised"), (14, "cleared")]


def test_between_the_clear_level_and_the_threshold_an_alarm_stays() -> None:
    assert events([ALARM] * 3 + [BETWEEN] * 100) == [(2, "raised")]


def test_after_an_hour_of_normal_windows_it_clears_although_they_are_not_quiet() -> None:
    assert events([ALARM] * 3 + [BETWEEN] * 359) == [(2, "raised")]
    assert events([ALARM] * 3 + [BETWEEN] * 360) == [(2, "raised"), (362, "cleared")]
    assert events([WARNING] * 3 + [BETWEEN] * 360) == [(2, "warning"), (362, "cleared")]
    assert events([ALARM] * 3 + [*[BETWEEN, NORMAL] * 100, WARNING] * 3) == [(2, "raised")]


def test_a_longer_quiet_time_than_an_hour_holds_for_normal_windows_too() -> None:
    policy = AlarmPolicy(clear_after_s=7200.0)
    assert events([ALARM] * 3 + [BETWEEN] * 719, policy) == [(2, "raised")]
    assert events([ALARM] * 3 + [BETWEEN] * 720, policy) == [(2, "raised"), (722, "cleared")]


def test_windows_at_the_clear_level_are_quiet() -> None:
    assert events([ALARM] * 3 + [LEVELS.clear] * 6) == [(2, "raised"), (8, "cleared")]


def test_a_state_of_before_there_was_an_hour_of_normal_windows_can_be_read() -> None:
    data = json.loads(json.dumps(FRESH.to_dict()))
    del data["votes"]["normal_s"]
    assert AlarmState.from_dict(data) == FRESH


def test_unknown_windows_neither_raise_nor_clear() -> None:
    assert events([UNKNOWN] * 50) == []
    assert events([ALARM] * 3 + [UNKNOWN] * 100) == [(2, "raised")]
    assert events([ALARM] * 3 + [NORMAL] * 3 + [UNKNOWN] * 4 + [NORMAL] * 3) == [(2, "raised"), (12, "cleared")]


def test_an_unknown_window_takes_a_place_among_the_last() -> None:
    assert events([ALARM, ALARM, UNKNOWN, UNKNOWN, UNKNOWN, ALARM]) == []


def test_an_uncalibrated_machine_neither_raises_nor_clears() -> None:
    state, _ = walk([ALARM] * 3)
    for place in range(20):
        window = score(NORMAL if place % 2 else ALARM, place + 3)
        state, changes = alarm.step(AlarmPolicy(), state, judge(window, None), window.end_s)
        assert changes == ()
    assert state.active


def test_after_a_pause_the_windows_before_it_do_not_count() -> None:
    policy, state = AlarmPolicy(), FRESH
    for place in (0, 1, 2 + 6 * 24 * 10):
        window = score(ALARM, place)
        state, changes = alarm.step(policy, state, judge(window, LEVELS), window.end_s)
        assert changes == ()


def test_a_clock_that_steps_back_an_hour_neither_raises_nor_stops_the_counting() -> None:
    state, _ = walk([ALARM, ALARM])
    happened = []
    for place in range(-360, -355):
        window = score(ALARM, place)
        state, changes = alarm.step(AlarmPolicy(), state, judge(window, LEVELS), window.end_s)
        happened += [(place, change.event.value) for change in changes]
    assert happened == [(-358, "raised")]


def test_a_second_alarm_needs_windows_of_its_own_and_gets_another_id() -> None:
    policy = AlarmPolicy(3, 5, clear_after_s=10.0)
    _, happened = walk([ALARM] * 3 + [NORMAL] + [ALARM] * 3, policy)
    assert [(place, change.event.value) for place, change in happened] == [(2, "raised"), (3, "cleared"), (6, "raised")]
    assert happened[0][1].alarm_id == happened[1][1].alarm_id != happened[2][1].alarm_id


def test_a_transition_carries_what_an_operator_needs() -> None:
    _, happened = walk([ALARM, 9.0, ALARM] + [NORMAL] * 6)
    raised, cleared = (change for _, change in happened)
    assert raised.machine == "fan-1"
    assert raised.kind == "anomaly"
    assert raised.level is AlarmLevel.ALARM
    assert raised.at_s == raised.raised_at_s == score(ALARM, 2).end_s
    assert (raised.evidence.score, raised.evidence.threshold) == (ALARM, LEVELS.threshold)
    assert raised.evidence.views == {"profile": ALARM}
    assert raised.evidence.bands[0].excess_db == 6.0
    assert cleared.raised_at_s == raised.raised_at_s
    assert cleared.cleared_at_s == cleared.at_s == score(NORMAL, 8).end_s
    assert not cleared.active


def test_the_peak_is_the_highest_score_since_it_began() -> None:
    state, _ = walk([ALARM, ALARM, ALARM, 8.0, NORMAL])
    assert state.peak == 8.0


@given(STREAMS, POLICIES)
def test_it_is_raised_only_on_k_of_the_last_n_windows(values: list[float], policy: AlarmPolicy) -> None:
    for place, change in walk(values, policy)[1]:
        if change.event is AlarmEvent.RAISED:
            last = values[max(0, place - policy.raise_window + 1) : place + 1]
            assert sum(math.isfinite(value) and value > LEVELS.threshold for value in last) >= policy.raise_count
            assert values[place] > LEVELS.threshold


@given(STREAMS, POLICIES)
def test_it_is_raised_as_soon_as_k_windows_in_a_row_are_above(values: list[float], policy: AlarmPolicy) -> None:
    state, _ = walk([*values, *[ALARM] * policy.raise_count], policy)
    assert state.active


@given(STREAMS, POLICIES)
def test_it_never_clears_early(values: list[float], policy: AlarmPolicy) -> None:
    for place, change in walk(values, policy)[1]:
        if change.event is AlarmEvent.CLEARED:
            quiet = 0
            for value in reversed(values[: place + 1]):
                if math.isfinite(value) and value > LEVELS.clear:
                    break
                quiet += math.isfinite(value)
            assert quiet * 10.0 >= policy.clear_after_s


@given(STREAMS, POLICIES)
def test_events_come_in_a_legal_order(values: list[float], policy: AlarmPolicy) -> None:
    level = AlarmLevel.NORMAL
    for _, change in walk(values, policy)[1]:
        allowed = {
            AlarmLevel.NORMAL: {AlarmEvent.WARNING, AlarmEvent.RAISED},
            AlarmLevel.WARNING: {AlarmEvent.RAISED, AlarmEvent.CLEARED},
            AlarmLevel.ALARM: {AlarmEvent.CLEARED},
        }
        assert change.event in allowed[level]
        level = change.level


@given(STREAMS, POLICIES, st.floats(0, 5))
def test_a_higher_threshold_never_raises_earlier(values: list[float], policy: AlarmPolicy, up: float) -> None:
    def first(levels: Levels) -> float:
        raised = [place for place, change in walk(values, policy, levels=levels)[1] if change.active]
        return min(raised, default=math.inf)

    assert first(Levels(LEVELS.threshold + up, LEVELS.warning, LEVELS.clear)) >= first(LEVELS)


@given(STREAMS, POLICIES, st.data())
def test_a_restart_between_any_two_windows_changes_nothing(
    values: list[float], policy: AlarmPolicy, data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(values)))
    whole = walk(values, policy)
    before, happened = walk(values[:cut], policy)
    saved = json.loads(json.dumps(before.to_dict(), allow_nan=False))
    after = _rest(values, cut, policy, AlarmState.from_dict(saved))
    assert (after[0], [*happened, *after[1]]) == whole


def _rest(
    values: Sequence[float], cut: int, policy: AlarmPolicy, state: AlarmState
) -> tuple[AlarmState, list[tuple[int, Transition]]]:
    happened = []
    for place in range(cut, len(values)):
        window = score(values[place], place)
        state, changes = alarm.step(policy, state, judge(window, LEVELS), window.end_s)
        happened += [(place, change) for change in changes]
    return state, happened


@pytest.mark.parametrize(("text", "rule"), [("3 of 5", (3, 5)), (" 1  of 1 ", (1, 1)), ("1000 of 1000", (1000, 1000))])
def test_a_rule_is_read(text: str, rule: tuple[int, int]) -> None:
    assert parse_rule(text) == rule


@pytest.mark.parametrize(
    "text", ["", "3", "3/5", "three of five", "6 of 5", "0 of 5", "1 of 1001", "-1 of 5", "3 of 5 x"]
)
def test_a_rule_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="raise"):
        parse_rule(text)


@pytest.mark.parametrize("clear_after_s", [-1.0, math.nan, math.inf])
def test_a_quiet_time_that_cannot_be_is_refused(clear_after_s: float) -> None:
    with pytest.raises(ValueError, match="clear_after_s"):
        AlarmPolicy(clear_after_s=clear_after_s)


@pytest.mark.parametrize(
    ("key", "value"),
    [("level", "loud"), ("kind", "smell"), ("peak", "3"), ("schema", 99), ("votes", None), ("machine", 7)],
)
def test_a_wrong_saved_state_names_its_key(key: str, value: object) -> None:
    data: dict[str, object] = {**FRESH.to_dict(), key: value}
    with pytest.raises(ValueError, match=key):
        AlarmState.from_dict(data)
