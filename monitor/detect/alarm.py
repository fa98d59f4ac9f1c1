"""One alarm of one machine: raised on k of n windows, cleared only after a quiet time, as a pure step.

The words follow OPC UA Alarms & Conditions and ISA-18.2.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from monitor.detect.alarm_state import AlarmLevel, AlarmState
from monitor.detect.evidence import Evidence, evidence_of
from monitor.detect.kinds import AlarmKind
from monitor.detect.verdict import Verdict, VerdictState
from monitor.detect.votes import Vote, count_vote

__all__ = ["AlarmEvent", "AlarmLevel", "AlarmPolicy", "AlarmState", "Transition", "parse_rule", "step"]

MAX_RAISE_WINDOW: Final = 1000
"""Nearly three hours of 10 s windows: a longer rule is surely a slip of the pen."""

KEPT_RAISES: Final = 16
"""Raises remembered: the clearing time has reached its limit long before."""


class AlarmEvent(StrEnum):
    """What happened to an alarm."""

    WARNING = "warning"
    """From normal to warning."""
    RAISED = "raised"
    """From normal or warning to alarm; a warning that grows keeps its id."""
    CLEARED = "cleared"
    """Back to normal."""
    REALARMED = "realarmed"
    """Still active long after it was acknowledged: unacknowledged again."""
    ACKNOWLEDGED = "acknowledged"
    RESET = "reset"
    """The latch was released."""
    SHELVED = "shelved"
    UNSHELVED = "unshelved"
    """By a person, or because the time was up."""
    SUPPRESSED = "suppressed"
    UNSUPPRESSED = "unsuppressed"
    OUT_OF_SERVICE = "out_of_service"
    IN_SERVICE = "in_service"
    REMOVED = "removed"
    """Its machine is watched no more; there is no such alarm any longer."""


@dataclass(frozen=True, slots=True)
class AlarmPolicy:
    """When an alarm is raised and when it is cleared."""

    raise_count: int = 3
    """k: windows above the level, of the last n, that it takes; 1 to ``raise_window``."""
    raise_window: int = 5
    """n: windows looked at; 1 to 1000."""
    clear_after_s: float = 60.0
    """Audio at or below the clear level, without a window above it, after which the alarm is cleared; seconds, 0 or
    more."""
    normal_after_s: float = 3600.0
    """Audio at or below the warning level after which it is cleared in any case, seconds: a machine that stays a little
    above the clear level has a new normal sound, and the levels do not follow it while the alarm stands."""
    gap_s: float = 600.0
    """After this long without a window the counting starts anew, so that yesterday's windows are not joined to
    today's; seconds, greater than 0."""

    chatter_count: int = 3
    """From so many raises within ``chatter_s`` on, each one more doubles ``clear_after_s``; at least 2."""
    chatter_s: float = 3600.0
    """Seconds that are looked back on for chattering. With 10 s windows an alarm needs about two minutes to come, go
    and come again, so that EEMUA 191's three in one minute cannot happen: three in an hour are as much a nuisance."""
    clear_after_most_s: float = 3600.0
    """Longest clearing time that chattering leads to, seconds; an hour ends it by definition."""

    def __post_init__(self) -> None:
        if self.chatter_count < 2:
            raise ValueError(f"chatter_count: {self.chatter_count} is not 2 or more")
        if not 1 <= self.raise_window <= MAX_RAISE_WINDOW:
            raise ValueError(f"raise: n is {self.raise_window}, allowed are 1 to {MAX_RAISE_WINDOW}")
        if not 1 <= self.raise_count <= self.raise_window:
            raise ValueError(f"raise: k is {self.raise_count}, allowed are 1 to n = {self.raise_window}")
        if not (math.isfinite(self.clear_after_s) and self.clear_after_s >= 0):
            raise ValueError(f"clear_after_s: {self.clear_after_s} is not a finite number of seconds, 0 or more")
        if not self.gap_s > 0:
            raise ValueError(f"gap_s: {self.gap_s} is not greater than 0 seconds")

    @property
    def rule(self) -> str:
        """The rule as it is written in the configuration."""
        return f"{self.raise_count} of {self.raise_window}"

    def off_delay_s(self, raises_s: tuple[float, ...], now_s: float) -> float:
        """How long it must be quiet before the alarm clears: ``clear_after_s``, or longer while it chatters.

        Args:
            raises_s: when it was raised lately, UTC, POSIX seconds.
            now_s: end of the present window.
        """
        extra = sum(now_s - each <= self.chatter_s for each in raises_s) - self.chatter_count + 1
        if extra <= 0:
            return self.clear_after_s
        # A zero delay could not be doubled: with chattering, a minute is the least.
        longer_s = max(self.clear_after_s, 60.0) * 2.0 ** min(extra, KEPT_RAISES)
        return max(self.clear_after_s, min(longer_s, self.clear_after_most_s))


