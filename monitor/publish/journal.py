"""What waits and what must outlive a restart: the part on disk and the part still to be written, as one.

A full or failing disk, or a damaged file, loses nothing that is in memory; it is written with the next save that can.
Not safe for several threads at once: the outbox holds the lock.
"""

from __future__ import annotations

import contextlib
import heapq
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import structlog

from monitor.errors import MonitorError
from monitor.publish.ids import new_ulid
from monitor.publish.messages import DeliveryEvent, Gap
from monitor.publish.rows import Audited, Changes, Dead, Row
from monitor.publish.store import KEEP_AUDIT, KEEP_DEAD, Store, is_corrupt

_log = structlog.get_logger(__name__)

Tell = Callable[[DeliveryEvent, str, Gap | None], None]
"""Takes news of the journal itself: event, detail, and the gap when events may be missing."""


class Journal:
    """The file ``path`` and what is not in it yet.

    Args:
        path: the database file; its folder exists.
        reserve_bytes: kept free inside the file against a full disk.
        clock: gives UTC in POSIX seconds.
        tell: is called when the file fails, is written again, or was damaged.
    """

    def __init__(self, path: Path, reserve_bytes: int, clock: Callable[[], float], tell: Tell) -> None:
        self._path = path
        self._clock = clock
        self._tell = tell
        self._store = Store(path, reserve_bytes)
        self._changes = Changes()
        self.documents: dict[tuple[str, str], bytes] = {}
        self.states: dict[str, str] = {}
        self.in_flight: dict[int, Row] = {}
        """Rows handed out: the copy that outlives a damaged file."""
        self.last_seq = 0
        self.depth = 0
        self.size = 0
        """Bytes of payload that wait."""
        self.failing = False
        """The last save did not succeed."""

    @property
    def unsaved(self) -> dict[int, Row]:
        """The rows that are in memory only, by number."""
        return self._changes.rows

    @property
    def settled(self) -> int:
        """Rows that are still to be deleted from the file."""
        return len(self._changes.settled)

    def open(self) -> None:
        """Open the file; a damaged one is moved aside and what can be read of it is kept.

        Raises:
            MonitorError: another process uses it, a newer version wrote it, its folder does not exist or cannot be
                written, or the disk fails.
        """
        self._store.lock()
        try:
            contents = self._store.open()
        except sqlite3.Error as error:
            if not is_corrupt(error):
                self._store.close()
                raise MonitorError(f"{self._path} cannot be opened: {error}") from error
            self._start_anew(error)
            self.save()
        except BaseException:
            self._store.close()
            raise
        else:
            self.last_seq = contents.last_seq or 0
            self.depth, self.size = contents.depth, contents.size
            self.documents, self.states = contents.documents, contents.states

    def close(self) -> None:
        """Write what is left and close the file."""
        self.save()
        self._store.close()

    def put(self, row: Row) -> None:
        """Add a row, or replace the one of the same number that was removed."""
        self._changes.rows[row.seq] = row
        self._changes.settled.discard(row.seq)
        self.depth += 1
        self.size += len(row.payload)

    def remove(self, row: Row) -> None:
        """Take a row out."""
        only_in_memory = self._changes.rows.pop(row.seq, None) is not None and row.role != "gap"
        if not only_in_memory:  # a gap may have replaced a row that is on disk
            self._changes.settled.add(row.seq)
        self.depth -= 1
        self.size -= len(row.payload)

    def bury(self, dead: Dead) -> None:
        """Keep a refused row for a look."""
        self._changes.dead.append(dead)
        del self._changes.dead[:-KEEP_DEAD]

    def dead(self) -> list[Dead]:
        """The refused rows that are kept, in order."""
        stored = []
        with contextlib.suppress(sqlite3.Error):
            stored = self._store.dead()
        return [*stored, *self._changes.dead]

    def keep_document(self, machine: str, kind: str, payload: bytes | None) -> None:
        """Set one alarm's document; None deletes it."""
        self._changes.documents[machine, kind] = payload
        if payload is None:
            self.documents.pop((machine, kind), None)
        else:
            self.documents[machine, kind] = payload

    def keep_states(self, states: dict[str, str]) -> None:
        """Set states by key."""
        self._changes.states |= states
        self.states |= states

    def note(self, audit: Sequence[Audited]) -> None:
        """Add to the audit trail."""
        self._changes.audit += audit
        del self._changes.audit[:-KEEP_AUDIT]

    def rows_after(self, seq: int, limit: int) -> list[Row]:
        """At most ``limit`` rows with a greater number than ``seq``, in order."""
        hidden = sum(settled > seq for settled in self._changes.settled)  # still in the file
        stored = self._stored_after(seq, limit + hidden)
        known = {row.seq: row for row in stored if row.seq not in self._changes.settled} | self._changes.rows
        return [known[found] for found in heapq.nsmallest(limit, (number for number in known if number > seq))]

    def _stored_after(self, seq: int, limit: int) -> list[Row]:
        try:
            return self._store.rows_after(seq, limit) if self._store.is_open else []
        except sqlite3.Error as error:
            if not is_corrupt(error):
                self._note_failure(error)
                return []
            with self._failures_noted():
                self._start_anew(error)
            self.save()
        with contextlib.suppress(sqlite3.Error):
            return self._store.rows_after(seq, limit)
        return []  # all there is, is in memory

    def save(self) -> None:
        """Write everything that is not on disk yet, in one transaction; what fails stays for the next time."""
        if not (self._changes.urgent or self._changes.settled):
            return
        with self._failures_noted():
            self._write()
            if self.failing:
                self.failing = False
                _log.info("state is written again", path=str(self._path))
                self._tell(DeliveryEvent.STATE_SAVED, "the state database is written again", None)
                self._write()

    def _write(self) -> None:
        try:
            if not self._store.is_open:
                self._store.open()
            self._store.write(self._changes, self.last_seq)
        except sqlite3.Error as error:
            if not is_corrupt(error):
                raise
            self._start_anew(error)
            self._store.open()
            self._store.write(self._changes, self.last_seq)
        self._changes = Changes()

    def _note_failure(self, error: Exception) -> None:
        if not self.failing:
            self.failing = True
            _log.warning("state cannot be written; events stay in memory", path=str(self._path), error=str(error))
            self._tell(DeliveryEvent.STATE_NOT_SAVED, f"events are kept in memory only: {error}", None)

    @contextmanager
    def _failures_noted(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            self._note_failure(error)

    def _start_anew(self, error: Exception) -> None:
        """Move the damaged file aside; all that it and the memory still give is to be written into a new one.

        Raises:
            OSError: it cannot be moved.
        """
        moment = self._clock()
        aside, saved = self._store.set_aside(new_ulid(moment))
        _log.error("the state database is damaged; it was moved aside", moved_to=str(aside), error=str(error))
        known = saved.rows | self.in_flight | self._changes.rows
        rows = {seq: known[seq] for seq in sorted(known) if seq not in self._changes.settled}
        self.documents = saved.documents | self.documents
        self.states = saved.states | self.states
        counted = self.last_seq or saved.last_seq
        # No number may come twice: where the count is lost, the clock gives one that no count has reached.
        self.last_seq = max(self.last_seq, saved.last_seq or 0, 0 if counted else int(moment), *rows, 0)
        self.depth, self.size = len(rows), sum(len(row.payload) for row in rows.values())
        self._changes = Changes(
            rows=rows,
            dead=self._changes.dead,
            documents=dict(self.documents),
            states=dict(self.states),
            audit=saved.audit + self._changes.audit,
        )
        gap = Gap(first_seq=None, last_seq=None, count=None, reason="database_corrupt")
        self._tell(
            DeliveryEvent.GAP, f"the state database was damaged and moved to {aside.name}; events may be missing", gap
        )
