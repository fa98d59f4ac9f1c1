"""How long and how often the broker was away, so that outages that are over can be told of."""

from __future__ import annotations

import math
import time
from typing import Final

LEAST_S: Final = 5.0
"""An outage of this length is told of by itself."""
EVERY_S: Final = 60.0
"""Shorter ones are told of together, at most so often: a bad cable must not become a flood of events."""


class Outage:
    """Belongs to the network thread.

    Args:
        left: events of an earlier run that have not been sent.
    """

    def __init__(self, left: int) -> None:
        self._since_s: float | None = None
        self._left = left
        self._short = 0
        self._told_s = -math.inf

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
        lasted_s, left, was_away = self.lasts_s, self._left, self._since_s is not None
        self._since_s, self._left = None, 0
        if lasted_s >= LEAST_S:
            return f"the broker was away for {lasted_s:.0f} s; {waiting} events waited"
        self._short += was_away
        return f"{left} events of before this start waited" if left else None

    def short(self) -> str | None:
        """Shorter ones in words, when it is time to tell of them."""
        now_s, count = time.monotonic(), self._short
        if not count or now_s - self._told_s < EVERY_S:
            return None
        self._told_s, self._short = now_s, 0
        return f"the connection to the broker was lost {'once' if count == 1 else f'{count} times'} for a moment"
