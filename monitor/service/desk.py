"""The alarm desk: what happens to an alarm goes into the book, and what follows goes out, in one transaction."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

import structlog

from monitor.detect import kpi
from monitor.detect.alarm import AlarmEvent
from monitor.detect.alarm_state import AlarmState
from monitor.detect.life import Life, SuppressedBy
from monitor.detect.lifecycle import Order, OrderRefusedError, Verb
from monitor.publish.commands import (
    Command,
    CommandRefusedError,
    Response,
    ShelveCommand,
    claimed,
    command_id,
    read_command,
)
from monitor.publish.inbox import Incoming
from monitor.publish.messages import Alarm, Event, Payload
from monitor.publish.rows import Audited
from monitor.service.answered import Answered
from monitor.service.book import AlarmBook, Key, News, name_of
from monitor.service.machines import Watched
from monitor.service.reports import Reporter
from monitor.service.sentences import sentence

_log = structlog.get_logger(__name__)

TICK_S: Final = 1.0
"""How often the passing of time is looked at: nobody shelves an alarm to the tenth of a second."""
_NEVER: Final = Life()


class Outlet(Protocol):
    """Where news goes, and commands come from: the MQTT publisher."""

    def publish_events(
        self,
        events: Sequence[Event],
        alarms: Sequence[Alarm] = (),
        states: Mapping[str, Any] | None = None,
        audit: Sequence[Audited] = (),
    ) -> tuple[Event, ...]:
        """Write events, alarm documents, states and audit trail durably, then have them sent."""
        ...

    def send(self, payload: Payload) -> None:
        """Send a payload that is not an event."""
        ...

    def commands(self) -> list[Incoming]:
        """The commands that have come since the last time."""
        ...

    def answer(self, incoming: Incoming, response: Response) -> None:
        """Answer one of them."""
        ...

    @property
    def connected(self) -> bool:
        """Whether the broker can be reached now."""
        ...

    def troubles(self) -> Sequence[str]:
        """Why messages do not reach the broker, in words; nothing while they do."""
        ...


class Desk:
    """Lives on the inference thread.

    Args:
        book: the alarms.
        watched: the machines with their models, as they are now.
        reporter: makes the payloads.
        outlet: takes them.
        kept: states of an earlier run, by key.
        clock: the wall clock, UTC, POSIX seconds.
    """

    def __init__(
        self,
        book: AlarmBook,
        watched: Mapping[str, Watched],
        reporter: Reporter,
        outlet: Outlet,
        kept: Mapping[str, Any],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._book = book
        self._watched = watched
        self._reporter = reporter
        self._outlet = outlet
        self._clock = clock
        self._ticked_s = 0.0
        self._answered = Answered(kept)

    def announce(self) -> None:
        """Say how every alarm stands that has never been told of."""
        now_s = self._clock()
        quiet = [
            self._reporter.quiet_alarm(*key, now_s) for key in self._book.keys if self._book.life(key).alarm_id is None
        ]
        self._outlet.publish_events((), [alarm for alarm in quiet if self._book.life(_key(alarm)) == _NEVER])

    def conditions(
        self, changes: Sequence[tuple[AlarmState, AlarmEvent, str | None]], sound_s: float, states: Mapping[str, Any]
    ) -> None:
        """Alarms of one machine have changed their condition.

        Args:
            changes: condition after it, what happened, and the sound kept of it.
            sound_s: end of the window that decided, UTC, POSIX seconds.
            states: the detector's, kept in the same transaction.
        """
        now_s = self._clock()
        news = [one for each in changes for one in self._book.condition(*each, sound_s, now_s)]
        self._tell(news, now_s, states)

    def suppress(self, machine: str, by: SuppressedBy, *, on: bool) -> None:
        """A reason for the machine's alarm to be silent by design holds, or holds no more."""
        now_s = self._clock()
        self._tell(self._book.suppress(machine, by, now_s, on=on), now_s)

    def running(self, machine: str, why_not: SuppressedBy | None) -> None:
        """Whether the machine runs."""
        for by in (SuppressedBy.MACHINE_OFF, SuppressedBy.START_UP):
            self.suppress(machine, by, on=by is why_not)

    def turn(self, sound_s: float) -> None:
        """Let time pass, and carry out the commands that have come."""
        now_s = self._clock()
        if abs(now_s - self._ticked_s) >= TICK_S:
            self._ticked_s = now_s
            self._tell(self._book.tick(sound_s, now_s), now_s)
            outlet = self._outlet
            self._tell(self._book.deliver(outlet.troubles(), now_s, connected=outlet.connected), now_s)
        for incoming in self._outlet.commands():
            self._outlet.answer(incoming, self._answer(incoming, self._clock()))

    def tell_kpi(self) -> None:
        """Publish the figures."""
        now_s = self._clock()
        alarms = [(self._book.alarm(key), self._book.life(key)) for key in self._book.keys]
        self._outlet.send(self._reporter.kpi(kpi.figures(self._book.kpi, now_s), alarms, now_s))

    def _tell(
        self,
        news: Sequence[News],
        now_s: float,
        states: Mapping[str, Any] | None = None,
        audit: Sequence[Audited] = (),
    ) -> None:
        states = {**(states or {}), **self._book.changed_states()}
        if not (news or states or audit):
            return
        events = [self._reporter.event(each, self._watched.get(each.key[0]), now_s) for each in news]
        latest = {each.key: each for each in news}  # one document an alarm: how it stands after all of it
        alarms = [self._reporter.alarm(each, self._watched.get(each.key[0]), now_s) for each in latest.values()]
        for each in news:
            loud = (
                each.life.active and not each.life.suppressed_or_shelved and each.event is not AlarmEvent.ACKNOWLEDGED
            )
            log = _log.warning if loud else _log.info
            log(sentence(each), machine=each.key[0], kind=each.key[1].value, event_kind=each.event.value)
        self._outlet.publish_events(events, alarms, states, audit)

    # --- commands

    def _answer(self, incoming: Incoming, now_s: float) -> Response:
        known = command_id(incoming.payload)
        command: Command | None = None
        try:
            command = self._read(incoming, now_s)
            if known is not None and known in self._answered:
                return self._response(incoming.verb, command, now_s, known, self._answered.refusal(known))
            self._carry_out(Verb(incoming.verb), command, now_s)
        except (CommandRefusedError, OrderRefusedError) as refusal:
            _log.warning("command refused", verb=incoming.verb, reason=str(refusal))
            states = {} if incoming.retained else self._answered.note(known, str(refusal))
            # who sent it, and for what, is noted even where it makes no command
            said = claimed(incoming.payload) if command is None else _said(command)
            self._tell((), now_s, states, [_audited(incoming.verb, said, None, str(refusal), now_s)])
            return self._response(incoming.verb, command, now_s, known, refusal=str(refusal))
        return self._response(incoming.verb, command, now_s, known)

    def _read(self, incoming: Incoming, now_s: float) -> Command:
        """The command.

        Raises:
            CommandRefusedError: it cannot be read, is too old, or names an alarm that there is not.
        """
        if incoming.retained:
            raise CommandRefusedError("a retained command would come again at every connect: publish it without retain")
        if incoming.expires_s is not None and time.monotonic() > incoming.expires_s:
            raise CommandRefusedError("it has expired")
        command = read_command(incoming.verb, incoming.payload)
        if command.expires_at is not None and now_s > command.expires_at:
            raise CommandRefusedError(f"it has expired at {command.expires_at.rfc3339()}")
        if _key(command) not in self._book.keys:
            known = ", ".join(name_of(key) for key in self._book.keys)
            raise CommandRefusedError(f"there is no alarm {name_of(_key(command))!r}; there are {known}")
        return command

    def _carry_out(self, verb: Verb, command: Command, now_s: float) -> None:
        key = _key(command)
        until_s = now_s + command.duration_s if isinstance(command, ShelveCommand) else None
        news = self._book.order(key, Order(verb, command.alarm_id, until_s), command.by, command.reason, now_s)
        done = _audited(verb, _said(command), self._book.life(key).alarm_id, "", now_s)
        self._tell(news, now_s, self._answered.note(command.id, None), [done])

    def _response(
        self,
        verb: str,
        command: Command | None,
        now_s: float,
        known: str | None,
        refusal: str | None = None,
    ) -> Response:
        there = command is not None and _key(command) in self._book.keys
        life = self._book.life(_key(command)) if command is not None and there else None
        return self._reporter.response(verb, command, life, now_s, known, refusal)


def _key(record: Command | Alarm) -> Key:
    return record.machine or "", record.kind


def _said(command: Command) -> dict[str, str]:
    """What `claimed` gives, of a command."""
    return {
        "by": command.by,
        "machine": command.machine or "",
        "kind": command.kind,
        "reason": command.reason or "",
    }


def _audited(verb: str, said: Mapping[str, str], alarm_id: str | None, refusal: str, now_s: float) -> Audited:
    return Audited(
        at_s=now_s,
        by=said.get("by", ""),
        verb=verb[:100],  # that of a refused one may be anything
        machine=said.get("machine", ""),
        kind=said.get("kind", ""),
        alarm_id=alarm_id or "",
        accepted=not refusal,
        reason=said.get("reason", ""),
        answer=refusal,
    )
