"""Home Assistant's MQTT device discovery: the node and its machines as devices, from the contract's topics; opt-in.

The form is that of https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload (2024.11 or newer).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from monitor.detect.kinds import MACHINE_KINDS, NODE_KINDS, AlarmKind
from monitor.publish.encoding import encode
from monitor.publish.messages import Message, Presence
from monitor.publish.topics import Topics

_TOLD = "value_json.active and not value_json.acknowledged and not value_json.suppressed_or_shelved"
_NAMES = {
    AlarmKind.ANOMALY: "Sound anomaly",
    AlarmKind.DRIFT: "Sound drift",
    AlarmKind.MICROPHONE: "Microphone",
    AlarmKind.DELIVERY: "Delivery",
    AlarmKind.FLOOD: "Alarm flood",
    AlarmKind.COMMON_CAUSE: "Common cause",
}
_NODE = "NODE"
"""Stands for the machine in the node's own identity; the ids of machines have no capitals."""


def discovery(prefix: str, topics: Topics, machines: Sequence[str], version: str) -> list[Message]:
    """A retained message for the node, which comes first, and one for each machine.

    Args:
        prefix: Home Assistant's discovery prefix.
        topics: of the node.
        machines: that it watches.
        version: of this software.
    """
    devices = {"": _node(topics, version)} | {machine: _machine(topics, machine, version) for machine in machines}
    return [
        Message(config_topic(prefix, topics, machine), encode(device), 1, retain=True)
        for machine, device in devices.items()
    ]


def config_topic(prefix: str, topics: Topics, machine: str) -> str:
    """Where a machine, or without one the node, is announced; an empty retained message there removes it."""
    return f"{prefix}/device/{_identity(topics, machine)}/config"


def _identity(topics: Topics, machine: str) -> str:
    """Unique among everything that Home Assistant knows; it allows letters, digits, dashes and underscores."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", f"{topics.base}_{machine or _NODE}")


def _node(topics: Topics, version: str) -> dict[str, Any]:
    """The plant PC: whether it is there, and its own alarms."""
    identity = _identity(topics, "")
    components = _alarms(topics, "", NODE_KINDS)
    for component in components.values():  # and not the device's: whether it is connected is told just when it is not
        component["availability"] = _availability(topics.status)
    components[f"{identity}_connection"] = {
        "p": "binary_sensor",
        "name": "Connection",
        "unique_id": f"{identity}_connection",
        "device_class": "connectivity",
        "entity_category": "diagnostic",
        "state_topic": topics.status,
        "value_template": f"{{{{ 'ON' if value_json.state == '{Presence.ONLINE}' else 'OFF' }}}}",
        "json_attributes_topic": topics.status,
    }
    return _device(identity, topics.node, "plant PC that listens to machines", version, components)


def _alarms(topics: Topics, machine: str, kinds: Sequence[AlarmKind]) -> dict[str, dict[str, Any]]:
    identity = _identity(topics, machine)
    return {
        f"{identity}_{kind}": {
            "p": "binary_sensor",
            "name": _NAMES[kind],
            "unique_id": f"{identity}_{kind}",
            "device_class": "problem",
            "state_topic": topics.alarm(machine, kind),
            "value_template": f"{{{{ 'ON' if {_TOLD} else 'OFF' }}}}",
            "json_attributes_topic": topics.alarm(machine, kind),
        }
        for kind in kinds
    }


def _machine(topics: Topics, machine: str, version: str) -> dict[str, Any]:
    """A machine: its alarms, its score, and a button that acknowledges."""
    identity = _identity(topics, machine)
    components = _alarms(topics, machine, MACHINE_KINDS)
    # Else its sensor would be unavailable just when there is something to tell.
    components[f"{identity}_{AlarmKind.MICROPHONE}"]["availability"] = _availability(topics.status)
    components[f"{identity}_state"] = {
        "p": "sensor",
        "name": "Alarm state",
        "unique_id": f"{identity}_state",
        "state_topic": topics.alarm(machine, AlarmKind.ANOMALY),
        "value_template": "{{ value_json.state }}",
    }
    components[f"{identity}_score"] = {
        "p": "sensor",
        "name": "Anomaly score",
        "unique_id": f"{identity}_score",
        "state_class": "measurement",
        "state_topic": topics.score(machine),
        "value_template": "{{ value_json.score }}",
    }
    components[f"{identity}_acknowledge"] = {
        "p": "button",
        "name": "Acknowledge",
        "unique_id": f"{identity}_acknowledge",
        "command_topic": topics.command("acknowledge"),
        "payload_press": encode({"machine": machine, "by": "Home Assistant"}).decode(),
    }
    device = _device(identity, machine, f"machine heard by {topics.node}", version, components)
    device["device"]["via_device"] = _identity(topics, "")
    return device | {
        "availability": _availability(topics.status, topics.availability(machine)),
        "availability_mode": "all",
        "payload_available": Presence.ONLINE,
        "payload_not_available": Presence.OFFLINE,
    }


def _device(identity: str, name: str, model: str, version: str, components: dict[str, Any]) -> dict[str, Any]:
    return {
        "device": {
            "identifiers": [identity],
            "name": name,
            "manufacturer": "monitor",
            "model": model,
            "sw_version": version,
        },
        "origin": {"name": "monitor", "sw_version": version},
        "components": components,
        "qos": 1,
    }


def _availability(*topics: str) -> list[dict[str, str]]:
    return [{"topic": topic, "value_template": "{{ value_json.state }}"} for topic in topics]
