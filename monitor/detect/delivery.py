"""The alarm of the node's own delivery: raised while messages do not reach the broker, cleared once they do; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from monitor.detect.alarm import AlarmEvent
from monitor.detect.alarm_state import AlarmLevel, AlarmState
from monitor.detect.fields import JsonObject, check_schema, get_mapping
from monitor.detect.group import NODE
from monitor.detect.kinds import AlarmKind

SCHEMA = 1
QUIET_S: Final = 60.0
"""Connected and without trouble for so long, it is over: a broker that is coming up accepts and refuses by turns. An
outage is trouble only after a while: until then, as after a restart, it is neither trouble nor quiet."""


@dataclass(frozen=True, slots=True)
class DeliveryState:
    """What must outlive a restart, and since when there is no trouble."""

    condition: AlarmState = field(default_factory=lambda: AlarmState(NODE, AlarmKind.DELIVERY))
    quiet_since_s: float | None = None
    """UTC, POSIX seconds; None while there is trouble. Not kept: after a restart it is looked at anew."""

    def to_dict(self) -> JsonObject:
        """As a JSON object."""
        return {"schema": SCHEMA, "condition": self.condition.to_dict()}

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> DeliveryState:
        """Read back what `to_dict` wrote.

        Raises:
            ValueError: naming the key that is wrong.
        """
        check_schema(data, "delivery state", SCHEMA)
        return cls(AlarmState.from_dict(get_mapping(data, "condition")))


def step(
    state: DeliveryState, now_s: float, *, trouble: bool, connected: bool
) -> tuple[DeliveryState, AlarmEvent | None]:
    """Take into account whether messages reach the broker now.

    Args:
        state: before it.
        now_s: the wall clock, UTC, POSIX seconds; it may step back.
        trouble: something does not.
        connected: the broker can be reached.

    Returns:
        The state after it, and `RAISED` or `CLEARED` where that happened.
    """
    if trouble:
        state = replace(state, quiet_since_s=None)
        if state.condition.active:
            return state, None
        alarm_id = f"{AlarmKind.DELIVERY}-{round(now_s * 1000)}"
        raised = AlarmState(NODE, AlarmKind.DELIVERY, AlarmLevel.ALARM, alarm_id=alarm_id, raised_at_s=now_s)
        return replace(state, condition=raised), AlarmEvent.RAISED
    if not state.condition.active:
        return state, None
    if not connected:
        return replace(state, quiet_since_s=None), None
    since_s = now_s if state.quiet_since_s is None else min(state.quiet_since_s, now_s)
    if now_s - since_s < QUIET_S:
        return replace(state, quiet_since_s=since_s), None
    cleared = replace(state.condition, level=AlarmLevel.NORMAL, cleared_at_s=now_s)
    return DeliveryState(cleared), AlarmEvent.CLEARED
