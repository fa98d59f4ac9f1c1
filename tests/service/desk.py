"""A desk over a real state database and no broker, for tests: commands in, what goes out collected."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from monitor.detect.alarm import AlarmEvent
from monitor.detect.alarm_state import AlarmLevel, AlarmState
from monitor.detect.kinds import MACHINE_KINDS, AlarmKind
from monitor.publish.commands import Response
from monitor.publish.inbox import Incoming
from monitor.publish.messages import Alarm, Event, Payload
from monitor.publish.outbox import Outbox
from monitor.publish.rows import Audited
from monitor.service.book import AlarmBook
from monitor.service.desk import Desk
from monitor.service.reports import Reporter

T = 1_760_000_000.0
MACHINES = ("fan-1", "fan-2", "pump-1", "pump-2")
REPORTER = Reporter("pc1", 10.0, 10.0, "cpu", "0.1.0", T)


class Collecting:
    """An outlet of the desk: what goes out is written to a real outbox and collected, what comes in is handed in."""

    outbox: Outbox

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.alarms: dict[tuple[str | None, AlarmKind], Alarm] = {}
        self.sent: list[Payload] = []
        self.waiting: list[Incoming] = []
        self.answers: list[Response] = []
        self.trouble: tuple[str, ...] = ()
        self.connected = True

    def publish_events(
        self,
        events: Sequence[Event],
        alarms: Sequence[Alarm] = (),
        states: Mapping[str, Any] | None = None,
        audit: Sequence[Audited] = (),
    ) -> tuple[Event, ...]:
        numbered, documents = self.outbox.append(events, alarms, states, audit)
        self.events += numbered
        self.alarms |= {(each.machine, each.kind): each for each in documents}
        return numbered

    def send(self, payload: Payload) -> None:
        self.sent.append(payload)

    def commands(self) -> list[Incoming]:
        taken, self.waiting = self.waiting, []
        return taken

    def answer(self, incoming: Incoming, response: Response) -> None:
        assert incoming.answer_on
        self.answers.append(response)

    def troubles(self) -> Sequence[str]:
        return self.trouble


class Plant(Collecting):
    """A desk over a real state database."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.now_s = T
        self.path = folder / "state.db"
        self.conditions = {(machine, kind): AlarmState(machine, kind) for machine in MACHINES for kind in MACHINE_KINDS}
        self.ids = itertools.count(1)
        self.start()

    def start(self) -> None:
        self.outbox = Outbox(self.path, "pc1", clock=lambda: self.now_s)
        self.outbox.open()
        self.book = AlarmBook(self.conditions, self.outbox.states(), self.now_s)
        self.desk = Desk(self.book, {}, REPORTER, self, self.outbox.states(), lambda: self.now_s)
        self.desk.announce()

    def restart(self) -> None:
        self.outbox.close()
        self.start()

    # --- what happens

    def condition(self, machine: str, event: AlarmEvent) -> None:
        key = machine, AlarmKind.ANOMALY
        level = AlarmLevel.ALARM if event is AlarmEvent.RAISED else AlarmLevel.NORMAL
        alarm_id = f"{machine}-{next(self.ids)}" if event is AlarmEvent.RAISED else self.conditions[key].alarm_id
        self.conditions[key] = replace(self.conditions[key], level=level, alarm_id=alarm_id, raised_at_s=self.now_s)
        self.desk.conditions([(self.conditions[key], event, "clip.flac")], self.now_s, {})

    def say(self, verb: str, *, retained: bool = False, expires_s: float | None = None, **fields: object) -> Response:
        payload = json.dumps({"by": "anna", "machine": "fan-1", **fields}).encode()
        self.waiting.append(Incoming(verb, payload, retained, f"x/{verb}", None, expires_s))
        self.desk.turn(self.now_s)
        return self.answers[-1]

    def happened(self) -> list[tuple[str | None, str]]:
        return [(each.machine, str(each.event)) for each in self.events]
