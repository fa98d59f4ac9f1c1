"""Many alarms become one: a flood, and half of the machines at once."""

from __future__ import annotations

import json

from monitor.detect.alarm import AlarmEvent
from monitor.detect.group import GroupChange, GroupPolicy, GroupState, sound_time, step
from monitor.detect.kinds import AlarmKind
from monitor.detect.life import SuppressedBy

T = 1_760_000_000.0
POLICY = GroupPolicy()


def run(
    raises: list[tuple[float, str]], machines: int, state: GroupState | None = None, active: set[str] | None = None
) -> tuple[GroupState, list[GroupChange]]:
    state = GroupState() if state is None else state
    active = set() if active is None else active
    changes: list[GroupChange] = []
    for at_s, machine in raises:
        active.add(machine)
        state, found = step(POLICY, state, machine, frozenset(active), machines, T + at_s)
        changes += found
        state = GroupState.from_dict(json.loads(json.dumps(state.to_dict())))  # a restart at any moment
    return state, changes


def test_eleven_alarms_in_ten_minutes_are_one_flood_and_ten_are_none() -> None:
    _, changes = run([(50 * n, f"m{n}") for n in range(10)], 100)
    assert changes == []
    state, changes = run([(50 * n, f"m{n}") for n in range(14)], 100)
    assert [(change.condition.kind, change.event) for change in changes] == [(AlarmKind.FLOOD, AlarmEvent.RAISED)]
    assert len(state.members[SuppressedBy.FLOOD]) == 14


def test_a_flood_is_over_when_fewer_than_five_came_in_ten_minutes() -> None:
    state, _ = run([(50 * n, f"m{n}") for n in range(12)], 100)
    state, changes = step(POLICY, state, None, frozenset(), 100, T + 950)
    assert changes == ()
    state, changes = step(POLICY, state, None, frozenset(), 100, T + 1000)
    assert [change.event for change in changes] == [AlarmEvent.CLEARED]
    assert len(changes[0].machines) == 12
    assert state.members == {}


def test_half_of_the_machines_at_once_are_one_common_cause() -> None:
    _, changes = run([(0, "a"), (5, "b"), (10, "c")], 6)
    assert [change.condition.kind for change in changes] == [AlarmKind.COMMON_CAUSE]
    assert changes[0].machines == ("a", "b", "c")


def test_a_few_of_many_two_of_two_and_half_over_an_hour_are_no_common_cause() -> None:
    assert run([(0, "a"), (5, "b"), (10, "c")], 8)[1] == []
    assert run([(0, "a"), (5, "b")], 2)[1] == []
    assert run([(0, "a"), (1800, "b"), (3600, "c")], 4)[1] == []


def test_a_common_cause_takes_in_who_joins_within_a_minute_and_ends_once_fewer_than_half_of_them_are_left() -> None:
    state, _ = run([(0, "a"), (5, "b"), (10, "c")], 5)
    state, changes = step(POLICY, state, "d", frozenset("abcd"), 5, T + 70)
    assert changes == ()
    assert state.members[SuppressedBy.COMMON_CAUSE] == ("a", "b", "c", "d")
    state, changes = step(POLICY, state, None, frozenset("cd"), 5, T + 200)
    assert changes == ()
    state, changes = step(POLICY, state, None, frozenset("d"), 5, T + 300)
    assert [(change.event, change.machines) for change in changes] == [(AlarmEvent.CLEARED, ("a", "b", "c", "d"))]
    assert state.members == {}, "d still alarms, and from now on speaks for itself"


def test_a_machine_that_alarms_long_after_the_others_is_not_silenced_with_them() -> None:
    state, _ = run([(0, "a"), (5, "b"), (10, "c")], 5)
    state, _ = step(POLICY, state, "d", frozenset("abcd"), 5, T + 3600)
    assert state.members[SuppressedBy.COMMON_CAUSE] == ("a", "b", "c")
    state, _ = step(POLICY, state, "a", frozenset("abcd"), 5, T + 7200)  # cleared and raised again meanwhile
    assert state.members[SuppressedBy.COMMON_CAUSE] == ("b", "c")


def test_after_the_clock_was_set_back_two_hours_a_flood_is_still_seen() -> None:
    state, sound_s, changes = GroupState(), T + 7200, []
    for number in range(11):
        machine, end_s = f"m{number}", T + 10 * number
        sound_s = sound_time(sound_s, end_s)
        state, found = step(POLICY, state, machine, frozenset({machine}), 100, end_s)
        state, later = step(POLICY, state, None, frozenset({machine}), 100, sound_s)  # time passes, as it is kept
        changes += [*found, *later]
    assert [(change.condition.kind, change.event) for change in changes] == [(AlarmKind.FLOOD, AlarmEvent.RAISED)]


def test_a_source_that_lags_a_little_does_not_set_the_time_of_the_sound_back() -> None:
    assert sound_time(T, T - 299) == T
    assert sound_time(T, T + 10) == T + 10
    assert sound_time(0.0, T) == T
