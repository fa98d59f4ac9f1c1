"""What the daemon itself knows: which alarms stand, and when each machine was heard last; read from its database."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from monitor.config import Config
from monitor.detect.alarm import AlarmEvent
from monitor.detect.kinds import MACHINE_KINDS, NODE_KINDS, AlarmKind
from monitor.detect.life import SuppressedBy
from monitor.doctor.database import reading
from monitor.doctor.finding import Finding, fail, note, ok
from monitor.publish.encoding import Utc

HOPS = 3.0
"""Windows that may be missing without a word: one that was lost, and one that is being judged."""
DEAFENING = (AlarmKind.MICROPHONE, AlarmKind.DELIVERY)
"""While one of these stands, no alarm of the machine is made, or none of the node is sent."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is written in the database."""

    documents: Mapping[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)
    """The document of each alarm by machine (empty: of the node) and kind."""
    judged_s: Mapping[str, float] = field(default_factory=dict)
    """End of the last window of each calibrated machine, UTC, POSIX seconds; up to `health_s` older than the truth."""


def read(path: Path, *, running: bool | None) -> Known:
    """What the database at ``path`` says; nothing where there is none.

    Args:
        path: of the database.
        running: whether a daemon has it open; None when that cannot be told.

    Raises:
        OSError: it is not for this user.
        sqlite3.Error: it cannot be read.
        ValueError: what is written in it is not of this version.
    """
    if not path.exists():
        return Known()
    with reading(path, running=running) as connection:
        rows = connection.execute("SELECT machine, kind, payload FROM documents").fetchall()
        states = connection.execute("SELECT key, value FROM states WHERE key LIKE 'detector/%'").fetchall()
    judged = {str(key).partition("/")[2]: _judged_s(json.loads(value)) for key, value in states}
    return Known(
        {(str(machine), str(kind)): json.loads(payload) for machine, kind, payload in rows},
        {machine: last_s for machine, last_s in judged.items() if last_s is not None},
    )


def _judged_s(state: Any) -> float | None:  # noqa: ANN401  whatever was kept as JSON
    rolling = state.get("rolling") if isinstance(state, Mapping) else None
    last_s = rolling.get("last_s") if isinstance(rolling, Mapping) else None
    return last_s if isinstance(last_s, float) else None


def machine_finding(known: Known, config: Config, machine: str, now_s: float, *, running: bool) -> Finding:
    """How the machine's alarms stand, as a finding.

    Args:
        known: from the database.
        config: says how often it is judged, and how often that is written down.
        machine: its id.
        now_s: the wall clock, UTC, POSIX seconds.
        running: whether the daemon that wrote it listens now; otherwise all of it is of the past.
    """
    name = f"{machine} alarms"
    found = {kind: known.documents[machine, kind] for kind in MACHINE_KINDS if (machine, kind) in known.documents}
    if not found:
        remedy = "sudo systemctl reload monitor, if it was added to the configuration since" if running else ""
        return note(name, "the daemon has not listened to it yet", remedy)
    judged_s = known.judged_s.get(machine)
    judged = "" if judged_s is None else f"its last window ended at {Utc(judged_s).rfc3339()}"
    told = _standing(found)
    late = config.window_s + HOPS * config.hop_s + 2 * config.health_s
    if not running:
        return note(name, "; ".join(["when the daemon ended: " + (told or "none stood"), *filter(None, [judged])]))
    detail = "; ".join(filter(None, [told or "none stands", judged]))
    if AlarmKind.MICROPHONE in found and found[AlarmKind.MICROPHONE].get("active"):
        remedy = f"look after its microphone; monitor listen {machine} shows what it hears, while the daemon is stopped"
        return fail(name, detail, remedy)
    if told:
        return note(name, detail, "monitor alarms list")
    if judged_s is not None and now_s - judged_s > late:
        return note(name, f"{detail}, nothing since", "has its recording ended? monitor alarms list; the daemon's log")
    return ok(name, detail)


def node_finding(known: Known) -> Finding | None:
    """The alarms of the node that stand, as a finding; None when there are none."""
    found = {kind: known.documents["", kind] for kind in NODE_KINDS if ("", kind) in known.documents}
    told = _standing(found)
    if not told:
        return None
    if any(found[kind].get("active") for kind in DEAFENING if kind in found):
        return fail("node alarms", told, "see `broker` below")
    return note("node alarms", told, "monitor alarms list")


def _standing(documents: Mapping[AlarmKind, Mapping[str, Any]]) -> str:
    """The alarms that are raised or kept silent by people, in words."""
    told = []
    for kind, document in documents.items():
        silent = "" if _by_itself(document) else f" ({document.get('state')})"
        if document.get("active"):
            why = _why(document)
            told.append(f"{kind} alarm since {document.get('raised_at')}{silent}{': ' + why if why else ''}")
        elif silent:
            told.append(f"{kind} alarm silenced{silent}")
    return "; ".join(told)


def _by_itself(document: Mapping[str, Any]) -> bool:
    """Whether nobody has silenced it: what the daemon does by design ends by itself."""
    if not document.get("suppressed_or_shelved"):
        return True
    by_people = document.get("out_of_service") or document.get("shelved_until")
    return not by_people and document.get("suppressed_by") != SuppressedBy.MAINTENANCE


def _why(document: Mapping[str, Any]) -> str:
    findings = document.get("findings") or ()
    told = ", ".join(str(found.get("detail") or found.get("fault")) for found in findings)
    # What an alarm of the node said as it was raised; that somebody has taken note of it says nothing of the cause.
    return told or str(document.get("detail") or "").partition(f"{AlarmEvent.RAISED}; ")[2]
