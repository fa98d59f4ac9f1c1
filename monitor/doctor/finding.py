"""What a check has found, and how a person and a program read it; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

State: TypeAlias = Literal["ok", "note", "FAIL"]
"""As it should be; worth knowing, or not to be known from here; keeps alarms from being made or sent."""

STATES: tuple[State, ...] = ("ok", "note", "FAIL")


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check."""

    name: str
    """What was looked at, in a word or two."""
    state: State
    detail: str
    """What was found."""
    remedy: str = ""
    """What to do about it; empty where there is nothing to do."""


def ok(name: str, detail: str) -> Finding:
    """All is as it should be."""
    return Finding(name, "ok", detail)


def note(name: str, detail: str, remedy: str = "") -> Finding:
    """Worth knowing, but no reason for alarms not to come."""
    return Finding(name, "note", detail, remedy)


def fail(name: str, detail: str, remedy: str = "") -> Finding:
    """A reason for alarms not to come."""
    return Finding(name, "FAIL", detail, remedy)


def line(finding: Finding) -> str:
    """One line for a person: the state first, so that the eye runs down one column."""
    remedy = f" -> {_flat(finding.remedy)}" if finding.remedy else ""
    return f"{finding.state:<4}  {finding.name}: {_flat(finding.detail)}{remedy}"


def summary(findings: Sequence[Finding]) -> str:
    """How many of each state."""
    counts = {state: sum(finding.state == state for finding in findings) for state in STATES}
    return f"{len(findings)} checks: {counts['FAIL']} FAIL, {counts['note']} note, {counts['ok']} ok"


def document(findings: Sequence[Finding]) -> dict[str, Any]:
    """All of them for a program, JSON-ready."""
    checks = [
        {"name": each.name, "state": each.state, "detail": each.detail, "remedy": each.remedy or None}
        for each in findings
    ]
    return {"ok": not failed(findings), "checks": checks}


def failed(findings: Sequence[Finding]) -> bool:
    """Whether one of them is a failure."""
    return any(finding.state == "FAIL" for finding in findings)


def _flat(text: str) -> str:
    return " ".join(text.split())
