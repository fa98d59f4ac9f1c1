"""A Sparkplug edge node's rules: what is born, what has changed, what has died, and how it is numbered.

Knows no connection: gives the messages of a birth, and later those of what has changed since.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from monitor.publish.messages import Message
from monitor.publish.sparkplug.metrics import NODE, Reading, birth_metrics
from monitor.publish.sparkplug.wire import DataType, Metric, SparkplugPayload, encode
from monitor.publish.topics import check_name

NAMESPACE: Final = "spBv1.0"
NUMBERS: Final = 256
"""`seq` and `bdSeq` count from 0 to 255 and begin again."""
REBIRTH: Final = "Node Control/Rebirth"
"""The metric that a host writes to have everything born again."""
BIRTH_DEATH: Final = "bdSeq"
"""The metric that tells which birth a death belongs to."""


@dataclass(frozen=True, slots=True)
class SparkplugNames:
    """Where the node is in the Sparkplug namespace."""

    group: str
    node: str

    def __post_init__(self) -> None:
        check_name("mqtt.sparkplug.group", self.group)
        check_name("node", self.node)

    def topic(self, kind: str, device: str = NODE) -> str:
        """The topic of a message such as NBIRTH, or DBIRTH with a device."""
        base = f"{NAMESPACE}/{self.group}/{kind}/{self.node}"
        return f"{base}/{check_name('machine', device)}" if device else base


@dataclass(slots=True)
class _Part:
    """The edge node itself, or one device."""

    metrics: dict[str, Metric]
    """The present ones, by name."""
    alive: bool = False
    born: bool = False
    """The host has been told that it is alive."""
    changed: dict[str, None] = field(default_factory=dict)
    """Names whose value the host does not know, in the order in which they changed."""


class EdgeNode:
    """What the host knows and what it must be told; not safe for several threads at once, its owner holds a lock.

    Args:
        names: group and node.
        machines: the devices; they are dead until `hear` says otherwise.
    """

    def __init__(self, names: SparkplugNames, machines: Sequence[str]) -> None:
        self._names = names
        self._seq = 0
        self._parts = {
            part: _Part({each.name: each for each in birth_metrics(part)}) for part in (NODE, *machines)
        }  # the node first: it is born before its devices

    def read(self, reading: Reading) -> None:
        """Take a present value; one of a machine or name that was never born is passed over."""
        part = self._parts.get(reading.machine)
        before = None if part is None else part.metrics.get(reading.metric.name)
        if part is None or before is None:
            return
        part.metrics[before.name] = reading.metric
        if before.value != reading.metric.value:
            part.changed[before.name] = None

    def hear(self, machine: str, *, alive: bool) -> None:
        """A machine's sound comes in, or does not."""
        if machine in self._parts:
            self._parts[machine].alive = alive

    def birth(self, bd_seq: int, now_ms: int) -> list[Message]:
        """Everything from the beginning: the node's birth, numbered 0, and that of every device that is alive."""
        node = self._parts[NODE]
        own = (
            Metric(BIRTH_DEATH, DataType.INT64, bd_seq, now_ms),
            Metric(REBIRTH, DataType.BOOLEAN, value=False, time_ms=now_ms),
        )
        node.changed.clear()
        self._seq = NUMBERS - 1
        messages = [self._message("NBIRTH", NODE, (*own, *_dated(node.metrics.values(), now_ms)), now_ms)]
        for machine, device in self._devices():
            device.born = False
            if device.alive:
                messages.append(self._device_birth(machine, device, now_ms))
        return messages

    def news(self, now_ms: int) -> list[Message]:
        """What has changed since the birth or the last news: data, and devices that have died or come to life."""
        messages = self._data("NDATA", NODE, self._parts[NODE], now_ms)
        for machine, device in self._devices():
            if device.born:
                messages += self._data("DDATA", machine, device, now_ms)
                if not device.alive:
                    device.born = False
                    messages.append(self._message("DDEATH", machine, (), now_ms))
            elif device.alive:
                messages.append(self._device_birth(machine, device, now_ms))
        return messages

    def death(self, bd_seq: int, now_ms: int) -> Message:
        """The node's death: its last will, and what it says itself when it goes; without a number."""
        payload = SparkplugPayload(now_ms, (Metric(BIRTH_DEATH, DataType.INT64, bd_seq, now_ms),))
        return Message(self._names.topic("NDEATH"), encode(payload), 1, retain=False)

    def _devices(self) -> list[tuple[str, _Part]]:
        return [(machine, part) for machine, part in self._parts.items() if machine != NODE]

    def _device_birth(self, machine: str, device: _Part, now_ms: int) -> Message:
        device.born = True
        device.changed.clear()
        return self._message("DBIRTH", machine, _dated(device.metrics.values(), now_ms), now_ms)

    def _data(self, kind: str, machine: str, part: _Part, now_ms: int) -> list[Message]:
        if not part.changed:
            return []
        metrics = tuple(replace(part.metrics[name], datatype=None) for name in part.changed)
        part.changed.clear()
        return [self._message(kind, machine, metrics, now_ms)]

    def _message(self, kind: str, machine: str, metrics: Sequence[Metric], now_ms: int) -> Message:
        self._seq = (self._seq + 1) % NUMBERS
        payload = SparkplugPayload(now_ms, tuple(metrics), self._seq)
        return Message(self._names.topic(kind, machine), encode(payload), 0, retain=False)


def _dated(metrics: Iterable[Metric], now_ms: int) -> tuple[Metric, ...]:
    """Every metric with a time: one without a value is without it now."""
    return tuple(replace(each, time_ms=now_ms) if each.time_ms is None else each for each in metrics)
