"""Refusals of events that may pass: such an event is tried again, after longer and longer, before it is given up."""

from __future__ import annotations

from typing import Final

PASSING: Final = frozenset({0x80, 0x83, 0x97})
"""MQTT 5: unspecified error, implementation specific error, quota exceeded; what a broker in straits says. The others,
such as not authorized, say that the publish itself is wrong."""
TRIES: Final = 12
"""With the waits between them six minutes: a broker that is short of memory or disk may have recovered, and one event
that it cannot stomach does not hold up the others for longer."""
FIRST_S: Final = 1.0
"""Wait before the second try; doubles from one to the next."""
LONGEST_S: Final = 60.0
"""Longest wait: a broker that has recovered is found within a minute."""
LASTING: Final = 7
"""From so many tries on, a minute has passed, and it is no hiccup any more."""


class Patience:
    """With the events of one node; belongs to the network thread."""

    def __init__(self) -> None:
        self._tries: dict[int, int] = {}
        self._until_s = 0.0

    def refused(self, seq: int, now_s: float) -> bool:
        """An event was refused; gives whether it is to be tried again.

        Args:
            seq: its number.
            now_s: monotonic, seconds.
        """
        tries = self._tries.pop(seq, 0) + 1
        if tries >= TRIES:
            return False
        self._tries[seq] = tries
        self._until_s = max(self._until_s, now_s + min(FIRST_S * 2.0 ** (tries - 1), LONGEST_S))
        return True

    def accepted(self, seq: int) -> None:
        """An event was taken."""
        self._tries.pop(seq, None)

    def due(self, now_s: float) -> bool:
        """Whether it is time to try again."""
        return now_s >= self._until_s

    @property
    def lasting(self) -> bool:
        """Whether an event has been refused for so long that somebody should look."""
        return any(tries >= LASTING for tries in self._tries.values())
