"""When more waits than may: the oldest events that were never sent give way to one gap event that counts them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from monitor.publish.encoding import encode
from monitor.publish.journal import Journal
from monitor.publish.messages import Event, Gap
from monitor.publish.rows import Row

_LATEST_RELEASE_S: Final = 1_735_689_600.0  # the year 2025: a time before is of a clock that was not set


@dataclass(frozen=True, slots=True)
class OutboxLimits:
    """How much may wait; beyond it the oldest events that were never sent give way to one gap event."""

    rows: int = 100_000
    """Two days of an event every 2 s."""
    size_bytes: int = 64 * 2**20
    """Of payloads; the file is about a quarter larger."""
    age_s: float = 90 * 86_400.0
    """As long as clips are kept by default: an older event tells of sound that nobody can hear any more."""
    unsaved_rows: int = 10_000
    """Of them in memory only, while the disk is full or failing; about 10 MB."""
    reserve_bytes: int = 2 * 2**20
    """Kept free inside the file against a full disk; about 1500 events."""


class Overflow:
    """Belongs to the outbox, which holds the lock.

    Args:
        journal: what waits.
        limits: how much may.
        tell: makes the event that stands for a gap, without its number.
    """

    def __init__(self, journal: Journal, limits: OutboxLimits, tell: Callable[[Gap], Event]) -> None:
        self._journal = journal
        self._limits = limits
        self._tell = tell
        self.dropped = 0
        """Events given up since the start."""

    def make_room(self, sent_through: int) -> None:
        """Drop what is too much.

        Args:
            sent_through: the last row that was ever handed out; those up to it may have arrived, and are kept.
        """
        limits, journal = self._limits, self._journal
        while journal.depth > limits.rows or journal.size > limits.size_bytes:
            rows = journal.rows_after(sent_through, 2)
            if len(rows) < 2:
                break  # nothing left but what may have arrived
            self._give_up(rows, "outbox_full")
        while journal.failing and len(journal.unsaved) > limits.unsaved_rows:
            oldest = sorted(seq for seq in journal.unsaved if seq > sent_through)[:2]
            if len(oldest) < 2:
                break
            self._give_up([journal.unsaved[seq] for seq in oldest], "outbox_full")

    def drop_old(self, sent_through: int, now_s: float) -> None:
        """Drop what has waited too long; see `make_room`."""
        while rows := self._journal.rows_after(sent_through, 2):
            if rows[0].role != "gap":
                rows = rows[:1]
            if rows[-1].role == "gap" or not self._is_old(rows[-1], now_s):
                return
            self._give_up(rows, "too_old")

    def _is_old(self, row: Row, now_s: float) -> bool:
        written_s = datetime.fromisoformat(json.loads(row.payload)["published_at"]).timestamp()
        return written_s > _LATEST_RELEASE_S and now_s - written_s > self._limits.age_s

    def _give_up(self, rows: Sequence[Row], reason: str) -> None:
        """Let one gap event stand for rows that follow each other; it takes the place of the last."""
        for row in rows:
            self._journal.remove(row)
            self.dropped += row.role != "gap"
        gaps = [_gap_of(row, reason) for row in rows]
        gap = replace(gaps[0], last_seq=rows[-1].seq, count=sum(each.count or 0 for each in gaps))
        event = replace(self._tell(gap), seq=rows[-1].seq)
        self._journal.put(Row(rows[-1].seq, "gap", encode(event)))


def _gap_of(row: Row, reason: str) -> Gap:
    """What is missing once ``row`` is dropped."""
    if row.role == "gap":
        gap = json.loads(row.payload)["gap"]
        return Gap(first_seq=gap["first_seq"], last_seq=row.seq, count=gap["count"], reason=gap["reason"])
    return Gap(first_seq=row.seq, last_seq=row.seq, count=1, reason=reason)
