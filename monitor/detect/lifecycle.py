"""What people and the plant make of an alarm: acknowledged, latched, shelved, suppressed, out of service; a pure step.

The states follow ISA-18.2 / IEC 62682, the names OPC UA Alarms & Conditions. `detect.alarm` decides whether the
condition is there; here is decided whether anyone has to be told.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, TypeAlias

from monitor.detect.alarm import AlarmEvent
from monitor.detect.alarm_state import AlarmLevel
from monitor.detect.life import Life, SuppressedBy

LONGEST_SHELF_S: Final = 12 * 3600.0
"""One shift, with overlap: whoever shelved an alarm is still there when it returns."""


class Verb(StrEnum):
    """What a person can tell an alarm to do; the value is the last level of the command's topic."""

    ACKNOWLEDGE = "acknowledge"
    SHELVE = "shelve"
    UNSHELVE = "unshelve"
    SUPPRESS = "suppress"
    UNSUPPRESS = "unsuppress"
    OUT_OF_SERVICE = "out-of-service"
    IN_SERVICE = "in-service"
    RESET = "reset"


class OrderRefusedError(Exception):
    """An order cannot be carried out in the alarm's present state; its text says why, for the person who gave it."""


@dataclass(frozen=True, slots=True)
class LifePolicy:
    """The rules of one alarm."""

    latch: bool = False
    """Once raised it stays until someone resets it."""
    realarm_after_s: float = 8 * 3600.0
    """An acknowledged alarm that is still active after this long is unacknowledged again, so that the next shift
    learns of it; seconds, greater than 0, infinite for never."""

    def __post_init__(self) -> None:
        if not self.realarm_after_s > 0:
            raise ValueError(f"realarm_after_s: {self.realarm_after_s} is not greater than 0 seconds")


@dataclass(frozen=True, slots=True)
class Condition:
    """The condition changed: `WARNING`, `RAISED` or `CLEARED`."""

    event: AlarmEvent
    alarm_id: str
    clip: str | None = None
    """Sound kept as evidence of it."""


@dataclass(frozen=True, slots=True)
class Order:
    """A person's command."""

    verb: Verb
    alarm_id: str | None = None
    """The alarm that the person saw; None is whichever there is."""
    until_s: float | None = None
    """End of a shelf, UTC, POSIX seconds."""


@dataclass(frozen=True, slots=True)
class Suppression:
    """A reason to be silent by design began or ended."""

    by: SuppressedBy
    on: bool


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""


Input: TypeAlias = Condition | Order | Suppression | Tick


@dataclass(frozen=True, slots=True)
class Change:
    """One transition, and the state after it."""

    event: AlarmEvent
    life: Life
    at_s: float
    """UTC, POSIX seconds."""


def step(policy: LifePolicy, life: Life, given: Input, now_s: float) -> tuple[Life, tuple[Change, ...]]:
    """Take one input into account.

    Args:
        policy: the rules.
        life: before it.
        given: what happened.
        now_s: the wall clock, UTC, POSIX seconds; it may step back.

    Returns:
        The state after it, and its transitions in order; none when nothing changed.

    Raises:
        OrderRefusedError: an `Order` cannot be carried out; nothing changed.
    """
    if isinstance(given, Condition):
        return _moved(_CONDITIONS[given.event](policy, life, given), given.event, now_s)
    if isinstance(given, Suppression):
        return _suppression(life, given, now_s)
    if isinstance(given, Tick):
        return _tick(policy, life, now_s)
    return _ORDERS[given.verb](policy, life, given, now_s)


_Result: TypeAlias = tuple[Life, tuple[Change, ...]]


def _moved(life: Life, event: AlarmEvent, now_s: float) -> _Result:
    return life, (Change(event, life, now_s),)


# --- the condition


def _warned(_policy: LifePolicy, life: Life, given: Condition) -> Life:
    return replace(life, level=AlarmLevel.WARNING, alarm_id=given.alarm_id, clip=given.clip)


def _raised(policy: LifePolicy, life: Life, given: Condition) -> Life:
    return replace(
        life,
        level=AlarmLevel.ALARM,
        alarm_id=given.alarm_id,
        acknowledged=False,
        realarm_at_s=None,
        latched=life.latched or policy.latch,
        clip=given.clip,
    )


def _cleared(_policy: LifePolicy, life: Life, given: Condition) -> Life:
    return replace(life, level=AlarmLevel.NORMAL, alarm_id=given.alarm_id, realarm_at_s=None)


_CONDITIONS: Final[dict[AlarmEvent, Callable[[LifePolicy, Life, Condition], Life]]] = {
    AlarmEvent.WARNING: _warned,
    AlarmEvent.RAISED: _raised,
    AlarmEvent.CLEARED: _cleared,
}


# --- by design, and by the clock


def _suppression(life: Life, given: Suppression, now_s: float) -> _Result:
    if (given.by in life.suppressed) == given.on:
        return life, ()
    reasons = life.suppressed | {given.by} if given.on else life.suppressed - {given.by}
    event = AlarmEvent.SUPPRESSED if given.on else AlarmEvent.UNSUPPRESSED
    return _moved(replace(life, suppressed=reasons), event, now_s)


