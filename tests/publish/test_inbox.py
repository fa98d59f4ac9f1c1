"""Commands wait in a bounded queue; what does not fit is answered at once, by the network thread, and never waits."""

from __future__ import annotations

import json
from collections import deque

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from monitor.publish.inbox import WAITING, Answer, Inbox
from monitor.publish.topics import Topics

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
