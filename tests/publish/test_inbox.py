"""Commands wait in a bounded queue; what does not fit is answered at once, by the network thread, and never waits."""

from __future__ import annotations

import json
from collections import deque
from typing import Any

import pytest
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from monitor.publish.commands import Response
from monitor.publish.inbox import ANSWER_EXPIRY_S, WAITING, Answer, Inbox, Incoming
from monitor.publish.topics import Topics
from tests.broker import Broker, needs_mosquitto, wait_until
from tests.publish.conftest import TOPICS as NODE
from tests.publish.conftest import MakePublisher
from tests.publish.samples import SAMPLES

TOPICS = Topics("monitor", "pc1")


def message(payload: bytes, verb: str = "acknowledge", *, retain: bool = False) -> paho.MQTTMessage:
    found = paho.MQTTMessage(0, TOPICS.command(verb).encode())
    found.payload, found.retain = payload, retain
    return found


def test_beyond_what_may_wait_a_command_is_refused_at_once_with_its_id() -> None:
    answers: deque[Answer] = deque()
    inbox = Inbox(TOPICS, answers, lambda: 1.76e9)
    client = paho.Client(CallbackAPIVersion.VERSION2)
    for number in range(WAITING + 2):
        inbox.receive(client, None, message(json.dumps({"id": str(number)}).encode()))
    assert len(inbox.take()) == WAITING
    assert inbox.take() == []
    refused = [json.loads(answer.message.payload) for answer in answers]
    assert [each["command_id"] for each in refused] == [str(WAITING), str(WAITING + 1)]
    assert not any(each["accepted"] for each in refused)
    assert {answer.message.topic for answer in answers} == {TOPICS.response("acknowledge")}


def test_a_retained_command_that_is_deleted_is_no_command() -> None:
    inbox = Inbox(TOPICS, deque())
    inbox.receive(paho.Client(CallbackAPIVersion.VERSION2), None, message(b"", retain=True))
    assert inbox.take() == []


@needs_mosquitto
@pytest.mark.parametrize(("protocol", "expiry_s"), [("5", ANSWER_EXPIRY_S), ("3.1.1", None)])
def test_an_answer_expires_at_the_broker_where_the_protocol_can_say_so(
    broker: Broker, publish_to: MakePublisher, protocol: str, expiry_s: int | None
) -> None:
    heard: list[Any] = []
    publisher = publish_to(broker.port, protocol=protocol)
    person = paho.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
    person.on_message = lambda _client, _userdata, got: heard.append(got)
    person.on_connect = lambda client, *_: client.subscribe(NODE.response("acknowledge"), qos=1)
    person.on_subscribe = lambda client, *_: client.publish(NODE.command("acknowledge"), b"{}", 1)
    assert publisher.wait_connected(10)
    wait_until(lambda: f"SUBACK to monitor-{NODE.node}" in broker.log, what="the node's subscription")
    person.connect("127.0.0.1", broker.port)
    person.loop_start()
    try:
        taken: list[Incoming] = []

        def took() -> bool:
            taken.extend(publisher.commands())
            return bool(taken)

        wait_until(took, what="the command")
        answer = SAMPLES["response"]
        assert isinstance(answer, Response)
        publisher.answer(taken[0], answer)
        wait_until(lambda: heard, what="the answer")
    finally:
        person.disconnect()
        person.loop_stop()
    left_s = getattr(heard[0].properties, "MessageExpiryInterval", None)
    if expiry_s is None:
        assert left_s is None
    else:
        assert expiry_s - 20 <= int(left_s or 0) <= expiry_s
