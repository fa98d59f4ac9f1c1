"""Reads from a damaged state database what can still be read."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from dataclasses import dataclass, field
from pathlib import Path

from monitor.publish.rows import Audited, Row

_LARGEST_SEQ = 2**53  # beyond, JSON readers lose digits: no node ever counted so far, the row is damaged


@dataclass(slots=True)
class Contents:
    """What a state database holds; the rows themselves only after a salvage."""

    last_seq: int | None = None
    depth: int = 0
    size: int = 0
    documents: dict[tuple[str, str], bytes] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)
    rows: dict[int, Row] = field(default_factory=dict)
    audit: list[Audited] = field(default_factory=list)


def read_small_tables(connection: sqlite3.Connection, contents: Contents) -> None:
    """Fill in everything but the rows.

    Raises:
        sqlite3.Error: the rest cannot be read; what came before is filled in.
    """
    for (last_seq,) in connection.execute("SELECT last_seq FROM counter"):
        contents.last_seq = last_seq
    for machine, kind, payload in connection.execute("SELECT machine, kind, payload FROM documents"):
        contents.documents[machine, kind] = payload
    for key, value in connection.execute("SELECT key, value FROM states"):
        contents.states[key] = value


def read_audit(connection: sqlite3.Connection, limit: int = -1) -> list[Audited]:
    """The newest ``limit`` entries of the audit trail (all by default), the oldest first.

    Raises:
        sqlite3.Error: they cannot be read.
    """
    names = ", ".join(f'"{name}"' for name in Audited._fields)
    found = connection.execute(f"SELECT {names} FROM audit ORDER BY number DESC LIMIT ?", (limit,))  # noqa: S608
    return [Audited(*row)._replace(accepted=bool(row[6])) for row in reversed(found.fetchall())]


def salvage(path: Path) -> Contents:
    """Everything sound in the damaged file; nothing when it cannot be read at all."""
    contents = Contents()
    if not path.exists():
        return contents
    address = f"{path.absolute().as_uri()}?mode=ro"
    with (
        contextlib.suppress(sqlite3.Error),
        contextlib.closing(sqlite3.connect(address, uri=True)) as connection,
    ):
        with contextlib.suppress(sqlite3.Error):
            read_small_tables(connection, contents)
        with contextlib.suppress(sqlite3.Error):
            for found in connection.execute("SELECT seq, role, payload FROM events ORDER BY seq"):
                row = Row(*found)
                if _is_sound(row):
                    contents.rows[row.seq] = row
        with contextlib.suppress(sqlite3.Error):
            contents.audit = read_audit(connection)
    contents.states = {key: value for key, value in contents.states.items() if _is_json(value)}
    contents.documents = {key: value for key, value in contents.documents.items() if _is_json(value)}
    return contents


def _is_sound(row: Row) -> bool:
    """Whether the row is what was once written: JSON that knows its own number."""
    if not (_is_json(row.payload) and 0 < row.seq < _LARGEST_SEQ):
        return False
    document = json.loads(row.payload)
    return isinstance(document, dict) and document.get("seq") == row.seq


def _is_json(text: bytes | str) -> bool:
    try:
        json.loads(text)
    except (ValueError, TypeError):
        return False
    return True
