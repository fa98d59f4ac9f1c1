"""The publisher against a real mosquitto."""

from __future__ import annotations

import jsonschema

from monitor.publish.outbox import Outbox
from monitor.publish.schema import schemas
from tests.broker import Broker, listening, needs_mosquitto, wait_until
from tests.publish.conftest import TOPICS, MakePublisher
from tests.publish.samples import SAMPLES, alarm, event

pytestmark = needs_mosquitto


def test_every_message_comes_with_the_qos_and_retain_of_the_contract(
    broker: Broker, publish_to: MakePublisher, outbox: Outbox
) -> None:
    with listening(broker) as listener:
        publisher = publish_to(broker.port)
        assert publisher.wait_connected(10)
        publisher.publish_events([event(1)], [alarm(1)])
        for name in ("info", "health", "availability", "score"):
            publisher.send(SAMPLES[name])
        topics = [TOPICS.status, TOPICS.info, TOPICS.health, TOPICS.event]
        topics += [TOPICS.alarm("fan-1", "anomaly"), TOPICS.availability("fan-1"), TOPICS.score("fan-1")]
        listener.wait_for(
            lambda it: {message.topic for message in it.messages} >= set(topics), "a message on each topic"
        )
        for message in listener.messages:
            name = next(name for name in schemas() if f"/{name.removesuffix('.json')}" in message.topic)
            jsonschema.validate(message.json, schemas()[name], jsonschema.Draft202012Validator)
        found = {message.topic: (message.qos, message.retain) for message in listener.messages}
    assert found == {
        TOPICS.status: (1, True),
        TOPICS.info: (1, True),
        TOPICS.health: (1, True),
        TOPICS.event: (1, False),
        TOPICS.alarm("fan-1", "anomaly"): (1, True),
        TOPICS.availability("fan-1"): (1, True),
        TOPICS.score("fan-1"): (0, False),
    }
    wait_until(lambda: outbox.depth == 0)


def test_status_is_online_then_offline_on_a_clean_stop(broker: Broker, publish_to: MakePublisher) -> None:
    with listening(broker) as listener:
        publisher = publish_to(broker.port)
        assert publisher.wait_connected(10)
        listener.wait_for(lambda it: it.on(TOPICS.status), "online")
        publisher.stop(5)
        listener.wait_for(lambda it: len(it.on(TOPICS.status)) == 2, "offline")
        states = [(message.json["state"], message.json["reason"]) for message in listener.on(TOPICS.status)]
    assert states == [("online", None), ("offline", "stopped")]
