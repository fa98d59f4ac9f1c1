"""The state database on disk: one SQLite file, one writer, every change in one durable transaction."""

from __future__ import annotations

import contextlib
import fcntl
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from monitor.errors import BadInputError, MonitorError
from monitor.publish.rows import Audited, Changes, Dead, Row
from monitor.publish.salvage import Contents, read_audit, read_small_tables, salvage

_VERSION = 1  # of the tables below; stands in the file's user_version
_CHECKPOINT_PAGES = 256  # 1 MiB of write-ahead log: half of the reserve, so that the log stays inside it
_SPARE_BYTES = 256 * 1024  # a file given up when a full disk keeps the database from opening: log and index need 100 kB
KEEP_DEAD = 1000  # refused publishes kept for a look; more would only repeat the same denied topic
KEEP_AUDIT = 100_000  # commands kept: 27 a day for ten years, about 20 MB
_KEEP_CORRUPT = 3  # damaged files kept for a look; each may be as large as the outbox may be
_CORRUPT_CODES = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_NO_ROOM_CODES = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR})

_TABLES = """
CREATE TABLE IF NOT EXISTS events (seq INTEGER PRIMARY KEY, role TEXT NOT NULL, payload BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS dead (seq INTEGER PRIMARY KEY, reason_code INTEGER NOT NULL, payload BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS documents (machine TEXT, kind TEXT, payload BLOB NOT NULL, PRIMARY KEY (machine, kind));
CREATE TABLE IF NOT EXISTS states (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS audit (number INTEGER PRIMARY KEY, at_s REAL NOT NULL, "by" TEXT NOT NULL,
    verb TEXT NOT NULL, machine TEXT NOT NULL, kind TEXT NOT NULL, alarm_id TEXT NOT NULL, accepted INTEGER NOT NULL,
    reason TEXT NOT NULL, answer TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS counter (one INTEGER PRIMARY KEY CHECK (one = 1), last_seq INTEGER NOT NULL);
"""

_AUDIT = ", ".join(f'"{name}"' for name in Audited._fields)


