"""The Sparkplug face against a real mosquitto and a host that checks every rule of the specification."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from monitor.publish.messages import Availability, Presence
from monitor.publish.mqtt import MqttSettings, Publisher
from monitor.publish.outbox import Outbox
from monitor.publish.sparkplug.face import SparkplugFace, SparkplugSettings
from monitor.publish.sparkplug.node import SparkplugNames
from tests.broker import Broker, Listener, listening, needs_mosquitto, wait_until
from tests.publish.conftest import TOPICS
from tests.publish.samples import SAMPLES, T, alarm
from tests.publish.sparkplug_host import host_of, rebirth_command
from tests.wire import Wire

pytestmark = needs_mosquitto
Make = Callable[..., Publisher]
NCMD, STATE = "spBv1.0/hall3/NCMD/pc1", "spBv1.0/STATE/scada"


def heard(state: Presence, machine: str = "fan-1") -> Availability:
    return Availability(id="x", node="pc1", time=T, published_at=T, machine=machine, state=state)


@pytest.fixture
def publish_to(outbox: Outbox) -> Iterator[Make]:
    """Start a publisher with a Sparkplug face towards a port; it is stopped at the end."""
    with ExitStack() as stack:

        def make(port: int, primary_host: str | None = None, **settings: object) -> Publisher:
            quick = {"host": "127.0.0.1", "retry_min_s": 0.05, "retry_max_s": 0.2} | settings
            found = MqttSettings(port=port, **quick)  # type: ignore[arg-type]
            sparkplug = SparkplugSettings(SparkplugNames("hall3", "pc1"), ("fan-1", "pump-2"), primary_host)
            publisher = Publisher(found, TOPICS, outbox, face=SparkplugFace(found, sparkplug, outbox))
            publisher.start()
            stack.callback(publisher.stop, 1.0)
            return publisher

        yield make


def wait_for_kinds(listener: Listener, expected: list[str]) -> None:
    listener.wait_for(lambda it: host_of(it).kinds == expected, f"{expected}, came {host_of(listener).kinds}")


@contextmanager
def person(broker: Broker) -> Iterator[paho.Client]:
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    try:
        yield client
    finally:
        client.disconnect()
        client.loop_stop()


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_birth_data_and_death_in_the_order_of_the_specification(
    broker: Broker, publish_to: Make, protocol: str
) -> None:
    with listening(broker) as listener:
        publisher = publish_to(broker.port, protocol=protocol)
        wait_for_kinds(listener, ["NBIRTH"])
        publisher.send(heard(Presence.ONLINE))
        wait_for_kinds(listener, ["NBIRTH", "DBIRTH fan-1"])
        publisher.publish_events((), [alarm(1)])
        wait_for_kinds(listener, ["NBIRTH", "DBIRTH fan-1", "DDATA fan-1"])
        publisher.send(SAMPLES["health"])
        publisher.send(heard(Presence.OFFLINE))
        listener.wait_for(lambda it: "DDEATH fan-1" in host_of(it).kinds, "the device's death")
        publisher.stop(5)
        listener.wait_for(lambda it: host_of(it).kinds[-1] == "NDEATH", "the node's death")
        host = host_of(listener)
    assert host.kinds[3:] in (["NDATA", "DDEATH fan-1", "NDEATH"], ["DDEATH fan-1", "NDEATH"])
    assert host.values["fan-1"]["Alarm/anomaly/active"] is True
    assert host.values[""]["Health/outbox/depth"] == 3
    assert host.bd_seq is None  # it was the death of that birth


def test_a_lost_connection_is_told_by_the_broker_and_followed_by_a_birth_with_the_next_number(
    broker: Broker, publish_to: Make
) -> None:
    with Wire(broker.port) as wire, listening(broker) as listener:
        publish_to(wire.port)
        wait_for_kinds(listener, ["NBIRTH"])
        for count in (1, 2):
            wire.cut()
            wait_for_kinds(listener, ["NBIRTH", *["NDEATH", "NBIRTH"] * count])
        births = [each.metrics["bdSeq"] for each in host_of(listener).heard if each.kind == "NBIRTH"]
        deaths = [each.metrics["bdSeq"] for each in host_of(listener).heard if each.kind == "NDEATH"]
    assert (births, deaths) == ([0, 1, 2], [0, 1])


def test_the_numbers_of_births_go_on_after_a_restart_and_alarms_of_before_are_in_the_birth(
    broker: Broker, outbox: Outbox, publish_to: Make
) -> None:
    with listening(broker) as listener:
        first = publish_to(broker.port)
        wait_for_kinds(listener, ["NBIRTH"])
        first.publish_events((), [alarm(1, "pump-2")])
        first.stop(5)
        wait_for_kinds(listener, ["NBIRTH", "NDEATH"])
        second = publish_to(broker.port)
        second.send(heard(Presence.ONLINE, "pump-2"))
        listener.wait_for(lambda it: host_of(it).kinds[2:] == ["NBIRTH", "DBIRTH pump-2"], "the second birth")
        host = host_of(listener)
    assert host.bd_seq == 1
    assert host.values["pump-2"]["Alarm/anomaly/active"] is True


def test_a_host_that_asks_has_everything_born_again_and_nothing_else_obeys(broker: Broker, publish_to: Make) -> None:
    with listening(broker) as listener, person(broker) as host_client:
        publisher = publish_to(broker.port)
        publisher.send(heard(Presence.ONLINE))
        listener.wait_for(lambda it: "DBIRTH fan-1" in host_of(it).kinds, "the births")
        born = host_of(listener).kinds
        host_client.publish(NCMD, b"\xff\xff").wait_for_publish(10)
        host_client.publish(NCMD, rebirth_command().replace(b"Rebirth", b"Rebooth")).wait_for_publish(10)
        host_client.publish(NCMD, rebirth_command()).wait_for_publish(10)
        wait_for_kinds(listener, [*born, "NBIRTH", "DBIRTH fan-1"])
        births = [each.metrics["bdSeq"] for each in host_of(listener).heard if each.kind == "NBIRTH"]
    assert births == [0, 0]  # the same connection


def test_the_node_waits_for_its_primary_host_and_dies_with_it(broker: Broker, publish_to: Make) -> None:
    with listening(broker) as listener, person(broker) as host_client:

        def say(state: dict[str, object]) -> None:
            host_client.publish(STATE, json.dumps(state), qos=1, retain=True).wait_for_publish(10)

        publisher = publish_to(broker.port, primary_host="scada")
        assert publisher.wait_connected(10)
        wait_until(lambda: "monitor-pc1-sparkplug" in broker.log and "SUBACK to monitor-pc1-sparkplug" in broker.log)
        assert host_of(listener).kinds == []
        say({"online": True, "timestamp": 10})
        wait_for_kinds(listener, ["NBIRTH"])
        say({"online": False, "timestamp": 9})  # of an earlier session of the host
        say({"online": False, "timestamp": 11})
        wait_for_kinds(listener, ["NBIRTH", "NDEATH"])
        wait_until(lambda: broker.log.count("SUBACK to monitor-pc1-sparkplug") == 2, what="a second connection")
        say({"online": True, "timestamp": 12})
        wait_for_kinds(listener, ["NBIRTH", "NDEATH", "NBIRTH"])
        assert host_of(listener).bd_seq == 1
        assert publisher.alive


def test_a_frozen_broker_costs_no_memory_and_gets_the_latest_afterwards(broker: Broker, publish_to: Make) -> None:
    with listening(broker) as listener:
        publisher = publish_to(broker.port)
        publisher.send(heard(Presence.ONLINE))
        listener.wait_for(lambda it: "DBIRTH fan-1" in host_of(it).kinds, "the births")
        broker.freeze()
        for number in range(2001):
            publisher.publish_events((), [alarm(number, active=number % 2 == 0)])
        broker.thaw()
        publisher.publish_events((), [alarm(5000, "pump-2")])
        listener.wait_for(
            lambda it: (
                host_of(it).values["fan-1"].get("Alarm/anomaly/active") is True
                and it.last(TOPICS.alarm("pump-2", "anomaly"))
            ),
            "the latest",
        )
