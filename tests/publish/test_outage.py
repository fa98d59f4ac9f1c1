"""Outages: whatever happens between node and broker, an independent subscriber ends up with every event, in order."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from monitor.publish.messages import Message, to_message
from monitor.publish.outbox import Outbox
from tests.broker import Broker, listening, needs_mosquitto, wait_until
from tests.publish.conftest import TOPICS, MakePublisher
from tests.publish.received import first_sights, number_of, wait_for_events
from tests.publish.samples import SAMPLES, alarm, event
from tests.publish.strict_broker import StrictBroker
from tests.wire import Wire

pytestmark = needs_mosquitto


@pytest.fixture
def wire(broker: Broker) -> Iterator[Wire]:
    with Wire(broker.port) as between:
        yield between


def test_the_last_will_says_offline_when_the_connection_dies(
    broker: Broker, wire: Wire, publish_to: MakePublisher
) -> None:
    with listening(broker) as listener:
        publisher = publish_to(wire.port)
        assert publisher.wait_connected(10)
        listener.wait_for(lambda it: it.on(TOPICS.status), "online")
        wire.shut()
        listener.wait_for(lambda it: len(it.on(TOPICS.status)) == 2, "the last will")
        will = listener.on(TOPICS.status)[-1]
    assert (will.json["state"], will.json["reason"], will.json["time"]) == ("offline", "connection lost", None)
    with listening(broker) as late:
        late.wait_for(lambda it: it.on(TOPICS.status), "the retained will")
        assert late.on(TOPICS.status)[0].json["state"] == "offline"


def test_a_will_that_waits_is_not_told_of_a_connection_that_is_back_in_time(
    broker: Broker, wire: Wire, publish_to: MakePublisher
) -> None:
    with listening(broker) as listener:
        publisher = publish_to(wire.port, will_delay_s=2)
        assert publisher.wait_connected(10)
        listener.wait_for(lambda it: it.on(TOPICS.status), "online")
        wire.cut()
        listener.wait_for(lambda it: len(it.on(TOPICS.status)) == 2, "online again")
        time.sleep(2.5)
        assert [each.json["state"] for each in listener.on(TOPICS.status)] == ["online", "online"]
        wire.shut()
        listener.wait_for(lambda it: it.on(TOPICS.status)[-1].json["state"] == "offline", "the will")


def test_online_and_all_documents_are_there_again_after_a_reconnect(
    broker: Broker, wire: Wire, publish_to: MakePublisher
) -> None:
    publisher = publish_to(wire.port)
    assert publisher.wait_connected(10)
    publisher.send(SAMPLES["info"])
    publisher.publish_events((), [alarm(1)])
    with listening(broker) as listener:
        listener.wait_for(lambda it: len(it.messages) == 3, "three documents")
        wire.cut()
        listener.wait_for(lambda it: len(it.messages) == 8, "the will, three documents again, and the news of it")
        will, *again = [message.topic for message in listener.messages[3:]]
        assert (will, again[0]) == (TOPICS.status, TOPICS.status)
        assert set(again[1:]) == {TOPICS.info, TOPICS.alarm("fan-1", "anomaly"), TOPICS.event}
        assert listener.messages[4].json["state"] == "online"
        assert listener.on(TOPICS.event)[0].json["event"] == "outage"


def test_a_broker_that_comes_back_empty_gets_every_retained_document_again(
    broker: Broker, publish_to: MakePublisher
) -> None:
    publisher = publish_to(broker.port)
    assert publisher.wait_connected(10)
    for number in range(30):
        publisher.publish_events((), [alarm(number, f"fan-{number}")])
    publisher.send(SAMPLES["info"])
    broker.restart()
    with listening(broker) as listener:
        listener.wait_for(lambda it: len({m.topic for m in it.messages} - {TOPICS.event}) == 32, "all documents")
        listener.wait_for(lambda it: (last := it.last(TOPICS.status)) and last.json["state"] == "online", "online")


def test_documents_of_before_a_restart_of_the_node_are_sent_at_its_first_connect(
    broker: Broker, outbox: Outbox, publish_to: MakePublisher
) -> None:
    outbox.append([event(1)], [alarm(1)])
    publish_to(broker.port)
    with listening(broker) as listener:
        listener.wait_for(lambda it: it.on(TOPICS.alarm("fan-1", "anomaly")), "the alarm's document")
        assert listener.on(TOPICS.alarm("fan-1", "anomaly"))[0].json["seq"] == 1


def test_of_several_documents_while_offline_only_the_latest_is_sent(
    broker: Broker, wire: Wire, publish_to: MakePublisher
) -> None:
    wire.shut()
    publisher = publish_to(wire.port)
    for number in range(50):
        publisher.publish_events((), [alarm(number)])
        publisher.telemetry(to_message(SAMPLES["score"], TOPICS))
    with listening(broker) as listener:
        wire.open()
        assert publisher.wait_connected(10)
        publisher.retain(Message(TOPICS.info, b"{}", 1, retain=True))
        listener.wait_for(lambda it: it.on(TOPICS.info), "what was sent last")
        assert [each.json["id"] for each in listener.on(TOPICS.alarm("fan-1", "anomaly"))] == [alarm(49).id]
        assert listener.on(TOPICS.score("fan-1")) == []


def test_a_cleared_topic_is_empty_at_the_broker_and_stays_so(
    broker: Broker, wire: Wire, outbox: Outbox, publish_to: MakePublisher
) -> None:
    publisher = publish_to(wire.port)
    assert publisher.wait_connected(10)
    publisher.publish_events((), [alarm(1)])
    topic = TOPICS.alarm("fan-1", "anomaly")
    with listening(broker) as listener:
        listener.wait_for(lambda it: it.on(topic), "the document")
        outbox.append(gone=[("fan-1", "anomaly")])
        publisher.clear(topic)
        listener.wait_for(lambda it: len(it.on(topic)) == 2, "the empty message")
        wire.cut()
        listener.wait_for(lambda it: len(it.on(TOPICS.status)) >= 3, "the reconnect")
        assert [message.payload for message in listener.on(topic)][1:] == [b""]
    assert outbox.documents() == {}


def test_events_appended_while_the_broker_is_down_arrive_once_it_is_back(
    broker: Broker, wire: Wire, outbox: Outbox, publish_to: MakePublisher
) -> None:
    publisher = publish_to(wire.port)
    assert publisher.wait_connected(10)
    wire.shut()
    broker.kill()
    for number in range(100):
        publisher.publish_events([event(number)])
    assert publisher.depth == 100
    broker.start()
    with listening(broker) as listener:
        wire.open()
        assert wait_for_events(listener, 100) == list(range(100))
    wait_until(lambda: outbox.depth == 0)


def test_nothing_is_lost_or_out_of_order_while_the_broker_is_killed_again_and_again(
    broker: Broker, wire: Wire, outbox: Outbox, publish_to: MakePublisher
) -> None:
    publisher = publish_to(wire.port)
    assert publisher.wait_connected(10)
    stop = threading.Event()
    made = 0

    def produce() -> None:
        nonlocal made
        while not stop.wait(0.005):
            made += 1
            publisher.publish_events([event(made)], [alarm(made)])

    producer = threading.Thread(target=produce)
    received: list[dict[str, Any]] = []
    producer.start()
    try:
        for _ in range(4):
            with listening(broker) as listener:  # each subscribes before the node may send, so that it misses nothing
                wire.open()
                listener.wait_for(lambda it: len(it.on(TOPICS.event)) >= 20, "some events")
                broker.freeze()
                listener.wait_read()  # a kill alone would have the system drop what it had written to the listener
                broker.kill()
                wire.shut()
                received += first_sights(listener)
            broker.start()
        stop.set()
        producer.join()
        with listening(broker) as listener:
            wire.open()
            wait_until(lambda: outbox.depth == 0, what="an empty outbox")
            missing = set(range(1, made + 1)) - {number_of(document) for document in received}
            listener.wait_for(lambda it: missing <= {number_of(document) for document in first_sights(it)}, "the rest")
            received += first_sights(listener)
    finally:
        stop.set()
        producer.join()
    assert list(dict.fromkeys(number_of(document) for document in received)) == list(range(1, made + 1))


def test_nothing_is_lost_or_out_of_order_over_fifty_cut_connections(
    broker: Broker, wire: Wire, outbox: Outbox, publish_to: MakePublisher
) -> None:
    with listening(broker) as listener:
        publisher = publish_to(wire.port, retry_min_s=0.01, retry_max_s=0.01)
        made = 0
        for _ in range(50):
            assert publisher.wait_connected(10)
            for _ in range(10):
                made += 1
                publisher.publish_events([event(made)], [alarm(made)])
            before = wire.connections
            wire.cut()
            wait_until(lambda before=before: wire.connections > before, what="a new connection")  # type: ignore[misc]
        assert wait_for_events(listener, made) == list(range(1, made + 1))
    wait_until(lambda: outbox.depth == 0)
    assert wire.connections >= 50


@pytest.mark.parametrize(("receive_maximum", "most"), [(65_535, 8), (20, 8), (5, 4), (2, 1), (1, 1)])
def test_never_more_is_unacknowledged_than_the_broker_takes_even_after_lost_connections(
    outbox: Outbox, publish_to: MakePublisher, receive_maximum: int, most: int
) -> None:
    for number in range(20):
        outbox.append([event(number)], [alarm(number, f"fan-{number % 3}")])
    with StrictBroker(receive_maximum, hang_up_after=[7, 12, 3, 100]) as strict:
        publish_to(strict.port, retry_min_s=0.01, retry_max_s=0.01)
        wait_until(lambda: outbox.depth == 0, what="an empty outbox")
        seqs = list(dict.fromkeys(strict.events))  # then come the news of the lost connections
        assert seqs == list(range(1, len(seqs) + 1))
        assert len(seqs) > 20
        assert 1 <= strict.most <= most
        assert strict.connections == 5


FROZEN_S = 30.0
"""The keepalive: a call that waited for a frozen broker would wait for so long. The disk of a loaded machine may take
seconds."""


def test_a_frozen_broker_blocks_no_caller(broker: Broker, publish_to: MakePublisher) -> None:
    publisher = publish_to(broker.port)
    assert publisher.wait_connected(10)
    broker.freeze()
    slowest = 0.0
    big = Message(TOPICS.score("fan-1"), b"x" * 100_000, 0, retain=False)
    for number in range(300):
        begun = time.monotonic()
        publisher.publish_events([event(number)])
        publisher.send(SAMPLES["health"])
        publisher.telemetry(big)
        slowest = max(slowest, time.monotonic() - begun)
    begun = time.monotonic()
    publisher.stop(0.5)
    assert time.monotonic() - begun < FROZEN_S / 2
    broker.thaw()
    assert slowest < FROZEN_S / 2
