"""What an independent subscriber received, held against what the node says that it sent."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jsonschema

from monitor.publish.schema import schemas
from tests.broker import Listener
from tests.drill.node import TOPICS

SCHEMAS = {name.removesuffix(".json"): jsonschema.Draft202012Validator(found) for name, found in schemas().items()}


@dataclass(frozen=True)
class Account:
    """One drill's outcome."""

    sent: int
    """Events that the node numbered."""
    received: int
    """Different ones."""
    lost: int
    """Numbers that never came and that nothing accounts for."""
    dead: int
    """Refused by the broker, and kept as dead letters."""
    out_of_order: int
    duplicates: int
    """After de-duplication by id: one number under two ids, or one id with two contents."""
    repeats: int
    """Before it."""
    invalid: int
    """Messages of any topic that do not fit the shipped schemas."""
    false: int
    """Events that the ones before contradict, such as a second raise; and alarms whose document at the end is not that
    of their last event."""
    seen: tuple[str, ...]
    """How the outage shows: events about delivery, and how often `status` said offline."""

    @property
    def good(self) -> bool:
        """Whether nothing is lost, out of order, double, invalid or false."""
        wrong = self.lost or self.out_of_order or self.duplicates or self.invalid or self.false
        return not wrong and self.sent > 0


def settle(listener: Listener, report: dict[str, Any]) -> Account:
    """The account, from everything that was received and the node's last words."""
    contents: dict[str, bytes] = {}
    first: list[dict[str, Any]] = []
    duplicates = 0
    events = listener.on(TOPICS.event)
    for message in events:
        document = message.json
        known = contents.setdefault(document["id"], message.payload)
        duplicates += known != message.payload
        if known is message.payload:
            first.append(document)
    seqs = [each["seq"] for each in first]
    duplicates += len(seqs) - len(set(seqs))
    ours = [each["alarm_id"] for each in first if each["kind"] == "anomaly"]
    dead = set(report["dead"])
    missing = set(range(1, report["last_seq"] + 1)) - set(seqs) - dead
    # Each of the node's own numbers once, whatever the outbox counts: nothing was forgotten or done twice at a kill.
    unnamed = report["number"] - len(set(ours)) - len(dead)
    told = sorted({each["event"] for each in first if each["kind"] == "delivery"})
    offline = sum(message.json["state"] == "offline" for message in listener.on(TOPICS.status))
    return Account(
        sent=report["last_seq"],
        received=len(first),
        lost=max(len(missing), unnamed if not dead else 0),
        dead=len(dead),
        out_of_order=sum(later < earlier for earlier, later in itertools.pairwise(seqs)),
        duplicates=duplicates,
        repeats=len(events) - len(first),
        invalid=sum(not _fits(message.topic, message.payload) for message in listener.messages if message.payload),
        false=(0 if dead else contradictions(first)) + stale_documents(listener, first),
        seen=(*told, f"{offline} x offline"),
    )


def contradictions(events: Sequence[Mapping[str, Any]]) -> int:
    """How many events of machines cannot follow those before: a kill must repeat no transition, and undo none."""
    levels: dict[tuple[str, str], str] = {}
    shelved: set[tuple[str, str]] = set()
    found = 0
    for each in events:
        key, event = (each["machine"] or "", each["kind"]), each["event"]
        if event in {"warning", "raised"}:
            found += levels.get(key, "cleared") not in {"warning": {"cleared"}, "raised": {"cleared", "warning"}}[event]
            levels[key] = event
        elif event == "cleared":
            found += levels.get(key, "cleared") == "cleared"
            levels[key] = event
        elif event == "shelved":
            shelved.add(key)
        elif event == "unshelved":
            found += key not in shelved
            shelved.discard(key)
    return found


def stale_documents(listener: Listener, events: Sequence[Mapping[str, Any]]) -> int:
    """How many machines' alarms have a last document that does not carry the number of their last event."""
    last = {(each["machine"] or "", each["kind"]): each["seq"] for each in events if each["machine"] is not None}
    documents = {key: listener.last(TOPICS.alarm(*key)) for key in last}
    return sum(document is None or document.json["seq"] != last[key] for key, document in documents.items())


def _fits(topic: str, payload: bytes) -> bool:
    parts = topic.removeprefix(f"{TOPICS.base}/").split("/")
    name = parts[2] if parts[0] == "machine" else "-".join(parts[: 2 if parts[0] == "command" else 1])
    return bool(SCHEMAS[name].is_valid(json.loads(payload)))
