"""The contract as a page for people, generated from the same records as the JSON Schemas."""

from __future__ import annotations

from typing import Any

from monitor.publish.asyncapi import address_of, summary
from monitor.publish.commands import COMMANDS, MEANINGS
from monitor.publish.contract import PAYLOADS
from monitor.publish.sparkplug.metrics import NODE, birth_metrics
from monitor.publish.sparkplug.wire import DataType

_TOP = """# MQTT contract, version 1

Generated from the records in `monitor/publish` by `python -m monitor.publish.schema monitor/publish/schemas`; do not
edit. Topics are under `<prefix>/<node>`, payloads are UTF-8 JSON objects. Keys may be added within a version: ignore
those that you do not know. A number that is not known is null. Times are RFC 3339, UTC.
"""


_SPARKPLUG = """# Sparkplug B

Only with `sparkplug` under `mqtt:` in the configuration: the same values as metrics after the Sparkplug 3.0
specification. The edge node also has `bdSeq` and `Node Control/Rebirth`. A metric without a value is null; each means
what the key of the same name means above, and a list is its length. A machine that cannot be heard is a dead device.
"""

_TYPES = {
    DataType.INT64: "Int64",
    DataType.DOUBLE: "Double",
    DataType.BOOLEAN: "Boolean",
    DataType.STRING: "String",
    DataType.DATE_TIME: "DateTime",
}


def page(schemas: dict[str, dict[str, Any]]) -> str:
    """The page, as Markdown.

    Args:
        schemas: by file name.
    """
    parts = [_TOP, "# What a node publishes\n"]
    for payload in PAYLOADS:
        kept = "retained" if payload.retain else "not retained"
        where = f"{address_of(payload)}, QoS {payload.qos}, {kept}"
        parts.append(_section(payload.name, where, summary(payload), schemas[f"{payload.name}.json"]))
    parts.append("# What a node can be told\n")
    for verb in COMMANDS:
        where = f"`command/{verb}`, QoS 1, never retained"
        parts.append(_section(f"command/{verb}", where, MEANINGS[verb], schemas[f"command-{verb}.json"]))
    parts.append(_SPARKPLUG)
    parts += _metrics("The edge node's metrics", NODE)
    parts += _metrics("A machine's metrics", "machine")
    return "\n".join(parts)


def _metrics(title: str, machine: str) -> list[str]:
    rows = [f"| `{each.name}` | {_TYPES[each.datatype]} |" for each in birth_metrics(machine) if each.datatype]
    return [f"## {title}\n", "| metric | type |", "|---|---|", *rows, ""]


def _section(name: str, where: str, text: str, schema: dict[str, Any]) -> str:
    lines = [f"## {name}", "", f"{text} On {where}.", "", "| key | type | meaning |", "|---|---|---|"]
    lines += _rows(schema, "")
    return "\n".join(lines) + "\n"


def _rows(schema: dict[str, Any], before: str) -> list[str]:
    rows = []
    needed = schema.get("required", [])
    strict = schema.get("additionalProperties") is False  # a command: there, a key may be left out
    for key, value in schema["properties"].items():
        mark = " (needed)" if strict and key in needed else ""
        rows.append(f"| `{before}{key}`{mark} | {_kind(value)} | {value.get('description', '')} |")
        inner = _inner(value)
        if inner is not None:
            rows += _rows(inner, f"{before}{key}[]." if value.get("type") == "array" else f"{before}{key}.")
    return rows


def _inner(value: dict[str, Any]) -> dict[str, Any] | None:
    """The record inside a value."""
    for option in (value, value.get("items", {}), *value.get("anyOf", ())):
        if "properties" in option:
            found: dict[str, Any] = option
            return found
    return None


def _kind(value: dict[str, Any]) -> str:
    if "anyOf" in value:
        return " or ".join(_kind(option) for option in value["anyOf"])
    if "const" in value:
        return f"{value['const']}"
    if "enum" in value:
        return ", ".join("null" if each is None else f"`{each}`" for each in value["enum"])
    kind = value.get("type", "")
    names = kind if isinstance(kind, list) else [kind]
    if value.get("format") == "date-time":
        names = ["time" if name == "string" else name for name in names]
    limits = [f"{word} {value[key]:g}" for key, word in _LIMITS.items() if key in value]
    return " or ".join(names) + (f", {', '.join(limits)}" if limits else "")


_LIMITS = {"exclusiveMinimum": "over", "maximum": "up to", "maxLength": "characters up to"}
