"""The state database, read without writing, locking or making a file: is it sound, and what waits in it."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from monitor.counted import counted
from monitor.doctor.finding import Finding, fail, note, ok
from monitor.publish.store import is_corrupt

LIMIT_S = 5.0
"""The check of a full outbox (64 MB) takes a second on a slow disk."""
BUSY_S = 1.0
"""A daemon's transaction takes milliseconds."""
MOST_COPIED_BYTES = 256 * 2**20
"""A full outbox, its log and the audit trail are well under it."""
STEPS = 10_000
"""Of SQLite's machine between two looks at the clock: about a millisecond."""


def examine(path: Path, *, running: bool | None) -> Finding:
    """Whether the database is sound, and what waits in it.

    Args:
        path: of the database.
        running: whether a daemon has it open; None when that cannot be told.
    """
    try:
        if not path.exists():
            told = f"{path} is not there yet: no daemon has ever run here"
            return note("database", told, "sudo systemctl start monitor")
        with reading(path, running=running) as connection:
            return _read(connection, path)
    except PermissionError:
        return note("database", f"{path} is not for this user to read", "sudo monitor doctor")
    except sqlite3.DatabaseError as error:
        return _trouble(path, error)


def _trouble(path: Path, error: sqlite3.DatabaseError) -> Finding:
    """What kept it from being read to its end."""
    code = error.sqlite_errorcode & 0xFF if hasattr(error, "sqlite_errorcode") else sqlite3.SQLITE_ERROR
    if code == sqlite3.SQLITE_INTERRUPT:
        return note("database", f"{path}: not checked to its end within {LIMIT_S:g} s")
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return note("database", f"{path}: in use for more than {BUSY_S:g} s", "monitor doctor, once more")
    if is_corrupt(error):
        return _damaged(path, str(error))
    return fail("database", f"{path} cannot be read: {error}", "ls -l its folder; dmesg tells of a failing disk")


@contextmanager
def reading(path: Path, *, running: bool | None) -> Iterator[sqlite3.Connection]:
    """The database as it stands.

    SQLite makes the files `-wal` and `-shm` even for a reader when they are missing, and root would own them. A daemon
    that runs has them already; without one nothing changes, and the file is read alone, or a copy with its log.

    Raises:
        PermissionError: it is not for this user.
        sqlite3.Error: it cannot be opened.
    """
    with path.open("rb"):  # SQLite does not say that permission is what it lacks
        pass
    with contextlib.ExitStack() as stack:
        log = path.with_name(path.name + "-wal")
        how = "mode=ro"
        if not running:
            how = "mode=ro&immutable=1"
            if log.exists() and log.stat().st_size:
                path = _copied(path, log, stack)
                how = "mode=rw"
        uri = f"{path.absolute().as_uri()}?{how}"
        yield stack.enter_context(contextlib.closing(sqlite3.connect(uri, uri=True, timeout=BUSY_S)))


def _copied(path: Path, log: Path, stack: contextlib.ExitStack) -> Path:
    """A copy of what a killed daemon left, in a temporary folder that goes with ``stack``."""
    if path.stat().st_size + log.stat().st_size > MOST_COPIED_BYTES:
        raise sqlite3.OperationalError(f"it is larger than {MOST_COPIED_BYTES} bytes, and no daemon has closed it")
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="monitor-doctor-")))
    for file in (path, log):
        shutil.copyfile(file, folder / file.name)
    return folder / path.name


def _read(connection: sqlite3.Connection, path: Path) -> Finding:
    deadline = time.monotonic() + LIMIT_S
    connection.set_progress_handler(lambda: time.monotonic() > deadline, STEPS)
    verdict = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    if verdict != "ok":
        return _damaged(path, verdict)
    waiting, size = connection.execute("SELECT count(*), coalesce(sum(length(payload)), 0) FROM events").fetchone()
    oldest = connection.execute("SELECT payload FROM events ORDER BY seq LIMIT 1").fetchone()
    dead = connection.execute("SELECT count(*) FROM dead").fetchone()[0]
    told = f"{path} is sound"
    if waiting:
        told += f"; {counted(waiting, 'event')} ({size // 1000} kB) wait for the broker since {_time(oldest[0])}"
    if dead:
        told += f"; the broker has refused {counted(dead, 'event')} for good"
    if dead:
        return note("database", told, "let this user publish on all topics under the prefix (the broker's ACL)")
    if waiting:
        return note("database", told, "they are sent once the broker takes them; see `broker` below")
    return ok("database", f"{told}, no event waits")


def _damaged(path: Path, what: str) -> Finding:
    remedy = "sudo systemctl restart monitor: it sets the file aside, saves what can be read and begins a new one"
    return fail("database", f"{path} is damaged: {what}", remedy)


def _time(payload: bytes) -> str:
    try:
        return str(json.loads(payload)["published_at"])
    except (ValueError, KeyError, TypeError):
        return "a time that cannot be read"
