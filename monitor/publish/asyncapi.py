"""The contract as one AsyncAPI 3 document, generated from the same records as the JSON Schemas."""

from __future__ import annotations

import inspect
from typing import Any, Final

from monitor.publish.commands import COMMANDS, MEANINGS
from monitor.publish.contract import PAYLOADS
from monitor.publish.messages import SCHEMA_VERSION, Payload

ADDRESSES: Final[dict[str, tuple[str, ...]]] = {
    "status": ("status",),
    "info": ("info",),
    "health": ("health",),
    "availability": ("machine/{machine}/availability",),
    "score": ("machine/{machine}/score",),
    "alarm": ("machine/{machine}/alarm/{kind}", "alarm/{kind}"),
    "event": ("event",),
    "response": ("response/{verb}",),
    "kpi": ("kpi",),
}
"""Where each payload goes, under the node's base."""
_BASE: Final = "{prefix}/{node}"
_PARAMETERS: Final = {
    "prefix": "What every topic begins with; may hold slashes. Default: monitor.",
    "node": "The plant PC.",
    "machine": "The machine's id.",
    "kind": "What the alarm is about, such as anomaly.",
    "verb": "What was commanded.",
}


def document() -> dict[str, Any]:
    """The whole document; schemas are referred to by their files beside it."""
    channels: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    messages: dict[str, Any] = {}
    for payload in PAYLOADS:
        messages[payload.name] = _message(payload.name, summary(payload))
        for number, address in enumerate(ADDRESSES[payload.name]):
            name = payload.name if number == 0 else f"node-{payload.name}"
            channels[name] = _channel(address, payload.name)
            operations[f"send-{name}"] = _operation("send", name, payload.qos, retain=payload.retain)
    for verb in COMMANDS:
        name = f"command-{verb}"
        messages[name] = _message(name, MEANINGS[verb])
        channels[name] = _channel(f"command/{verb}", name)
        operations[f"receive-{verb}"] = {
            **_operation("receive", name, 1, retain=False),
            "reply": {
                "address": {
                    "description": "MQTT 5's response topic; without one, the channel's own address.",
                    "location": "$message.header#/responseTopic",
                },
                "channel": {"$ref": "#/channels/response"},
            },
        }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "monitor",
            "version": str(SCHEMA_VERSION),
            "description": "Sound monitoring of machines over MQTT: what a node publishes, and what it can be told.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages},
    }


def summary(record: type) -> str:
    """The first line of a record's description."""
    return inspect.cleandoc(record.__doc__ or "").splitlines()[0]


def _message(name: str, text: str) -> dict[str, Any]:
    return {"name": name, "summary": text, "payload": {"$ref": f"./{name}.json"}}


def _channel(address: str, message: str) -> dict[str, Any]:
    whole = f"{_BASE}/{address}"
    return {
        "address": whole,
        "messages": {message: {"$ref": f"#/components/messages/{message}"}},
        "parameters": {name: {"description": text} for name, text in _PARAMETERS.items() if f"{{{name}}}" in whole},
    }


def _operation(action: str, channel: str, qos: int, *, retain: bool) -> dict[str, Any]:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "bindings": {"mqtt": {"qos": qos, "retain": retain, "bindingVersion": "0.2.0"}},
    }


def address_of(payload: type[Payload]) -> str:
    """Where a payload goes, for people."""
    return " and ".join(f"`{address}`" for address in ADDRESSES[payload.name])
