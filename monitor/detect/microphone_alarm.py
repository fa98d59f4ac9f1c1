"""The microphone alarm of one machine: raised on bad sound or none, cleared on good sound, as a pure step.

It counts seconds of sound and of its absence, not windows, so that it comes and goes within seconds: what `listen`
takes for bad for `RAISE_AFTER_S` raises it, `CLEAR_AFTER_S` of good sound clear it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from monitor.detect.alarm import AlarmEvent
from monitor.detect.alarm_state import AlarmLevel, AlarmState
from monitor.detect.fields import JsonObject, check_schema, get_mapping
from monitor.detect.finding import Finding
from monitor.detect.kinds import AlarmKind

SCHEMA = 1

RAISE_AFTER_S: Final = 5.0
"""Bad seconds that raise it. A device that fails is seen at once or within 5 s, so that a person is told within 15 s; a
cable that is pulled and put back at once is no alarm."""
CLEAR_AFTER_S: Final = 4.0
"""Good seconds in a row that clear it: within 15 s of a device's return, with up to 6 s until it is tried again and a
second or two to open it."""
FORGIVEN: Final = 0.1
"""Bad seconds that a good one makes up for: sound that is bad for more than a tenth of the time raises it too."""
SPOILING_S: Final = 2.0
"""Bad seconds that spoil a window, where a machine could sound so: a bang is no reason not to judge."""
REMEMBERED_S: Final = 180.0
"""For so long single bad seconds are kept: three of the longest windows."""
_ROUNDING_S: Final = 1e-3
_JOIN_S: Final = 0.1
"""Bad times no further apart are one: a device that is away is looked at twenty times a second."""


@dataclass(frozen=True, slots=True)
class BadTime:
    """Some seconds of bad sound."""

    start_s: float
    """UTC, POSIX seconds."""
    end_s: float
    certain: bool
    """Whether no machine could sound so."""


@dataclass(frozen=True, slots=True)
class MicrophoneState:
    """Everything about one machine's microphone; what outlives a restart is the alarm alone."""

    alarm: AlarmState
    bad_s: float = 0.0
    """Bad seconds, less what good ones made up for; at most what raises the alarm."""
    good_s: float = 0.0
    """Good seconds in a row."""
    findings: tuple[Finding, ...] = ()
    """What was found last; empty while all is well."""
    bad: tuple[BadTime, ...] = ()
    """Bad times lately, oldest first."""

    def to_dict(self) -> JsonObject:
        """As a JSON object."""
        return {"schema": SCHEMA, "alarm": self.alarm.to_dict()}

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> MicrophoneState:
        """Read back what `to_dict` wrote.

        Raises:
            ValueError: naming the key that is wrong.
        """
        check_schema(data, "microphone state", SCHEMA)
        return cls(AlarmState.from_dict(get_mapping(data, "alarm")))


def initial(machine: str) -> MicrophoneState:
    """The state of a microphone that was never listened to."""
    return MicrophoneState(AlarmState(machine, AlarmKind.MICROPHONE))


def listen(
    state: MicrophoneState, findings: tuple[Finding, ...], lasted_s: float, end_s: float
) -> tuple[MicrophoneState, AlarmEvent | None]:
    """Take some time of sound, or of its absence, into account.

    Args:
        state: before it.
        findings: what is wrong with it; empty for good sound.
        lasted_s: its length, seconds.
        end_s: its end, UTC, POSIX seconds: of the sound, or of the clock where there is none.

    Returns:
        The state after it, and `RAISED` or `CLEARED` when that changed.
    """
    if findings:
        return _bad(state, findings, lasted_s, end_s)
    good_s = min(CLEAR_AFTER_S, state.good_s + lasted_s)
    state = replace(state, bad_s=max(0.0, state.bad_s - FORGIVEN * lasted_s), good_s=good_s, findings=())
    if not state.alarm.active or good_s < CLEAR_AFTER_S - _ROUNDING_S:
        return state, None
    alarm = replace(state.alarm, level=AlarmLevel.NORMAL, cleared_at_s=end_s, findings=())
    return replace(state, alarm=alarm, bad_s=0.0), AlarmEvent.CLEARED


def spoils(state: MicrophoneState, start_s: float, end_s: float) -> bool:
    """Whether a window from ``start_s`` to ``end_s`` (UTC, POSIX seconds) holds too much bad sound to be judged."""
    times = [
        (min(end_s, bad.end_s) - max(start_s, bad.start_s), bad.certain)
        for bad in state.bad
        if bad.start_s < end_s - _ROUNDING_S and bad.end_s > start_s + _ROUNDING_S
    ]
    least_s = min(SPOILING_S, end_s - start_s) - _ROUNDING_S
    return any(certain for _, certain in times) or sum(lasted_s for lasted_s, _ in times) >= max(least_s, _ROUNDING_S)


def _bad(
    state: MicrophoneState, findings: tuple[Finding, ...], lasted_s: float, end_s: float
) -> tuple[MicrophoneState, AlarmEvent | None]:
    time = BadTime(end_s - lasted_s, end_s, any(found.fault.certain for found in findings))
    state = replace(
        state,
        bad_s=min(RAISE_AFTER_S, state.bad_s + lasted_s),
        good_s=0.0,
        findings=findings,
        bad=_remembered(state.bad, time),
    )
    if state.alarm.active or state.bad_s < RAISE_AFTER_S - _ROUNDING_S:
        return state, None
    alarm = replace(
        state.alarm,
        level=AlarmLevel.ALARM,
        alarm_id=f"{state.alarm.machine}-{state.alarm.kind}-{round(end_s * 1000)}",
        raised_at_s=end_s,
        cleared_at_s=None,
        findings=findings,
    )
    return replace(state, alarm=alarm), AlarmEvent.RAISED


def _remembered(bad: tuple[BadTime, ...], time: BadTime) -> tuple[BadTime, ...]:
    """``time`` added, joined to the last where it goes on; what is long past is forgotten."""
    kept = tuple(each for each in bad if abs(time.end_s - each.end_s) < REMEMBERED_S)
    if kept and kept[-1].certain == time.certain and abs(time.start_s - kept[-1].end_s) <= _JOIN_S:
        return (*kept[:-1], replace(kept[-1], end_s=time.end_s))
    return (*kept, time)
