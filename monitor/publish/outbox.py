"""The outbox: events go in with the alarm state they belong to, in one transaction, and leave only when acknowledged.

Any thread may call; a lock makes the calls take turns. No call waits for the network, none raises because of the disk:
what cannot be written stays in memory, is delivered from there, and is written with the next call that can.
"""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from monitor.detect.kinds import AlarmKind
from monitor.publish.encoding import Utc, encode
from monitor.publish.ids import new_ulid
from monitor.publish.journal import Journal
from monitor.publish.messages import Alarm, DeliveryEvent, Event, Gap, OutboxHealth, Refusal
from monitor.publish.overflow import OutboxLimits, Overflow
from monitor.publish.refusals import Refusals
from monitor.publish.rows import Audited, Dead, Role, Row
from monitor.publish.standing import standing

_SETTLE_AT = 64  # acknowledged rows deleted together: more saves little, and is sent twice after a power cut
_AGE_EVERY_S = 3600.0  # what may wait for months is looked at once an hour
_TRY_EVERY_S = 1.0  # a disk that was full is found writable soon, and one that fails is not flooded with attempts


class Outbox:
    """Events of one node, numbered without gaps, in the file ``path`` (its folder exists).

    Args:
        path: the database file.
        node: the plant PC's name, for the events that the outbox itself makes.
        limits: how much may wait.
        clock: gives UTC in POSIX seconds.
    """

    def __init__(
        self,
        path: Path,
        node: str,
        limits: OutboxLimits | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._node = node
        self._limits = limits or OutboxLimits()
        self._clock = clock
        self._guard = threading.RLock()
        self._journal = Journal(path, self._limits.reserve_bytes, clock, self._tell)
        self._cursor = 0  # the last row handed out on this connection
        self._sent_through = 0  # the last row ever handed out: those before may have arrived, and are never dropped
        self._overflow = Overflow(self._journal, self._limits, self._gap)
        self._aged_s = -math.inf
        self._refusals = Refusals()
        self._tried_s = 0.0

    def open(self) -> None:
        """Open the file; a damaged one is moved aside, what can be read of it is kept, and a gap event says so.

        Raises:
            MonitorError: another process uses it, a newer version wrote it, its folder does not exist or cannot be
                written, or the disk fails.
        """
        with self._guard:
            self._journal.open()

    def close(self) -> None:
        """Write what is left and close the file; harmless when not open."""
        with self._guard:
            self._journal.close()

    def append(
        self,
        events: Sequence[Event] = (),
        alarms: Sequence[Alarm] = (),
        states: Mapping[str, Any] | None = None,
        audit: Sequence[Audited] = (),
        gone: Sequence[tuple[str, str]] = (),
    ) -> tuple[tuple[Event, ...], tuple[Alarm, ...]]:
        """Number the events and write them, the alarms' documents, states and audit trail in one transaction.

        A document gets the number of the last event of the same machine and kind in this call.

        Args:
            events: in the order in which they are to arrive.
            alarms: whole present states; the latest per machine and kind is kept.
            states: anything that `json` can write, by key; the latest per key is kept.
            audit: what people commanded.
            gone: machine and kind of alarms that exist no more; their documents are deleted.

        Returns:
            The events and the alarms with their numbers.

        Raises:
            TypeError: a state cannot be written as JSON; nothing was appended.
        """
        texts = {key: json.dumps(value) for key, value in (states or {}).items()}
        with self._guard:
            numbered = tuple(self._add(event) for event in events)
            numbers = {(event.machine, event.kind): event.seq for event in numbered}
            documents = tuple(replace(each, seq=numbers.get((each.machine, each.kind), each.seq)) for each in alarms)
            for document in documents:
                self._journal.keep_document(document.machine or "", document.kind, encode(document))
            for machine, kind in gone:
                self._journal.keep_document(machine, kind, None)
            self._journal.keep_states(texts)
            self._journal.note(audit)
            self._overflow.make_room(self._sent_through)
            self._drop_old(self._clock())
            self._journal.save()
            return numbered, documents

    def take(self, limit: int) -> tuple[Row, ...]:
        """The next ``limit`` events in order; they count as in flight until settled or released."""
        with self._guard:
            rows = self._journal.rows_after(self._cursor, limit)
            for row in rows:
                self._journal.in_flight[row.seq] = row
                self._cursor = row.seq
            self._sent_through = max(self._sent_through, self._cursor)
            return tuple(rows)

    def acknowledge(self, seq: int) -> None:
        """The broker has it: the row goes."""
        with self._guard:
            row = self._settle(seq)
            if row is not None:
                if row.seq == self._refusals.told_seq:
                    self._refusals.report_accepted()
                self._tell_refusal(self._refusals.due())
            if not self._journal.in_flight or self._journal.settled >= _SETTLE_AT:
                self._journal.save()

    def refuse(self, seq: int, topic: str, reason_code: int, reason: str) -> None:
        """The broker refused it for good: keep the row as dead letter, count it, and tell by an event of its own."""
        with self._guard:
            row = self._settle(seq)
            if row is None:
                return
            if row.seq != self._refusals.told_seq:
                self._journal.bury(Dead(row.seq, reason_code, row.payload))
                self._tell_refusal(self._refusals.refused(topic, reason_code, reason, known=False))
            else:  # news of a refusal that is refused itself must not make news for ever
                self._refusals.report_refused()
                if not self._give_back(row.seq):
                    self._journal.bury(Dead(row.seq, reason_code, row.payload))
            self._journal.save()

    def ask(self) -> None:
        """Tell again of what was refused, unless events wait anyway: the answer says whether they are taken now."""
        with self._guard:
            if not self._journal.depth:
                self._tell_refusal(self._refusals.due())
                self._journal.save()

    def note_refusal(self, topic: str, reason_code: int, reason: str, *, known: bool) -> None:
        """The broker refused a publish that is no event: count it, and tell unless it is ``known`` of this topic."""
        with self._guard:
            self._tell_refusal(self._refusals.refused(topic, reason_code, reason, known=known))
            self._journal.save()

    def note(self, event: DeliveryEvent, detail: str) -> None:
        """Tell of an outage that is over, a clock that was set or a configuration by an event of its own."""
        with self._guard:
            self._tell(event, detail, None)
            self._journal.save()

    def release(self) -> None:
        """The connection is gone: everything in flight will be handed out again, in order."""
        with self._guard:
            self._journal.in_flight.clear()
            self._cursor = 0

    def flush(self) -> None:
        """Try again, at most once a second, to write what could not be written, and drop what is too old; cheap."""
        with self._guard:
            now = self._clock()
            if self._drop_old(now):
                self._journal.save()
            if self._journal.failing and abs(now - self._tried_s) >= _TRY_EVERY_S:
                self._tried_s = now
                self._journal.save()

    def documents(self) -> dict[tuple[str, str], bytes]:
        """The latest document of every alarm, by machine and kind."""
        with self._guard:
            return dict(self._journal.documents)

    def states(self) -> dict[str, Any]:
        """The latest state of every detector, by key."""
        with self._guard:
            return {key: json.loads(value) for key, value in self._journal.states.items()}

    def dead(self) -> list[Dead]:
        """The newest refused events, oldest first."""
        with self._guard:
            return self._journal.dead()

    def health(self) -> OutboxHealth:
        """Depth and counts."""
        with self._guard:
            return OutboxHealth(
                depth=self._journal.depth,
                bytes=self._journal.size,
                last_seq=self._journal.last_seq,
                unsaved=len(self._journal.unsaved),
                dropped=self._overflow.dropped,
                refused=self._refusals.count,
            )

    @property
    def depth(self) -> int:
        """Events that wait for the broker's acknowledgement."""
        return self._journal.depth

    @property
    def waiting(self) -> bool:
        """Whether `take` would give anything."""
        with self._guard:
            return self._cursor < self._journal.last_seq and self._journal.depth > len(self._journal.in_flight)

    def _add(self, event: Event, role: Role = "event") -> Event:
        self._journal.last_seq += 1
        numbered = replace(event, seq=self._journal.last_seq)
        self._journal.put(Row(numbered.seq, role, encode(numbered)))
        return numbered

    def _settle(self, seq: int) -> Row | None:
        row = self._journal.in_flight.pop(seq, None)
        if row is None:  # settled before, or of an earlier connection
            return None
        self._journal.remove(row)
        return row

    def _give_back(self, seq: int) -> bool:
        """Let the next event have the number, which nobody has seen; False where a later one is given out already.

        News of a refusal may be refused every minute for weeks: no receiver is to look for so many numbers.
        """
        if seq != self._journal.last_seq:
            return False
        self._journal.last_seq = seq - 1
        self._cursor = min(self._cursor, seq - 1)
        return True

    def _tell_refusal(self, refusal: Refusal | None) -> None:
        if refusal is not None:
            detail = f"the broker refused {refusal.count} publishes, the latest on {refusal.topic}: {refusal.reason}"
            own = self._add(self._own_event(DeliveryEvent.REFUSED, detail, refusal=refusal), "report")
            self._refusals.told_seq = own.seq

    def _drop_old(self, now_s: float) -> bool:
        """Once an hour; gives whether it was time."""
        if abs(now_s - self._aged_s) < _AGE_EVERY_S:
            return False
        self._aged_s = now_s
        self._overflow.drop_old(self._sent_through, now_s)
        return True

    def _gap(self, gap: Gap) -> Event:
        why = "more events than the outbox holds" if gap.reason == "outbox_full" else "they had waited too long"
        return self._own_event(DeliveryEvent.GAP, f"{why}; the oldest were given up", gap=gap)

    def _tell(self, event: DeliveryEvent, detail: str, gap: Gap | None) -> None:
        self._add(self._own_event(event, detail, gap=gap), "report")

    def _own_event(
        self, event: DeliveryEvent, detail: str, gap: Gap | None = None, refusal: Refusal | None = None
    ) -> Event:
        now = Utc(self._clock())
        return Event(
            id=new_ulid(now),
            node=self._node,
            time=now,
            published_at=now,
            machine=None,
            kind=AlarmKind.DELIVERY,
            event=event,
            detail=detail,
            gap=gap,
            refusal=refusal,
            **standing(self._journal.documents.get(("", AlarmKind.DELIVERY))),
        )
