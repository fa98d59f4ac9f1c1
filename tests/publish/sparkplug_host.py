"""A Sparkplug host application that holds what it receives against the specification's rules, message by message."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.broker import Listener
from tests.publish.sparkplug_reference import ReferencePayload, value_of


@dataclass
class Heard:
    """One message as the host took it."""

    kind: str
    device: str
    metrics: dict[str, Any]
    seq: int | None


@dataclass
class Host:
    """What a host application knows of one edge node; a broken rule fails the test."""

    heard: list[Heard] = field(default_factory=list)
    types: dict[str, dict[str, int]] = field(default_factory=dict)
    """Of the metrics that were born, by device; the node is ''."""
    values: dict[str, dict[str, Any]] = field(default_factory=dict)
    alive: set[str] = field(default_factory=set)
    bd_seq: int | None = None
    seq: int | None = None

    def take(self, topic: str, payload: bytes, qos: int, *, retain: bool) -> None:
        namespace, _group, kind, _node, *devices = topic.split("/")
        assert namespace == "spBv1.0"
        assert not retain
        device = devices[0] if devices else ""
        message = ReferencePayload.FromString(payload)
        metrics = {metric.name: value_of(metric) for metric in message.metrics}
        assert len(metrics) == len(message.metrics)
        assert message.HasField("timestamp")
        assert all(metric.HasField("timestamp") for metric in message.metrics)
        assert all(metric.is_null is (value_of(metric) is None) for metric in message.metrics)
        seq = message.seq if message.HasField("seq") else None
        assert (qos, kind in {"NBIRTH", "NDATA", "NDEATH"}) == (1 if kind == "NDEATH" else 0, not device)
        getattr(self, f"_{kind.lower()}")(device, metrics, seq, message.metrics)
        self.heard.append(Heard(kind, device, metrics, seq))

    def _nbirth(self, _device: str, metrics: dict[str, Any], seq: int | None, raw: Iterable[Any]) -> None:
        assert seq == 0
        assert metrics["Node Control/Rebirth"] is False
        self.seq, self.bd_seq, self.alive = 0, metrics["bdSeq"], {""}
        self._born("", metrics, raw)

    def _dbirth(self, device: str, metrics: dict[str, Any], seq: int | None, raw: Iterable[Any]) -> None:
        self._count(seq)
        assert device not in self.alive
        self.alive.add(device)
        self._born(device, metrics, raw)

    def _born(self, device: str, metrics: dict[str, Any], raw: Iterable[Any]) -> None:
        assert all(metric.HasField("datatype") for metric in raw)
        self.types[device] = {metric.name: metric.datatype for metric in raw}
        self.values[device] = dict(metrics)

    def _ndata(self, device: str, metrics: dict[str, Any], seq: int | None, _raw: Iterable[Any]) -> None:
        self._ddata(device, metrics, seq, _raw)

    def _ddata(self, device: str, metrics: dict[str, Any], seq: int | None, _raw: Iterable[Any]) -> None:
        self._count(seq)
        assert metrics
        assert device in self.alive
        assert metrics.keys() <= self.values[device].keys()
        self.values[device] |= metrics

    def _ddeath(self, device: str, metrics: dict[str, Any], seq: int | None, _raw: Iterable[Any]) -> None:
        self._count(seq)
        assert not metrics
        self.alive.remove(device)

    def _ndeath(self, _device: str, metrics: dict[str, Any], seq: int | None, _raw: Iterable[Any]) -> None:
        assert seq is None
        assert metrics.keys() == {"bdSeq"}
        if metrics["bdSeq"] == self.bd_seq:
            self.alive, self.bd_seq = set(), None

    def _count(self, seq: int | None) -> None:
        assert "" in self.alive, "data of a node that is not born"
        assert self.seq is not None
        self.seq = (self.seq + 1) % 256
        assert seq == self.seq

    @property
    def kinds(self) -> list[str]:
        """What came, such as `DBIRTH fan-1`."""
        return [f"{each.kind} {each.device}".rstrip() for each in self.heard]


def host_of(listener: Listener) -> Host:
    """A host that has heard everything that the listener received."""
    host = Host()
    for message in listener.messages:
        if message.topic.startswith("spBv1.0/") and "CMD/" not in message.topic and "/STATE/" not in message.topic:
            host.take(message.topic, message.payload, message.qos, retain=message.retain)
    return host


def rebirth_command() -> bytes:
    """What a host publishes on NCMD to have everything born again."""
    payload = ReferencePayload(timestamp=1)
    payload.metrics.add(name="Node Control/Rebirth", timestamp=1, datatype=11, boolean_value=True)
    found: bytes = payload.SerializeToString()
    return found
