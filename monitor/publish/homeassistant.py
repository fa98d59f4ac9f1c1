"""Home Assistant's MQTT device discovery: each machine as a device, from the topics of the contract; opt-in.

The form is that of https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload (2024.11 or newer).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from monitor.detect.kinds import MACHINE_KINDS, AlarmKind
from monitor.publish.encoding import encode
from monitor.publish.messages import Message, Presence
from monitor.publish.topics import Topics

_TOLD = "value_json.active and not value_json.suppressed_or_shelved"
_NAMES = {AlarmKind.ANOMALY: "Sound anomaly", AlarmKind.DRIFT: "Sound drift", AlarmKind.MICROPHONE: "Microphone"}


def discovery(prefix: str, topics: Topics, machines: Sequence[str], version: str) -> list[Message]:
    """A retained message for each machine.

    Args:
        prefix: Home Assistant's discovery prefix.
        topics: of the node.
        machines: that it watches.
        version: of this software.
    """
    return [
        Message(config_topic(prefix, topics, machine), encode(_device(topics, machine, version)), 1, retain=True)
        for machine in machines
    ]


def config_topic(prefix: str, topics: Topics, machine: str) -> str:
    """Where a machine is announced; an empty retained message there removes it from Home Assistant."""
    return f"{prefix}/device/{_identity(topics, machine)}/config"


def _identity(topics: Topics, machine: str) -> str:
    """Unique among everything that Home Assistant knows; it allows letters, digits, dashes and underscores."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", f"{topics.base}_{machine}")


def _device(topics: Topics, machine: str, version: str) -> dict[str, Any]:
    identity = _identity(topics, machine)
    components: dict[str, Any] = {
        f"{identity}_{kind}": {
            "p": "binary_sensor",
            "name": _NAMES[kind],
            "unique_id": f"{identity}_{kind}",
            "device_class": "problem",
            "state_topic": topics.alarm(machine, kind),
            "value_template": f"{{{{ 'ON' if {_TOLD} else 'OFF' }}}}",
            "json_attributes_topic": topics.alarm(machine, kind),
        }
        for kind in MACHINE_KINDS
    }
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
    return {
        "device": {
            "identifiers": [identity],
            "name": machine,
            "manufacturer": "monitor",
            "model": f"machine heard by {topics.node}",
            "sw_version": version,
        },
        "origin": {"name": "monitor", "sw_version": version},
        "components": components,
        "availability": _availability(topics.status, topics.availability(machine)),
        "availability_mode": "all",
        "payload_available": Presence.ONLINE,
        "payload_not_available": Presence.OFFLINE,
        "qos": 1,
    }


def _availability(*topics: str) -> list[dict[str, str]]:
    return [{"topic": topic, "value_template": "{{ value_json.state }}"} for topic in topics]
