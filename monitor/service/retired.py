"""Machines that are watched no more: what they left at the broker goes, and of an alarm that stood an event tells."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any, Final

import structlog

from monitor.detect.alarm import AlarmEvent
from monitor.detect.alarm_state import AlarmState
from monitor.detect.kinds import MACHINE_KINDS, AlarmKind
from monitor.detect.life import Life
from monitor.publish.outbox import Outbox
from monitor.publish.topics import Topics
from monitor.service.book import News, life_key
from monitor.service.memory import keys_of
from monitor.service.reports import Reporter

_log = structlog.get_logger(__name__)

STATE_KEY: Final = "retired"
"""Where their names are kept: a broker that was not there when they went must still be told."""


def retire(outbox: Outbox, machines: Collection[str], reporter: Reporter, now_s: float) -> tuple[str, ...]:
    """Forget the machines that were watched once and are not any more.

    An alarm that stood ends with a `removed` event, so that nobody waits for its end for ever.

    Args:
        outbox: open; keeps what is known of them.
        machines: that are watched now.
        reporter: makes the events.
        now_s: the wall clock, UTC, POSIX seconds.

    Returns:
        All that have ever gone and not come back, whose topics are to be empty at the broker.
    """
    kept = outbox.states().get(STATE_KEY)
    before = {str(name) for name in kept} if isinstance(kept, list) else set()
    documents = {key: payload for key, payload in outbox.documents().items() if key[0] and key[0] not in machines}
    gone = sorted((before | {machine for machine, _ in documents}) - set(machines))
    if not documents and set(gone) == before:
        return tuple(gone)
    events = [
        reporter.event(_removal(machine, AlarmKind(kind), json.loads(payload), now_s), None, now_s)
        for (machine, kind), payload in documents.items()
        if kind in list(MACHINE_KINDS) and _stands(json.loads(payload))
    ]
    names = {machine for machine, _ in documents}
    forgotten: dict[str, Any] = {key: None for machine in names for key in keys_of(machine)}
    forgotten |= {life_key((machine, kind)): None for machine in names for kind in MACHINE_KINDS}
    outbox.append(events, states={**forgotten, STATE_KEY: gone}, gone=tuple(documents))
    for machine in sorted(names):
        _log.info("machine is watched no more", machine=machine)
    return tuple(gone)


def topics_of(machine: str, topics: Topics) -> tuple[str, ...]:
    """Everything that is retained of one machine."""
    return (topics.availability(machine), *(topics.alarm(machine, kind) for kind in MACHINE_KINDS))


def _stands(document: Mapping[str, Any]) -> bool:
    return bool(document.get("state") != "normal" or document.get("level") != "normal")


def _removal(machine: str, kind: AlarmKind, document: Mapping[str, Any], now_s: float) -> News:
    condition = AlarmState(machine, kind, alarm_id=document.get("alarm_id"), cleared_at_s=now_s)
    why = "the machine is not in the configuration any more"
    return News(condition, Life(alarm_id=condition.alarm_id), AlarmEvent.REMOVED, now_s, reason=why)
