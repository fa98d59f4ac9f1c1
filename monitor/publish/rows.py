"""The rows of the outbox, as they stand in the state database."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

Role = Literal["event", "gap", "report"]
"""An event of detection; what stands for dropped events; news of delivery itself."""


class Row(NamedTuple):
    """One event that waits for the broker's acknowledgement."""

    seq: int
    role: Role
    payload: bytes


class Dead(NamedTuple):
    """One event that the broker refused."""

    seq: int
    reason_code: int
    payload: bytes


class Audited(NamedTuple):
    """One command, carried out or refused: who, what and why."""

    at_s: float
    """UTC, POSIX seconds."""
    by: str
    """Empty when the command does not say."""
    verb: str
    machine: str
    kind: str
    alarm_id: str
    accepted: bool
    reason: str
    """Why it was given."""
    answer: str
    """Why it was refused."""


@dataclass(slots=True)
class Changes:
    """What is to be written in one transaction."""

    rows: dict[int, Row] = field(default_factory=dict)
    settled: set[int] = field(default_factory=set)
    """Rows that go: acknowledged, refused or dropped."""
    dead: list[Dead] = field(default_factory=list)
    documents: dict[tuple[str, str], bytes | None] = field(default_factory=dict)
    """By machine and kind; None deletes."""
    states: dict[str, str] = field(default_factory=dict)
    audit: list[Audited] = field(default_factory=list)

    @property
    def urgent(self) -> bool:
        """True when losing it in a power cut would lose more than a deletion, which only sends a row twice."""
        return bool(self.rows or self.dead or self.documents or self.states or self.audit)
