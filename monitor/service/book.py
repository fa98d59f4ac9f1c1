"""The book of all alarms of the node: what each one's state is, and what follows when something happens to one.

Belongs to the inference thread; asks no clock and sends nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import structlog

from monitor.detect import delivery, group, kpi, lifecycle
from monitor.detect.alarm import AlarmEvent
from monitor.detect.alarm_state import AlarmState
from monitor.detect.delivery import DeliveryState
from monitor.detect.group import NODE, GroupChange, GroupPolicy, GroupState
from monitor.detect.kinds import AlarmKind
from monitor.detect.kpi import KpiState
from monitor.detect.life import Life, SuppressedBy, matching
from monitor.detect.lifecycle import Change, Condition, Input, LifePolicy, Order, Suppression, Tick

_log = structlog.get_logger(__name__)

Key: TypeAlias = tuple[str, AlarmKind]
"""Machine (empty for the node) and kind."""

_GROUPS = {SuppressedBy.FLOOD: AlarmKind.FLOOD, SuppressedBy.COMMON_CAUSE: AlarmKind.COMMON_CAUSE}
_GROUP_STATE, _KPI_STATE, _DELIVERY_STATE = "alarms/group", "alarms/kpi", "alarms/delivery"
_DELIVERY: Key = (NODE, AlarmKind.DELIVERY)
_PLAIN = LifePolicy()


@dataclass(frozen=True, slots=True)
class News:
    """One transition of one alarm."""

    condition: AlarmState
    """After it."""
    life: Life
    """After it."""
    event: AlarmEvent
    at_s: float
    """UTC, POSIX seconds; of the sound where it is about sound."""
    by: str | None = None
    reason: str | None = None
    machines: tuple[str, ...] = ()
    """That an alarm of the node stands for."""

    @property
    def key(self) -> Key:
        """The alarm."""
        return self.condition.machine, self.condition.kind


class AlarmBook:
    """Every alarm of the node.

    Args:
        conditions: of every machine's alarms, as their detectors have them.
        kept: states of an earlier run, by key; what cannot be read begins anew, and is named.
        now_s: the wall clock, UTC, POSIX seconds.
        policy: of group alarms.
    """

    def __init__(
        self,
        conditions: Mapping[Key, AlarmState],
        kept: Mapping[str, Any],
        now_s: float,
        policy: GroupPolicy | None = None,
    ) -> None:
        self._policy = policy or GroupPolicy()
        self._policies: dict[str, LifePolicy] = {}
        self._group = _restored(GroupState.from_dict, kept, _GROUP_STATE) or GroupState()
        self.kpi = _restored(KpiState.from_dict, kept, _KPI_STATE) or KpiState(since_s=now_s)
        self._delivery = _restored(DeliveryState.from_dict, kept, _DELIVERY_STATE) or DeliveryState()
        self._conditions = {
            **conditions,
            _DELIVERY: self._delivery.condition,
            (NODE, AlarmKind.FLOOD): self._group.flood,
            (NODE, AlarmKind.COMMON_CAUSE): self._group.common,
        }
        self._lives = {
            key: matching(_restored(Life.from_dict, kept, life_key(key)), condition)
            for key, condition in self._conditions.items()
        }
        names = {name_of(key) for key in self._lives}  # of machines that have gone, nobody acknowledges anything
        self.kpi = replace(self.kpi, open={name: at_s for name, at_s in self.kpi.open.items() if name in names})
        self._machines = len({machine for machine, _ in conditions})
        self._sound_s = 0.0
        self._dirty: set[str] = set()

    @property
    def keys(self) -> tuple[Key, ...]:
        """Every alarm that there is."""
        return tuple(self._lives)

    def life(self, key: Key) -> Life:
        """How an alarm stands."""
        return self._lives[key]

    def alarm(self, key: Key) -> AlarmState:
        """An alarm's condition."""
        return self._conditions[key]

    def set_policy(self, machine: str, policy: LifePolicy) -> None:
        """The rules of a machine's anomaly alarm."""
        self._policies[machine] = policy

    def changed_states(self) -> dict[str, Any]:
        """What is to be kept and has changed since the last time, by key."""
        if not self._dirty:
            return {}
        states: dict[str, Any] = {
            life_key(key): life.to_dict() for key, life in self._lives.items() if life_key(key) in self._dirty
        }
        states |= {_GROUP_STATE: self._group.to_dict(), _KPI_STATE: self.kpi.to_dict()}
        states[_DELIVERY_STATE] = self._delivery.to_dict()
        self._dirty.clear()
        return states

    def condition(
        self, condition: AlarmState, event: AlarmEvent, clip: str | None, sound_s: float, now_s: float
    ) -> list[News]:
        """A machine's alarm has changed its condition: what follows for it, and for the node.

        The group goes first, so that an alarm that drowns in a flood is silent when it is told of.
        """
        key = condition.machine, condition.kind
        self._conditions[key] = condition
        news = []
        if key[1] is AlarmKind.ANOMALY and event is not AlarmEvent.WARNING:
            raised = key[0] if event is AlarmEvent.RAISED else None
            news = self._regroup(raised, sound_s, now_s)
        given = Condition(event, condition.alarm_id or "", clip)
        return news + self._step(key, given, now_s, at_s=sound_s)

    def suppress(self, machine: str, by: SuppressedBy, now_s: float, *, on: bool) -> list[News]:
        """A reason for a machine's anomaly alarm to be silent by design began or ended."""
        key = machine, AlarmKind.ANOMALY
        return self._step(key, Suppression(by, on), now_s) if key in self._lives else []

    def deliver(self, troubles: Sequence[str], now_s: float, *, connected: bool) -> list[News]:
        """Messages reach the broker, or do not: why, in words."""
        self._delivery, event = delivery.step(self._delivery, now_s, trouble=bool(troubles), connected=connected)
        if event is None:
            return []
        condition = self._conditions[_DELIVERY] = self._delivery.condition
        news = self._step(_DELIVERY, Condition(event, condition.alarm_id or ""), now_s)
        return [replace(each, reason="; ".join(troubles) or None) for each in news]

    def order(self, key: Key, order: Order, by: str, reason: str | None, now_s: float) -> list[News]:
        """Carry out a person's command.

        Raises:
            OrderRefusedError: it cannot be; nothing changed.
        """
        return [replace(news, by=by, reason=reason) for news in self._step(key, order, now_s)]

    def tick(self, sound_s: float, now_s: float) -> list[News]:
        """Time has passed: shelves end, acknowledged alarms call again, floods are over."""
        # After a start no window has told the time yet, and an hour zero would end what stands.
        news = self._regroup(None, sound_s, now_s) if sound_s or self._sound_s else []
        for key in [key for key, life in self._lives.items() if life.timed]:
            news += self._step(key, Tick(), now_s)
        return news

    def _step(self, key: Key, given: Input, now_s: float, at_s: float | None = None) -> list[News]:
        policy = self._policies.get(key[0], _PLAIN) if key[1] is AlarmKind.ANOMALY else _PLAIN
        before = self._lives[key]
        life, changes = lifecycle.step(policy, before, given, now_s)
        if life is not before and life != before:  # mostly it is the same one, and comparing takes longer than the step
            self._lives[key] = life
            self._dirty.add(life_key(key))
        for change in changes:
            self._count(key, change, now_s)
        machines = self._group.members.get(_BY_KIND[key[1]], ()) if key[1] in _BY_KIND else ()
        when_s = now_s if at_s is None else at_s
        return [News(self._conditions[key], each.life, each.event, when_s, machines=machines) for each in changes]

    def _count(self, key: Key, change: Change, now_s: float) -> None:
        """An alarm counts when people are told of it: at once, or when its silence ends."""
        life, name = change.life, name_of(key)
        if change.event is AlarmEvent.ACKNOWLEDGED:
            self.kpi = kpi.acknowledged(self.kpi, name, now_s)
        told = {AlarmEvent.RAISED, AlarmEvent.REALARMED, AlarmEvent.UNSHELVED, AlarmEvent.UNSUPPRESSED}
        if change.event in told and life.active and not (life.acknowledged or life.suppressed_or_shelved):
            self.kpi = kpi.raised(self.kpi, name, now_s)

    def _regroup(self, raised: str | None, sound_s: float, now_s: float) -> list[News]:
        self._sound_s = group.sound_time(self._sound_s, sound_s) if sound_s else self._sound_s
        active = frozenset(m for (m, kind), c in self._conditions.items() if kind is AlarmKind.ANOMALY and c.active)
        self._group, changes = group.step(
            self._policy, self._group, raised, active, self._machines, sound_s or self._sound_s
        )
        news = [each for change in changes for each in self._group_news(change, now_s)]
        for by in _GROUPS:
            members = self._group.members.get(by, ())
            silent = {machine for (machine, kind), life in self._lives.items() if by in life.suppressed}
            for machine in sorted(silent.symmetric_difference(members)):
                news += self.suppress(machine, by, now_s, on=machine in members)
        return news

    def _group_news(self, change: GroupChange, now_s: float) -> list[News]:
        key = NODE, change.condition.kind
        self._conditions[key] = change.condition
        given = Condition(change.event, change.condition.alarm_id or "")
        at_s = self._sound_s or now_s
        return [replace(news, machines=change.machines) for news in self._step(key, given, now_s, at_s=at_s)]


_BY_KIND = {kind: by for by, kind in _GROUPS.items()}


def name_of(key: Key) -> str:
    """An alarm as `machine/kind`; the node's as `kind`."""
    return f"{key[0]}/{key[1]}" if key[0] else str(key[1])


def life_key(key: Key) -> str:
    """Where an alarm's life is kept."""
    return f"alarm/{key[0]}/{key[1]}"


def _restored(read: Any, kept: Mapping[str, Any], key: str) -> Any:  # noqa: ANN401  whatever `read` gives
    stored = kept.get(key)
    try:
        return None if stored is None else read(stored)
    except (ValueError, TypeError) as error:
        _log.warning("kept state cannot be read; beginning anew", key=key, reason=str(error))
        return None
