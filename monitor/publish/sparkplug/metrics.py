"""What of the JSON contract becomes which Sparkplug metric: both faces are fed by the same records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from monitor.detect.kinds import MACHINE_KINDS, NODE_KINDS
from monitor.publish.sparkplug.wire import DataType, Metric, Value

NODE: Final = ""
"""Stands where a machine's name would, for metrics of the edge node itself."""

_TEXT, _NUMBER, _COUNT, _FLAG, _TIME = (
    DataType.STRING, DataType.DOUBLE, DataType.INT64, DataType.BOOLEAN, DataType.DATE_TIME,
)  # fmt: skip

FIELDS: Final[Mapping[str, Mapping[str, DataType]]] = {
    "info": {"version": _TEXT, "device": _TEXT, "window_s": _NUMBER, "hop_s": _NUMBER, "started": _TIME},
    "machine": {"source": _TEXT, "preset": _TEXT, "model": _TEXT, "calibration": _TIME, "threshold": _NUMBER},
    "health": {
        "lag_s": _NUMBER,
        "windows_scored": _COUNT,
        "windows_lost": _COUNT,
        "outbox/depth": _COUNT,
        "outbox/unsaved": _COUNT,
        "outbox/dropped": _COUNT,
        "outbox/refused": _COUNT,
        "disk_free_bytes": _COUNT,
    },
    "kpi": {
        "alarms_per_hour": _NUMBER,
        "most_in_10_min": _COUNT,
        "in_flood": _NUMBER,
        "standing": _COUNT,
        "unacknowledged": _COUNT,
        "shelved": _COUNT,
        "suppressed": _COUNT,
        "out_of_service": _COUNT,
        "acknowledge_mean_s": _NUMBER,
    },
    "score": {
        "score": _NUMBER,
        "threshold": _NUMBER,
        "warning_level": _NUMBER,
        "clear_level": _NUMBER,
        "verdict": _TEXT,
    },
    "alarm": {
        "active": _FLAG,
        "acknowledged": _FLAG,
        "latched": _FLAG,
        "suppressed_or_shelved": _FLAG,
        "state": _TEXT,
        "level": _TEXT,
        "alarm_id": _TEXT,
        "seq": _COUNT,
        "raised_at": _TIME,
        "cleared_at": _TIME,
        "shelved_until": _TIME,
        "score": _NUMBER,
        "threshold": _NUMBER,
        "detail": _TEXT,
    },
}
"""The keys of each payload that become metrics, and their types; a list becomes its length."""

_GROUPS: Final = {"info": "Properties", "machine": "Properties", "health": "Health", "kpi": "Kpi", "score": "Score"}
"""What the names of a payload's metrics begin with; those of an alarm with `Alarm/KIND`."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One metric's present value."""

    machine: str
    """The device; `NODE` is the edge node."""
    metric: Metric


def birth_metrics(machine: str) -> tuple[Metric, ...]:
    """Every metric that a device (or `NODE`) will ever have, with no value yet."""
    payloads = ("machine", "score") if machine else ("info", "health", "kpi")
    kinds = MACHINE_KINDS if machine else NODE_KINDS
    names = [(_name(_GROUPS[payload], key), datatype) for payload in payloads for key, datatype in _items(payload)]
    names += [(_name(f"Alarm/{kind}", key), datatype) for kind in kinds for key, datatype in _items("alarm")]
    return tuple(Metric(name, datatype, None) for name, datatype in names)


def readings(payload: str, document: Mapping[str, Any]) -> Iterator[Reading]:
    """The metrics of one message of the JSON contract.

    Args:
        payload: the schema's name, such as `alarm`; one without metrics gives none.
        document: the message, as JSON values.
    """
    time_ms = _milliseconds(document.get("time")) or _milliseconds(document.get("published_at"))
    if payload == "alarm":
        yield from _read(document.get("machine") or NODE, f"Alarm/{document['kind']}", "alarm", document, time_ms)
    elif payload == "score":
        yield from _read(document["machine"], _GROUPS[payload], payload, document, time_ms)
    elif payload in FIELDS:
        yield from _read(NODE, _GROUPS[payload], payload, document, time_ms)
        for machine in document.get("machines", ()):
            yield from _read(machine["machine"], _GROUPS["machine"], "machine", machine, time_ms)


def _read(
    machine: str, group: str, payload: str, document: Mapping[str, Any], time_ms: int | None
) -> Iterator[Reading]:
    for key, datatype in _items(payload):
        value = _typed(datatype, _at(document, key.split("/")))
        yield Reading(machine, Metric(_name(group, key), datatype, value, time_ms))


def _items(payload: str) -> Iterator[tuple[str, DataType]]:
    yield from FIELDS[payload].items()


def _name(group: str, key: str) -> str:
    return f"{group}/{key}"


def _at(document: Mapping[str, Any], keys: Sequence[str]) -> Any:  # noqa: ANN401  a JSON value
    found: Any = document
    for key in keys:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


def _typed(datatype: DataType, value: Any) -> Value:  # noqa: ANN401  a JSON value
    if value is None:
        return None
    if datatype is DataType.DATE_TIME:
        return _milliseconds(value)
    if isinstance(value, list):
        return len(value)
    as_type = {DataType.DOUBLE: float, DataType.INT64: int, DataType.BOOLEAN: bool, DataType.STRING: str}[datatype]
    return as_type(value)  # type: ignore[no-any-return]


def _milliseconds(time: str | None) -> int | None:
    return None if time is None else round(datetime.fromisoformat(time).timestamp() * 1000)
