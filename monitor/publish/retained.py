"""What must stand at the broker: the latest message of every retained topic, and which of them are still to be sent."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from monitor.publish.messages import Message


class Retained:
    """The retained messages of one node; any thread may call."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._all: dict[str, Message] = {}
        self._due: dict[str, Message] = {}

    def put(self, message: Message) -> None:
        """Set the latest message of its topic and have it sent; an empty payload clears the topic."""
        with self._guard:
            self._all[message.topic] = message
            self._due[message.topic] = message

    def take(self) -> Message | None:
        """The next to send; None when there is nothing."""
        with self._guard:
            topic = next(iter(self._due), None)
            return None if topic is None else self._due.pop(topic)

    def again(self, topics: Iterable[str]) -> None:
        """Have the latest of these topics sent again."""
        with self._guard:
            self._due |= {topic: self._all[topic] for topic in topics if topic in self._all}

    def all_due(self, first: str) -> None:
        """Have everything sent again, the topic ``first`` before the others: the broker may have lost it all."""
        with self._guard:
            self._due = {topic: self._all[topic] for topic in sorted(self._all, key=lambda topic: topic != first)}

    def clear_all(self) -> None:
        """Have every topic cleared."""
        with self._guard:
            self._all = {topic: Message(topic, b"", 1, retain=True) for topic in self._all}
            self._due = dict(self._all)

    def arrived(self, topic: str) -> None:
        """The broker has what was taken last: a topic that is cleared needs nothing any more."""
        with self._guard:
            if topic not in self._due and topic in self._all and not self._all[topic].payload:
                del self._all[topic]

    @property
    def waiting(self) -> bool:
        """Whether `take` would give anything."""
        return bool(self._due)
