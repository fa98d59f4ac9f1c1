"""A Sparkplug edge node's births, data and deaths follow the specification, and say what the JSON contract says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.detect.kinds import MACHINE_KINDS, NODE_KINDS
from monitor.publish.encoding import to_json
from monitor.publish.messages import Message, Payload
from monitor.publish.schema import schemas
from monitor.publish.sparkplug.host import PrimaryHost
from monitor.publish.sparkplug.metrics import FIELDS, birth_metrics, readings
from monitor.publish.sparkplug.node import EdgeNode, SparkplugNames
from tests.publish.samples import SAMPLES, T, alarm
from tests.publish.sparkplug_host import Host
from tests.publish.sparkplug_reference import ReferencePayload

MACHINES = ("fan-1", "pump-2")
NOW_MS = 1_760_000_001_000


class Told:
    """An edge node, and a host that takes every message of it."""

    def __init__(self) -> None:
        self.node = EdgeNode(SparkplugNames("hall3", "pc1"), MACHINES)
        self.host = Host()

    def observe(self, payload: Payload) -> None:
        document = to_json(payload)
        assert isinstance(document, dict)
        for reading in readings(payload.name, document):
            self.node.read(reading)

    def take(self, *messages: Message) -> list[str]:
        before = len(self.host.kinds)
        for message in messages:
            self.host.take(message.topic, message.payload, message.qos, retain=message.retain)
        return self.host.kinds[before:]

    def birth(self, bd_seq: int = 0) -> list[str]:
        return self.take(*self.node.birth(bd_seq, NOW_MS))

    def news(self) -> list[str]:
        return self.take(*self.node.news(NOW_MS))


@pytest.fixture
def told() -> Told:
    return Told()


def test_the_node_is_born_before_its_devices_and_only_those_that_are_heard(told: Told) -> None:
    told.node.hear("pump-2", alive=True)
    assert told.birth(bd_seq=7) == ["NBIRTH", "DBIRTH pump-2"]
    assert told.host.bd_seq == 7
    assert told.news() == []


def test_topics_are_those_of_the_specification(told: Told) -> None:
    told.node.hear("fan-1", alive=True)
    births = told.node.birth(0, NOW_MS)
    assert [each.topic for each in births] == ["spBv1.0/hall3/NBIRTH/pc1", "spBv1.0/hall3/DBIRTH/pc1/fan-1"]
    assert told.node.death(0, NOW_MS).topic == "spBv1.0/hall3/NDEATH/pc1"


def test_data_is_what_has_changed_since_and_nothing_else(told: Told) -> None:
    told.node.hear("fan-1", alive=True)
    told.birth()
    told.observe(alarm(1))
    assert told.news() == ["DDATA fan-1"]
    assert told.host.values["fan-1"]["Alarm/anomaly/active"] is True
    told.observe(replace(alarm(2), acknowledged=False))
    assert told.news() == ["DDATA fan-1"]
    assert told.host.heard[-1].metrics == {"Alarm/anomaly/acknowledged": False}
    told.observe(replace(alarm(3), acknowledged=False))
    assert told.news() == []


def test_values_have_the_time_of_the_sound_and_the_types_that_were_born(told: Told) -> None:
    told.node.hear("fan-1", alive=True)
    told.birth()
    told.observe(SAMPLES["alarm"])
    told.observe(SAMPLES["health"])
    _, data = told.node.news(NOW_MS)
    message = ReferencePayload.FromString(data.payload)
    assert {metric.timestamp for metric in message.metrics} == {round(T * 1000)}
    assert message.timestamp == NOW_MS
    assert not any(metric.HasField("datatype") for metric in message.metrics)
    found = {metric.name: metric for metric in message.metrics}
    assert found["Alarm/anomaly/score"].double_value == 7.25
    assert found["Alarm/anomaly/raised_at"].long_value == round(T * 1000)
    assert found["Alarm/anomaly/seq"].long_value == 41
    types = told.host.types["fan-1"]
    assert (types["Alarm/anomaly/raised_at"], types["Alarm/anomaly/seq"], types["Alarm/anomaly/state"]) == (13, 4, 12)


def test_a_machine_that_is_not_heard_dies_and_is_born_again_with_what_happened_meanwhile(told: Told) -> None:
    told.node.hear("fan-1", alive=True)
    told.birth()
    told.observe(alarm(1))
    told.node.hear("fan-1", alive=False)
    assert told.news() == ["DDATA fan-1", "DDEATH fan-1"]
    told.observe(replace(alarm(2), acknowledged=False))
    assert told.news() == []
    told.node.hear("fan-1", alive=True)
    assert told.news() == ["DBIRTH fan-1"]
    assert told.host.values["fan-1"]["Alarm/anomaly/acknowledged"] is False


def test_numbers_wrap_after_255_and_a_rebirth_begins_at_0(told: Told) -> None:
    told.node.hear("fan-1", alive=True)
    told.birth()
    for number in range(600):
        told.observe(alarm(number, active=number % 2 == 0))
        assert told.news() == ["DDATA fan-1"]
    assert told.birth() == ["NBIRTH", "DBIRTH fan-1"]
    assert told.host.heard[-1].seq == 1


def test_every_metric_that_is_ever_sent_was_born(told: Told) -> None:
    names = {machine: {metric.name for metric in birth_metrics(machine)} for machine in ("", "fan-1")}
    sent: set[tuple[str, str]] = set()
    for payload in SAMPLES.values():
        document = to_json(payload)
        assert isinstance(document, dict)
        for reading in readings(payload.name, document):
            assert reading.metric.name in names["fan-1" if reading.machine else ""]
            sent.add((reading.machine and "fan-1", reading.metric.name))
    for kind in NODE_KINDS:
        names[""] -= {f"Alarm/{kind}/{key}" for key in FIELDS["alarm"]}
    for kind in MACHINE_KINDS[1:]:
        names["fan-1"] -= {f"Alarm/{kind}/{key}" for key in FIELDS["alarm"]}
    assert sent == {(machine, name) for machine, found in names.items() for name in found}


def test_every_key_that_becomes_a_metric_is_one_of_the_contract() -> None:
    known = schemas()
    for payload, keys in FIELDS.items():
        schema: dict[str, Any] = known["info.json" if payload == "machine" else f"{payload}.json"]
        if payload == "machine":
            schema = schema["properties"]["machines"]["items"]
        for key in keys:
            inner = schema
            for level in key.split("/"):
                inner = inner["properties"][level]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from(["alarm", "quiet", "heard", "lost", "news", "birth", "health", "unknown"]), max_size=30)
)
def test_whatever_happens_the_rules_hold_and_the_host_ends_up_with_what_is_true(steps: list[str]) -> None:
    told = Told()
    told.birth()
    active = alive = False
    for number, step in enumerate(steps):
        if step in {"alarm", "quiet"}:
            active = step == "alarm"
            told.observe(alarm(number, active=active))
        elif step in {"heard", "lost"}:
            alive = step == "heard"
            told.node.hear("fan-1", alive=alive)
        elif step == "health":
            told.observe(SAMPLES["health"])
        elif step == "unknown":
            told.observe(alarm(number, "other"))
        else:
            told.birth() if step == "birth" else told.news()
    told.news()
    assert ("fan-1" in told.host.alive) is alive
    if alive:
        assert (told.host.values["fan-1"]["Alarm/anomaly/active"] is True) is active


@pytest.mark.parametrize("bad", ["", "a/b", "a+", "#"])
def test_a_group_that_cannot_be_in_a_topic_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match=r"mqtt\.sparkplug\.group"):
        SparkplugNames(bad, "pc1")


def test_the_primary_host_is_believed_by_its_newest_state_alone() -> None:
    host = PrimaryHost("scada")
    assert (host.topic, host.online) == ("spBv1.0/STATE/scada", False)
    said = []
    for payload in (
        b"ONLINE", b"[]", b'{"online": true}', b'{"online": 1, "timestamp": 5}', b'{"online": true, "timestamp": 5}',
        b'{"online": false, "timestamp": 4}', b'{"online": false, "timestamp": 5}', b'{"online": true, "timestamp": 6}',
    ):  # fmt: skip
        host.hear(payload)
        said.append(host.online)
    assert said == [False, False, False, False, True, True, False, True]
    host.forget()
    assert not host.online
    assert PrimaryHost(None).online
