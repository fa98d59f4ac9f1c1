"""The microphone alarm: within seconds, not by accident, and the same however time is cut."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.detect.alarm import AlarmEvent
from monitor.detect.finding import Finding, MicrophoneFault
from monitor.detect.kinds import AlarmKind
from monitor.detect.microphone_alarm import (
    CLEAR_AFTER_S,
    RAISE_AFTER_S,
    REMEMBERED_S,
    MicrophoneState,
    initial,
    listen,
    spoils,
)

START_S = 1_760_000_000.0
ZERO = (Finding(MicrophoneFault.SILENT, "every sample is zero"),)
CLIPPED = (Finding(MicrophoneFault.CLIPPED, "40% of the samples are cut off", 40.0, 25.0, "%"),)
GONE = (Finding(MicrophoneFault.DEVICE, "no such device"),)
GOOD: tuple[Finding, ...] = ()


def hear(
    seconds: Sequence[tuple[Finding, ...]], state: MicrophoneState | None = None, start_s: float = START_S
) -> tuple[MicrophoneState, list[tuple[float, AlarmEvent]]]:
    """A second at a time; what happened when, seconds after the start."""
    state = state or initial("fan-1")
    events = []
    for number, findings in enumerate(seconds, 1):
        state, event = listen(state, findings, 1.0, start_s + number)
        events += [(float(number), event)] if event else []
    return state, events


def test_it_is_raised_and_cleared_once_each_within_seconds_and_names_what_was_wrong() -> None:
    state, events = hear([GOOD] * 10 + [ZERO] * 20)
    assert events == [(10 + RAISE_AFTER_S, AlarmEvent.RAISED)]
    assert state.alarm.kind is AlarmKind.MICROPHONE
    assert state.alarm.findings == ZERO
    assert state.alarm.alarm_id == f"fan-1-microphone-{round((START_S + 15) * 1000)}"
    state, events = hear([GOOD] * 20, state)
    assert events == [(CLEAR_AFTER_S, AlarmEvent.CLEARED)]
    assert not state.alarm.active
    assert state.alarm.findings == ()


def test_a_moment_of_bad_sound_is_no_alarm() -> None:
    assert not hear(([ZERO] * 4 + [GOOD] * 60) * 5)[1]


def test_sound_that_is_bad_again_and_again_is_an_alarm_though_never_for_long() -> None:
    _, events = hear(([CLIPPED] * 2 + [GOOD] * 4) * 20)
    assert events[0][1] is AlarmEvent.RAISED
    assert events[0][0] < 30


def test_a_fault_that_changes_its_face_is_one_alarm() -> None:
    state, events = hear([CLIPPED] * 3 + [GONE] * 10)
    assert [event for _, event in events] == [AlarmEvent.RAISED]
    assert state.findings == GONE


def test_it_survives_a_restart_under_its_id_and_needs_good_sound_to_clear() -> None:
    before, _ = hear([GONE] * 10)
    kept = MicrophoneState.from_dict(before.to_dict())
    assert kept.alarm == before.alarm
    state, events = hear([GOOD] * 3 + [GONE] * 10 + [GOOD] * 10, kept)
    assert events == [(13 + CLEAR_AFTER_S, AlarmEvent.CLEARED)]
    assert state.alarm.alarm_id == before.alarm.alarm_id


def test_a_state_that_was_kept_before_findings_were_is_read() -> None:
    old = initial("fan-1").to_dict()
    alarm = dict(old["alarm"])  # type: ignore[arg-type]
    del alarm["findings"]
    assert MicrophoneState.from_dict({**old, "alarm": alarm}) == initial("fan-1")
    with pytest.raises(ValueError, match="schema"):
        MicrophoneState.from_dict({**old, "schema": 2})


@given(cuts=st.lists(st.floats(0.01, 1.0), min_size=1, max_size=60))
def test_an_absence_raises_it_after_the_same_time_however_often_one_looks(cuts: list[float]) -> None:
    state, passed_s, raised_s = initial("fan-1"), 0.0, None
    for lasted_s in cuts:
        passed_s += lasted_s
        state, event = listen(state, GONE, lasted_s, START_S + passed_s)
        if event is AlarmEvent.RAISED:
            raised_s = passed_s
    assert (raised_s is not None) == (passed_s >= RAISE_AFTER_S - 0.001)
    assert raised_s is None or raised_s < RAISE_AFTER_S + 1.0
    assert len(state.bad) == 1


def test_a_window_with_a_second_that_no_machine_sounds_like_is_spoilt_and_its_neighbours_are_not() -> None:
    state, _ = hear([GOOD] * 12 + [ZERO] + [GOOD] * 10)
    assert spoils(state, START_S + 10, START_S + 20)
    assert not spoils(state, START_S, START_S + 10)
    assert not spoils(state, START_S + 13, START_S + 23)


def test_a_single_second_that_a_machine_could_sound_like_spoils_no_window_and_two_do() -> None:
    once, _ = hear([GOOD] * 12 + [CLIPPED] + [GOOD] * 10)
    twice, _ = hear([GOOD] * 12 + [CLIPPED, GOOD, CLIPPED] + [GOOD] * 10)
    assert not spoils(once, START_S + 10, START_S + 20)
    assert spoils(twice, START_S + 10, START_S + 20)
    assert spoils(once, START_S + 12, START_S + 13)  # a window of one second has no other


def test_bad_times_of_long_ago_are_forgotten() -> None:
    state, _ = hear(([ZERO] + [GOOD] * 30) * 20)
    assert 1 < len(state.bad) <= REMEMBERED_S / 31 + 1
