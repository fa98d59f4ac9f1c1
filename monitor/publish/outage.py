"""How long the broker was away, so that an outage that is over can be told of."""

from __future__ import annotations

import time
from typing import Final

LEAST_S: Final = 5.0
"""Shorter ones are lost connections, which `status` shows; telling each would make a bad cable a flood of events."""


class Outage:
    """Belongs to the network thread."""

    def __init__(self) -> None:
        self._since_s: float | None = None

    def began(self) -> None:
        """The broker cannot be reached; said again and again while it lasts."""
        if self._since_s is None:
            self._since_s = time.monotonic()

    @property
    def lasts_s(self) -> float:
        """How long it has lasted, seconds; 0 when the broker can be reached. Any thread may ask."""
        since_s = self._since_s
        return 0.0 if since_s is None else time.monotonic() - since_s

    def ended(self, waiting: int) -> str | None:
        """It can; gives the outage in words, None when there was none to speak of.

        Args:
            waiting: events that have not been sent.
        """
        since_s, self._since_s = self._since_s, None
        lasted_s = 0.0 if since_s is None else time.monotonic() - since_s
        if lasted_s < LEAST_S:
            return None
        return f"the broker was away for {lasted_s:.0f} s; {waiting} events waited"
