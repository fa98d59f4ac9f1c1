"""The demonstration's broker, and the publisher's MQTT 3.1.1."""

from __future__ import annotations

import socket
import threading

import pytest
from paho.mqtt.enums import MQTTProtocolVersion

from monitor.publish.embedded_broker import EmbeddedBroker
from monitor.publish.outbox import Outbox
from tests.broker import Broker, Listener, listening, needs_mosquitto, wait_until
from tests.publish.conftest import TOPICS, MakePublisher
from tests.publish.samples import SAMPLES, alarm, event


def test_the_publisher_delivers_through_the_embedded_broker(
    outbox: Outbox, publish_to: MakePublisher, capfd: pytest.CaptureFixture[str]
) -> None:
    with EmbeddedBroker() as broker, Listener(broker.port, protocol=MQTTProtocolVersion.MQTTv311) as listener:
        publisher = publish_to(broker.port, protocol="3.1.1")
        assert publisher.wait_connected(10)
        for number in range(50):
            publisher.publish_events([event(number)], [alarm(number)])
        publisher.send(SAMPLES["score"])
        listener.wait_for(lambda it: len(it.on(TOPICS.event)) == 50 and it.on(TOPICS.score("fan-1")), "everything")
        assert [message.json["seq"] for message in listener.on(TOPICS.event)] == list(range(1, 51))
        wait_until(lambda: outbox.depth == 0)
        publisher.stop()
        listener.wait_for(lambda it: (last := it.last(TOPICS.status)) and last.json["state"] == "offline", "offline")
    assert "Traceback" not in capfd.readouterr().err


def test_a_late_subscriber_gets_the_retained_documents(publish_to: MakePublisher, outbox: Outbox) -> None:
    with EmbeddedBroker() as broker:
        publisher = publish_to(broker.port, protocol="3.1.1")
        publisher.publish_events([event(1)], [alarm(1)])
        wait_until(lambda: publisher.connected and outbox.depth == 0)
        with Listener(broker.port, protocol=MQTTProtocolVersion.MQTTv311) as listener:
            listener.wait_for(lambda it: it.on(TOPICS.alarm("fan-1", "anomaly")), "the retained alarm")
        publisher.stop()


def test_after_stop_its_port_is_closed_and_its_thread_gone() -> None:
    broker = EmbeddedBroker()
    broker.start()
    port = broker.port
    broker.stop()
    broker.stop()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0
    assert "embedded-broker" not in {thread.name for thread in threading.enumerate()}


@needs_mosquitto
def test_mqtt_3_1_1_works_with_mosquitto_too(broker: Broker, publish_to: MakePublisher, outbox: Outbox) -> None:
    with listening(broker) as listener:
        publisher = publish_to(broker.port, protocol="3.1.1")
        publisher.publish_events([event(1)], [alarm(1)])
        listener.wait_for(lambda it: it.on(TOPICS.event) and it.on(TOPICS.alarm("fan-1", "anomaly")), "both")
        wait_until(lambda: outbox.depth == 0)