def parse_rule(text: str) -> tuple[int, int]:
    """Read a rule such as ``3 of 5``.

    Returns:
        (k, n): raise on k of n windows.

    Raises:
        ValueError: it is not written so, or not 1 <= k <= n <= 1000.
    """
    found = re.fullmatch(r"\s*(\d{1,9})\s+of\s+(\d{1,9})\s*", text)
    if found is None:
        raise ValueError(f"raise: {text!r} is not a rule such as '3 of 5'")
    policy = AlarmPolicy(int(found[1]), int(found[2]))
    return policy.raise_count, policy.raise_window


@dataclass(frozen=True, slots=True)
class Transition:
    """A change of an alarm's state: the state after it, and the window that caused it."""

    alarm_id: str
    machine: str
    kind: AlarmKind
    event: AlarmEvent
    at_s: float
    """UTC of the audio that caused it (end of the window), POSIX seconds."""
    level: AlarmLevel
    """After the transition."""
    warned_at_s: float | None
    raised_at_s: float | None
    cleared_at_s: float | None
    evidence: Evidence
    peak: float
    """Highest score of the occurrence so far."""

    @property
    def active(self) -> bool:
        """Whether the alarm is raised after the transition (a warning is not)."""
        return self.level is AlarmLevel.ALARM


def step(
    policy: AlarmPolicy, state: AlarmState, verdict: Verdict, now_s: float
) -> tuple[AlarmState, tuple[Transition, ...]]:
    """Take one window's verdict into account.

    Args:
        policy: the rules.
        state: before the window.
        verdict: of the window; INVALID and UNCALIBRATED ones neither raise nor clear.
        now_s: time of the transition, UTC, POSIX seconds; normally the end of the window.

    Returns:
        The state after it, and what changed (nothing, or one transition).
    """
    votes = count_vote(state.votes, verdict, policy.raise_window, policy.gap_s)
    state = replace(state, votes=votes)
    if not verdict.known:
        return state, ()
    if state.level is not AlarmLevel.NORMAL:
        state = replace(state, peak=max(verdict.score.value, verdict.score.value if state.peak is None else state.peak))
    if state.level is not AlarmLevel.ALARM and votes.count(Vote.ALARM) >= policy.raise_count:
        return _enter(state, AlarmLevel.ALARM, verdict, now_s)
    if state.level is AlarmLevel.NORMAL and votes.count(Vote.WARNING) >= policy.raise_count:
        return _enter(state, AlarmLevel.WARNING, verdict, now_s)
    if state.level is not AlarmLevel.NORMAL and _is_over(policy, state, verdict, now_s):
        return _clear(state, verdict, now_s)
    return state, ()


def _is_over(policy: AlarmPolicy, state: AlarmState, verdict: Verdict, now_s: float) -> bool:
    off_delay_s, votes = policy.off_delay_s(state.raises_s, now_s), state.votes
    quiet = verdict.quiet and votes.quiet_s >= off_delay_s
    return quiet or (verdict.state is VerdictState.NORMAL and votes.normal_s >= max(policy.normal_after_s, off_delay_s))


def _enter(
    state: AlarmState, level: AlarmLevel, verdict: Verdict, now_s: float
) -> tuple[AlarmState, tuple[Transition, ...]]:
    """From normal to warning or alarm, or from warning to alarm under the same id."""
    if state.level is AlarmLevel.NORMAL:
        # Made from the time, not counted: a lost state database must not give an old id to a new alarm.
        alarm_id = f"{state.machine}-{state.kind}-{round(now_s * 1000)}"
        state = replace(
            state, alarm_id=alarm_id, warned_at_s=None, raised_at_s=None, cleared_at_s=None, peak=verdict.score.value
        )
    if level is AlarmLevel.ALARM:
        raises_s = (*state.raises_s, now_s)[-KEPT_RAISES:]
        raised = replace(state, level=level, raised_at_s=now_s, raises_s=raises_s)
        return _changed(raised, AlarmEvent.RAISED, verdict, now_s)
    return _changed(replace(state, level=level, warned_at_s=now_s), AlarmEvent.WARNING, verdict, now_s)


def _clear(state: AlarmState, verdict: Verdict, now_s: float) -> tuple[AlarmState, tuple[Transition, ...]]:
    """Back to normal; the votes start anew, so that the next alarm needs k windows of its own."""
    votes = replace(state.votes, last=())
    cleared = replace(state, level=AlarmLevel.NORMAL, votes=votes, cleared_at_s=now_s)
    return _changed(cleared, AlarmEvent.CLEARED, verdict, now_s)


def _changed(
    state: AlarmState, event: AlarmEvent, verdict: Verdict, now_s: float
) -> tuple[AlarmState, tuple[Transition, ...]]:
    evidence = evidence_of(verdict)
    state = replace(state, evidence=evidence)
    transition = Transition(
        alarm_id=state.alarm_id or "",
        machine=state.machine,
        kind=state.kind,
        event=event,
        at_s=now_s,
        level=state.level,
        warned_at_s=state.warned_at_s,
        raised_at_s=state.raised_at_s,
        cleared_at_s=state.cleared_at_s,
        evidence=evidence,
        peak=evidence.score if state.peak is None else state.peak,
    )
    return state, (transition,)
