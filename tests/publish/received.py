"""What a subscriber made of the events that it received."""

from __future__ import annotations

from typing import Any

from tests.broker import Listener
from tests.publish.conftest import TOPICS


def first_sights(listener: Listener) -> list[dict[str, Any]]:
    """The events by id, as they came first; a second one must be the same to the byte."""
    found: dict[str, bytes] = {}
    documents = []
    for message in listener.on(TOPICS.event):
        document = message.json
        if document["id"] not in found:
            found[document["id"]] = message.payload
            documents.append(document)
        assert found[document["id"]] == message.payload
    return documents


def wait_for_events(listener: Listener, count: int) -> list[int]:
    listener.wait_for(lambda it: len(first_sights(it)) >= count, f"{count} events")
    return [document["seq"] for document in first_sights(listener)]
