"""The kinds of alarm: a machine has at most one alarm of each."""

from __future__ import annotations

from enum import StrEnum


class AlarmKind(StrEnum):
    """What an alarm is about; the value is the last level of its MQTT topic."""

    ANOMALY = "anomaly"
    """The machine sounds unlike itself."""
    MICROPHONE = "microphone"
    """The sound that comes in cannot be trusted."""
    DRIFT = "drift"
    """The normal sound has moved as far as thresholds may follow: calibrate again."""
    DELIVERY = "delivery"
    """Messages do not reach the broker."""
    FLOOD = "flood"
    """More alarms on this node than a person can follow; of the node, not of a machine."""
    COMMON_CAUSE = "common_cause"
    """Half of the machines alarm at once: likely one thing, and none of them; of the node, not of a machine."""


NODE_KINDS = (AlarmKind.DELIVERY, AlarmKind.FLOOD, AlarmKind.COMMON_CAUSE)
"""Kinds of alarm that no single machine has."""
MACHINE_KINDS = (AlarmKind.ANOMALY, AlarmKind.DRIFT, AlarmKind.MICROPHONE)
"""Kinds of alarm that every machine has."""
