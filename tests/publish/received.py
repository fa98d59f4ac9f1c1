"""What a subscriber made of the events that it received."""

from __future__ import annotations

from typing import Any

from tests.broker import Listener
from tests.publish.conftest import TOPICS


def first_sights(listener: Listener) -> list[dict[str, Any]]:
    """The events by id, as they came first, without news of delivery itself; a second one is the same to the byte."""
    found: dict[str, bytes] = {}
    documents = []
    for message in listener.on(TOPICS.event):
        document = message.json
        if document["id"] not in found:
            found[document["id"]] = message.payload
            documents.append(document)
        assert found[document["id"]] == message.payload
    assert [each["seq"] for each in documents] == sorted({each["seq"] for each in documents})
    return [each for each in documents if each["kind"] != "delivery"]


def number_of(document: dict[str, Any]) -> int:
    """What `samples.event` was called with."""
    return int(document["id"][1:])


def wait_for_events(listener: Listener, count: int) -> list[int]:
    """The numbers of so many events, in the order in which they came."""
    listener.wait_for(lambda it: len(first_sights(it)) >= count, f"{count} events")
    return [number_of(document) for document in first_sights(listener)]
