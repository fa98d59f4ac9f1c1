"""Alarms of the whole node: one for a flood of them, one for half of the machines at once; a pure step."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from monitor.detect.alarm import AlarmEvent
from monitor.detect.alarm_state import AlarmLevel, AlarmState
from monitor.detect.fields import JsonObject, check_schema, get_list, get_mapping, get_str
from monitor.detect.kinds import AlarmKind
from monitor.detect.life import SuppressedBy

SCHEMA = 1
CLOCK_SET_BACK_S = 300.0
"""Sound so much older than the latest is of a clock that was set back; less is of a source that lags. Half of what is
looked back on for a flood, so that a smaller step hides no alarm from the counting."""
NODE = ""
"""Stands where a machine's name would, in the state of an alarm of the node."""


@dataclass(frozen=True, slots=True)
class GroupPolicy:
    """When many alarms become one."""

    flood_above: int = 10
    """More raises than this within ``flood_s`` are a flood; EEMUA 191's ten in ten minutes for one operator."""
    flood_over_below: int = 5
    """Fewer than this end it; EEMUA 191's five."""
    flood_s: float = 600.0
    """Seconds that are counted over."""
    common_share: float = 0.5
    """Of the machines; greater than 0, at most 1."""
    common_least: int = 3
    """Machines that it takes at least: two that alarm together may well be chance."""
    common_s: float = 60.0
    """Seconds within which they alarm: one cause is heard everywhere within a few windows. Whoever alarms longer after
    the others has a cause of its own."""


