"""What another face of the contract is to the publisher, which starts it, tells it everything and stops it."""

from __future__ import annotations

from typing import Protocol

from monitor.publish.messages import Payload


class Face(Protocol):
    """Another form of the same news, on a connection of its own."""

    @property
    def alive(self) -> bool:
        """Whether its network thread runs or has yet to begin."""
        ...

    def start(self) -> None:
        """Connect in the background and keep connected."""
        ...

    def stop(self) -> None:
        """Say goodbye and disconnect."""
        ...

    def observe(self, payload: Payload) -> None:
        """Take a message of the JSON contract; never waits."""
        ...