def _tick(policy: LifePolicy, life: Life, now_s: float) -> _Result:
    changes: tuple[Change, ...] = ()
    if life.shelved_until_s is not None:
        # A clock that was set back must not keep an alarm silent for longer than was allowed.
        life = replace(life, shelved_until_s=min(life.shelved_until_s, now_s + LONGEST_SHELF_S))
        if now_s >= (life.shelved_until_s or 0.0):
            life, changes = _moved(replace(life, shelved_until_s=None), AlarmEvent.UNSHELVED, now_s)
    if life.realarm_at_s is not None:
        life = replace(life, realarm_at_s=min(life.realarm_at_s, now_s + policy.realarm_after_s))
        if now_s >= (life.realarm_at_s or 0.0):
            life, more = _moved(replace(life, acknowledged=False, realarm_at_s=None), AlarmEvent.REALARMED, now_s)
            changes += more
    return life, changes


# --- orders


def _acknowledge(policy: LifePolicy, life: Life, order: Order, now_s: float) -> _Result:
    if order.alarm_id is not None and order.alarm_id != life.alarm_id:
        raise OrderRefusedError(f"{order.alarm_id} is not the present alarm; that is {life.alarm_id or 'none'}")
    if not life.acknowledged:
        active = life.level is AlarmLevel.ALARM and math.isfinite(policy.realarm_after_s)
        realarm_at_s = now_s + policy.realarm_after_s if active else None
        return _moved(replace(life, acknowledged=True, realarm_at_s=realarm_at_s), AlarmEvent.ACKNOWLEDGED, now_s)
    if life.level is AlarmLevel.ALARM or life.latched:
        return life, ()  # two people pressed the button: both may go on
    raise OrderRefusedError("there is no alarm to acknowledge")


def _shelve(_policy: LifePolicy, life: Life, order: Order, now_s: float) -> _Result:
    if order.until_s is None:
        raise OrderRefusedError("a shelf needs an end")
    if not 0 < order.until_s - now_s <= LONGEST_SHELF_S:
        raise OrderRefusedError(
            f"{order.until_s - now_s:.0f} s is no time to shelve; allowed over 0 up to {LONGEST_SHELF_S:.0f} s (12 h)"
        )
    return _moved(replace(life, shelved_until_s=order.until_s), AlarmEvent.SHELVED, now_s)


def _unshelve(_policy: LifePolicy, life: Life, _order: Order, now_s: float) -> _Result:
    if life.shelved_until_s is None:
        raise OrderRefusedError("it is not shelved")
    return _moved(replace(life, shelved_until_s=None), AlarmEvent.UNSHELVED, now_s)


def _suppress(_policy: LifePolicy, life: Life, _order: Order, now_s: float) -> _Result:
    return _suppression(life, Suppression(SuppressedBy.MAINTENANCE, on=True), now_s)


def _unsuppress(_policy: LifePolicy, life: Life, _order: Order, now_s: float) -> _Result:
    if SuppressedBy.MAINTENANCE not in life.suppressed:
        others = ", ".join(sorted(life.suppressed))
        raise OrderRefusedError(
            f"it is suppressed by {others}, which ends by itself" if others else "it is not suppressed"
        )
    return _suppression(life, Suppression(SuppressedBy.MAINTENANCE, on=False), now_s)


def _out_of_service(_policy: LifePolicy, life: Life, _order: Order, now_s: float) -> _Result:
    if life.out_of_service:
        return life, ()
    return _moved(replace(life, out_of_service=True), AlarmEvent.OUT_OF_SERVICE, now_s)


def _in_service(_policy: LifePolicy, life: Life, _order: Order, now_s: float) -> _Result:
    if not life.out_of_service:
        raise OrderRefusedError("it is in service")
    return _moved(replace(life, out_of_service=False), AlarmEvent.IN_SERVICE, now_s)


def _reset(_policy: LifePolicy, life: Life, _order: Order, now_s: float) -> _Result:
    if not life.latched:
        raise OrderRefusedError("it is not latched")
    if life.level is AlarmLevel.ALARM:
        raise OrderRefusedError("it is still active")
    if not life.acknowledged:
        raise OrderRefusedError("acknowledge it first")
    return _moved(replace(life, latched=False), AlarmEvent.RESET, now_s)


_ORDERS: Final[dict[Verb, Callable[[LifePolicy, Life, Order, float], _Result]]] = {
    Verb.ACKNOWLEDGE: _acknowledge,
    Verb.SHELVE: _shelve,
    Verb.UNSHELVE: _unshelve,
    Verb.SUPPRESS: _suppress,
    Verb.UNSUPPRESS: _unsuppress,
    Verb.OUT_OF_SERVICE: _out_of_service,
    Verb.IN_SERVICE: _in_service,
    Verb.RESET: _reset,
}