def is_corrupt(error: Exception) -> bool:
    """Whether the error says that the file is damaged, and not that the disk is full, failing or read-only."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in _CORRUPT_CODES  # the low byte is the primary code


class Store:
    """The file and its connection; not safe for several threads at once, its owner holds a lock.

    Args:
        path: the database file; its folder exists.
        reserve_bytes: kept free inside the file, so that a full disk does not stop the next events at once.
    """

    def __init__(self, path: Path, reserve_bytes: int) -> None:
        self._path = path
        self._reserve_bytes = reserve_bytes
        self._lock: IO[str] | None = None
        self._connection: sqlite3.Connection | None = None

    @property
    def is_open(self) -> bool:
        """Whether there is a connection."""
        return self._connection is not None

    def lock(self) -> None:
        """Make sure that no other process writes here.

        Raises:
            BadInputError: another process does, or the folder cannot be written.
        """
        path = self._beside(".lock")
        try:
            self._lock = path.open("w")
        except OSError as error:
            raise BadInputError(f"{path}: {error.strerror}; the state directory must exist and be writable") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            self._lock = None
            raise BadInputError(f"{self._path} is in use by another running monitor") from None

    def open(self) -> Contents:
        """Open the file, made when missing.

        Raises:
            sqlite3.Error: it is damaged (`is_corrupt`), or the disk fails.
            MonitorError: a newer version of the software wrote it.
        """
        try:
            contents = self._open()
        except sqlite3.Error as error:
            spare = self._beside(".spare")
            if is_corrupt(error) or not spare.exists():
                raise
            spare.unlink()
            contents = self._open()
        if self._reserve_bytes:
            self._make_spare()
        return contents

    def _open(self) -> Contents:
        # The owner's lock keeps threads apart; autocommit, because transactions are spelt out below.
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        self._connection = connection
        try:
            self._prepare(connection)
            return _contents(connection)
        except BaseException:
            self._disconnect()
            raise

    def _prepare(self, connection: sqlite3.Connection) -> None:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > _VERSION:
            raise MonitorError(
                f"{self._path} was written by a newer version: its format is {version}, expected at most {_VERSION}"
            )
        verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if verdict != "ok":
            error = sqlite3.DatabaseError(str(verdict).replace("\n", " "))
            error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
            raise error
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
        connection.executescript(_TABLES)
        connection.execute(f"PRAGMA user_version = {_VERSION}")
        self._reserve(connection)

    def _reserve(self, connection: sqlite3.Connection) -> None:
        """Grow the file and its log once: freed pages are used again without asking the disk for room."""
        if not self._reserve_bytes:
            return
        try:
            with _transaction(connection, durable=False):
                connection.execute("CREATE TABLE reserve (filler BLOB)")
                connection.execute("INSERT INTO reserve VALUES (zeroblob(?))", (self._reserve_bytes,))
            with _transaction(connection, durable=False):
                connection.execute("DROP TABLE reserve")
            connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF not in _NO_ROOM_CODES:  # the disk is full already: go on without
                raise

    def _make_spare(self) -> None:
        spare = self._beside(".spare")
        if not spare.exists():
            try:
                spare.write_bytes(b"\0" * _SPARE_BYTES)
            except OSError:  # no room: the next start will try again
                spare.unlink(missing_ok=True)

    def write(self, changes: Changes, last_seq: int) -> None:
        """Write all of it or nothing, safe against a power cut once this returns.

        Raises:
            sqlite3.Error: nothing was written.
        """
        with _transaction(self._open_connection(), durable=changes.urgent) as connection:
            connection.executemany("DELETE FROM events WHERE seq = ?", ((seq,) for seq in changes.settled))
            connection.executemany("INSERT OR REPLACE INTO events VALUES (?, ?, ?)", changes.rows.values())
            if changes.dead:
                connection.executemany("INSERT OR REPLACE INTO dead VALUES (?, ?, ?)", changes.dead)
                connection.execute(
                    "DELETE FROM dead WHERE seq NOT IN (SELECT seq FROM dead ORDER BY seq DESC LIMIT ?)", (KEEP_DEAD,)
                )
            for (machine, kind), payload in changes.documents.items():
                if payload is None:
                    connection.execute("DELETE FROM documents WHERE machine = ? AND kind = ?", (machine, kind))
                else:
                    connection.execute("INSERT OR REPLACE INTO documents VALUES (?, ?, ?)", (machine, kind, payload))
            connection.executemany("INSERT OR REPLACE INTO states VALUES (?, ?)", changes.states.items())
            if changes.audit:
                connection.executemany(
                    f"INSERT INTO audit ({_AUDIT}) VALUES ({', '.join('?' * len(Audited._fields))})",  # noqa: S608
                    changes.audit,
                )
                connection.execute(
                    "DELETE FROM audit WHERE number <= (SELECT max(number) FROM audit) - ?", (KEEP_AUDIT,)
                )
            connection.execute("INSERT OR REPLACE INTO counter VALUES (1, ?)", (last_seq,))

    def rows_after(self, seq: int, limit: int) -> list[Row]:
        """At most ``limit`` rows with a greater number than ``seq``, in order.

        Raises:
            sqlite3.Error: they cannot be read.
        """
        found = self._open_connection().execute(
            "SELECT seq, role, payload FROM events WHERE seq > ? ORDER BY seq LIMIT ?", (seq, limit)
        )
        return [Row(*row) for row in found]

    def dead(self) -> list[Dead]:
        """The refused rows that are kept, in order.

        Raises:
            sqlite3.Error: they cannot be read.
        """
        found = self._open_connection().execute("SELECT seq, reason_code, payload FROM dead ORDER BY seq")
        return [Dead(*row) for row in found]

    def set_aside(self, stamp: str) -> tuple[Path, Contents]:
        """Move the damaged file away and read from it what can be read.

        Args:
            stamp: text that makes the new name unique and sorts by time.

        Returns:
            Where it lies now, and what was saved from it.

        Raises:
            OSError: it cannot be moved.
        """
        self._disconnect()
        aside = self._beside(f".corrupt-{stamp}")
        for suffix in ("", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                self._beside(suffix).rename(aside.with_name(aside.name + suffix))
        contents = salvage(aside)
        found = aside.parent.glob(f"{self._path.name}.corrupt-*")
        kept = sorted(path for path in found if not path.name.endswith(("-wal", "-shm")))
        for old in kept[:-_KEEP_CORRUPT]:
            for suffix in ("", "-wal", "-shm"):
                old.with_name(old.name + suffix).unlink(missing_ok=True)
        return aside, contents

    def close(self) -> None:
        """Close the file and let others have it."""
        self._disconnect()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _beside(self, suffix: str) -> Path:
        return self._path.with_name(self._path.name + suffix)

    def _open_connection(self) -> sqlite3.Connection:
        if self._connection is None:
            raise sqlite3.OperationalError(f"{self._path} is not open")
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):  # a damaged file may not even close
                self._connection.close()
            self._connection = None


@contextmanager
def _transaction(connection: sqlite3.Connection, *, durable: bool) -> Iterator[sqlite3.Connection]:
    connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):  # SQLite may have rolled back by itself, as on a full disk
            connection.execute("ROLLBACK")
        raise


def _contents(connection: sqlite3.Connection) -> Contents:
    depth, size = connection.execute("SELECT count(*), coalesce(sum(length(payload)), 0) FROM events").fetchone()
    contents = Contents(depth=depth, size=size)
    read_small_tables(connection, contents)
    return contents


def read_audit_file(path: Path, limit: int) -> list[Audited]:
    """The newest ``limit`` entries of the audit trail, the oldest first; read beside a daemon that writes.

    Raises:
        BadInputError: there is no such database, or it cannot be read.
    """
    if not path.exists():
        raise BadInputError(f"{path}: no such file; has `monitor run` ever run with this state directory?")
    try:
        with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            return read_audit(connection, limit)
    except sqlite3.Error as error:
        raise BadInputError(f"{path}: {error}") from error