@dataclass(frozen=True, slots=True)
class GroupState:
    """Everything about the node's own alarms that must outlive a restart."""

    raises: tuple[tuple[float, str], ...] = ()
    """When (UTC, POSIX seconds) and which machine, oldest first; no more than the policy looks back on."""
    members: Mapping[SuppressedBy, tuple[str, ...]] = field(default_factory=dict)
    """The machines that a group alarm stands for, while it lasts."""
    flood: AlarmState = field(default_factory=lambda: AlarmState(NODE, AlarmKind.FLOOD))
    common: AlarmState = field(default_factory=lambda: AlarmState(NODE, AlarmKind.COMMON_CAUSE))

    def to_dict(self) -> JsonObject:
        """As a JSON object."""
        return {
            "schema": SCHEMA,
            "raises": [[at_s, machine] for at_s, machine in self.raises],
            "members": {by.value: list(names) for by, names in self.members.items()},
            "flood": self.flood.to_dict(),
            "common": self.common.to_dict(),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> GroupState:
        """Read back what `to_dict` wrote.

        Raises:
            ValueError: naming the key that is wrong.
        """
        check_schema(data, "group state", SCHEMA)
        members = get_mapping(data, "members")
        return cls(
            raises=tuple(_raise(each) for each in get_list(data, "raises")),
            members={SuppressedBy(by): tuple(str(name) for name in get_list(members, by)) for by in members},
            flood=AlarmState.from_dict(get_mapping(data, "flood")),
            common=AlarmState.from_dict(get_mapping(data, "common")),
        )


@dataclass(frozen=True, slots=True)
class GroupChange:
    """A group alarm was raised or cleared."""

    condition: AlarmState
    """After it."""
    event: AlarmEvent
    machines: tuple[str, ...]
    """That it is about."""


def sound_time(latest_s: float, end_s: float) -> float:
    """How far the sound of the node has come, after one more window.

    Args:
        latest_s: before it, UTC, POSIX seconds.
        end_s: of the window.
    """
    return end_s if end_s < latest_s - CLOCK_SET_BACK_S else max(latest_s, end_s)


def step(
    policy: GroupPolicy,
    state: GroupState,
    raised: str | None,
    active: frozenset[str],
    machines: int,
    now_s: float,
) -> tuple[GroupState, tuple[GroupChange, ...]]:
    """Take one raised alarm, or the passing of time, into account.

    Args:
        policy: the rules.
        state: before it.
        raised: the machine whose alarm was raised; None when only time has passed.
        active: the machines whose alarm is active now.
        machines: how many there are.
        now_s: time of the sound, UTC, POSIX seconds.
    """
    longest_s = max(policy.flood_s, policy.common_s)
    raises = tuple(each for each in state.raises if abs(now_s - each[0]) <= longest_s)
    state = replace(state, raises=raises if raised is None else (*raises, (now_s, raised)))
    state, flood = _flood(policy, state, active, now_s)
    state, common = _common(policy, state, raised, active, machines, now_s)
    return state, flood + common


def _flood(
    policy: GroupPolicy, state: GroupState, active: frozenset[str], now_s: float
) -> tuple[GroupState, tuple[GroupChange, ...]]:
    count = sum(abs(now_s - at_s) <= policy.flood_s for at_s, _ in state.raises)
    if state.flood.active:
        members = {*state.members.get(SuppressedBy.FLOOD, ()), *active}
        return _lasts(state, SuppressedBy.FLOOD, members, now_s, over=count < policy.flood_over_below)
    if count <= policy.flood_above:
        return state, ()
    return _begun(state, SuppressedBy.FLOOD, tuple(sorted(active)), now_s)


def _common(
    policy: GroupPolicy, state: GroupState, raised: str | None, active: frozenset[str], machines: int, now_s: float
) -> tuple[GroupState, tuple[GroupChange, ...]]:
    if state.common.active:
        members = _of_the_same_cause(policy, state, raised, now_s)
        over = 2 * len(active & members) < len(members)  # what is left of them is no common cause, and is told of
        return _lasts(state, SuppressedBy.COMMON_CAUSE, members, now_s, over=over)
    lately = {name for at_s, name in state.raises if abs(now_s - at_s) <= policy.common_s} & active
    if len(lately) < max(policy.common_least, math.ceil(machines * policy.common_share)):
        return state, ()
    return _begun(state, SuppressedBy.COMMON_CAUSE, tuple(sorted(lately)), now_s)


def _of_the_same_cause(policy: GroupPolicy, state: GroupState, raised: str | None, now_s: float) -> set[str]:
    """The members, with or without the machine that was raised now: with it when another one was just before."""
    members = set(state.members.get(SuppressedBy.COMMON_CAUSE, ()))
    if raised is None:
        return members
    others = members - {raised}
    near = any(name in others and abs(now_s - at_s) <= policy.common_s for at_s, name in state.raises)
    return members | {raised} if near else others


def _begun(
    state: GroupState, by: SuppressedBy, machines: tuple[str, ...], now_s: float
) -> tuple[GroupState, tuple[GroupChange, ...]]:
    kind = AlarmKind(by.value)
    condition = AlarmState(NODE, kind, AlarmLevel.ALARM, alarm_id=f"{kind}-{round(now_s * 1000)}", raised_at_s=now_s)
    state = _with(replace(state, members={**state.members, by: machines}), by, condition)
    return state, (GroupChange(condition, AlarmEvent.RAISED, machines),)


def _lasts(
    state: GroupState, by: SuppressedBy, machines: Iterable[str], now_s: float, *, over: bool
) -> tuple[GroupState, tuple[GroupChange, ...]]:
    """Whoever joins is one more of the group; at the end nobody is."""
    members = tuple(sorted(machines))
    if not over:
        return replace(state, members={**state.members, by: members}), ()
    before = state.flood if by is SuppressedBy.FLOOD else state.common
    condition = replace(before, level=AlarmLevel.NORMAL, cleared_at_s=now_s)
    left = {other: names for other, names in state.members.items() if other is not by}
    return _with(replace(state, members=left), by, condition), (GroupChange(condition, AlarmEvent.CLEARED, members),)


def _with(state: GroupState, by: SuppressedBy, condition: AlarmState) -> GroupState:
    return replace(state, flood=condition) if by is SuppressedBy.FLOOD else replace(state, common=condition)


def _raise(value: object) -> tuple[float, str]:
    if not isinstance(value, list | tuple) or len(value) != 2 or not isinstance(value[0], int | float):
        raise ValueError(f"key 'raises' holds {value!r}, expected [time, machine]")
    row = {"machine": value[1]}
    return float(value[0]), get_str(row, "machine")
