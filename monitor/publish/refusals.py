"""What the broker refused and has not been told of yet; news of it that is refused itself waits for better days."""

from __future__ import annotations

from dataclasses import replace

from monitor.publish.messages import Refusal


class Refusals:
    """The count, and when an event is to tell of it; belongs to the outbox, which holds the lock."""

    def __init__(self) -> None:
        self.count = 0
        """Publishes refused since the start."""
        self._untold = 0
        self._last: Refusal | None = None
        self._told: Refusal | None = None
        """In an event that waits for its answer."""
        self.told_seq: int | None = None
        """Number of that event."""

    def refused(self, topic: str, reason_code: int, reason: str, *, known: bool) -> Refusal | None:
        """One more; gives what an event is to tell now.

        Args:
            topic: of the refused publish.
            reason_code: the broker's.
            reason: what it means.
            known: it has been told of already, and counts only.
        """
        self.count += 1
        self._last = Refusal(count=0, topic=topic, reason_code=reason_code, reason=reason)
        self._untold += not known
        return None if known else self.due()

    def report_refused(self) -> None:
        """The event that told of it was refused itself: told again at the next event that is not."""
        self.count += 1
        if self._told is not None:
            self._untold += self._told.count
        self._told = self.told_seq = None

    def report_accepted(self) -> None:
        """The broker has the event that told of it."""
        self._told = self.told_seq = None

    def due(self) -> Refusal | None:
        """What is still to be told; None while there is nothing, or an event tells of it already."""
        if not self._untold or self._told is not None or self._last is None:
            return None
        self._told = replace(self._last, count=self._untold)
        self._untold = 0
        return self._told
