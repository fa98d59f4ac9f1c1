"""Commands that come in and the answers that go out: their records, and how a payload is read or refused.

Unlike what goes out, a command is held to its record strictly: a key that is not known is refused, because a misspelt
`duration_s` must not become a shelf of some other length.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, ClassVar, Final, TypeGuard

from monitor.detect.kinds import NODE_KINDS, AlarmKind
from monitor.detect.life import Standing
from monitor.detect.lifecycle import LONGEST_SHELF_S, Verb
from monitor.publish.encoding import Utc
from monitor.publish.messages import Payload
from monitor.publish.topics import Topics

LARGEST: Final = 16 * 1024
"""Bytes of a command: twenty times what the longest sensible one has."""
LONGEST_TEXT: Final = 500
"""Characters of a text in a command: it is kept for years in the audit trail."""


class CommandRefusedError(Exception):
    """A command cannot be taken; its text is the reason that the answer gives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What a person tells one alarm to do."""

    machine: Annotated[str | None, "The machine whose alarm is meant; null for an alarm of the node."] = None
    kind: Annotated[AlarmKind, "The alarm that is meant."] = AlarmKind.ANOMALY
    alarm_id: Annotated[str | None, "Only if this is still the present alarm; null for whichever it is."] = None
    by: Annotated[str, "Who gives the command.", {"minLength": 1, "maxLength": LONGEST_TEXT}]
    reason: Annotated[str | None, "Why."] = None
    id: Annotated[str | None, "Of this command: one that comes twice is carried out once, and the answer has it."] = (
        None
    )
    expires_at: Annotated[Utc | None, "After this it is refused."] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedCommand(Command):
    """A command that silences; the next shift will ask why."""

    reason: Annotated[str, "Why.", {"minLength": 1, "maxLength": LONGEST_TEXT}]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShelveCommand(ExplainedCommand):
    """Silence for a time."""

    duration_s: Annotated[
        float,
        "For how long, seconds from now; up to 12 h.",
        {"type": "number", "exclusiveMinimum": 0, "maximum": LONGEST_SHELF_S},
    ]


COMMANDS: Final[dict[Verb, type[Command]]] = {
    Verb.ACKNOWLEDGE: Command,
    Verb.SHELVE: ShelveCommand,
    Verb.UNSHELVE: Command,
    Verb.SUPPRESS: ExplainedCommand,
    Verb.UNSUPPRESS: Command,
    Verb.OUT_OF_SERVICE: ExplainedCommand,
    Verb.IN_SERVICE: Command,
    Verb.RESET: Command,
}
"""The record of each verb."""

MEANINGS: Final[dict[Verb, str]] = {
    Verb.ACKNOWLEDGE: "Someone has taken note of the alarm.",
    Verb.SHELVE: "Silence the alarm for a time.",
    Verb.UNSHELVE: "End the shelf before its time.",
    Verb.SUPPRESS: "Silence the alarm during maintenance, until `unsuppress`.",
    Verb.UNSUPPRESS: "End what `suppress` began.",
    Verb.OUT_OF_SERVICE: "Silence the alarm until `in-service`.",
    Verb.IN_SERVICE: "Bring the alarm back into service.",
    Verb.RESET: "Release the latch of an alarm that is over and acknowledged.",
}
"""What each verb does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Response(Payload):
    """The answer to a command: on `response/<verb>`, or where the command's MQTT 5 response topic says."""

    name: ClassVar[str] = "response"
    retain: ClassVar[bool] = False

    verb: Annotated[str, "What was commanded."]
    command_id: Annotated[str | None, "The command's own id; null when it had none or could not be read."] = None
    accepted: Annotated[bool, "True when it was carried out, or held already."]
    reason: Annotated[str | None, "Why it was refused."] = None
    machine: Annotated[str | None, "Name of the machine; null when it is about the node or could not be read."] = None
    kind: Annotated[AlarmKind | None, "What the alarm is about; null when the command could not be read."] = None
    alarm_id: Annotated[str | None, "The present alarm."] = None
    state: Annotated[Standing | None, "Where the alarm stands now."] = None
    shelved_until: Annotated[Utc | None, "End of the shelf."] = None

    def topic(self, topics: Topics) -> str:
        """The topic of this payload under ``topics``."""
        return topics.response(self.verb)


def read_command(verb: str, payload: bytes) -> Command:
    """The command in a payload.

    Raises:
        CommandRefusedError: it cannot be read; names the key, the value and what is allowed.
    """
    if verb not in list(Verb):
        raise CommandRefusedError(f"unknown command {verb!r}; allowed {', '.join(Verb)}")
    record = COMMANDS[Verb(verb)]
    data = _object(payload)
    known = {field.name: field for field in dataclasses.fields(record)}
    for key in data:
        if key not in known:
            raise CommandRefusedError(f"unknown key {key!r}; allowed {', '.join(known)}")
    for name, field in known.items():
        if field.default is dataclasses.MISSING and data.get(name) is None:
            raise CommandRefusedError(f"key {name!r} is missing")
    values = {key: _READERS[key](key, value) for key, value in data.items() if value is not None}
    command = record(**values)
    if (command.machine is None) is not (command.kind in NODE_KINDS):
        raise CommandRefusedError(
            f"key 'machine' is missing; only {', '.join(NODE_KINDS)} are of the node"
            if command.machine is None
            else f"{command.kind} is an alarm of the node: leave out key 'machine'"
        )
    return command


def command_id(payload: bytes) -> str | None:
    """The id of a command, even of one that cannot be taken, so that its sender knows the answer."""
    try:
        found = _object(payload).get("id")
    except CommandRefusedError:
        return None
    return found if _is_text(found) else None


def claimed(payload: bytes) -> dict[str, str]:
    """What a command that cannot be taken still says: `by`, `machine`, `kind` and `reason`, each where it is text."""
    try:
        data = _object(payload)
    except CommandRefusedError:
        return {}
    told = {"kind": AlarmKind.ANOMALY.value, **data} if "machine" in data else data
    return {key: told[key] for key in ("by", "machine", "kind", "reason") if _is_text(told.get(key))}


def _object(payload: bytes) -> dict[str, Any]:
    if len(payload) > LARGEST:
        raise CommandRefusedError(f"{len(payload)} bytes; allowed up to {LARGEST}")
    try:
        data = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise CommandRefusedError(f"no JSON: {error}") from error
    if not isinstance(data, dict):
        raise CommandRefusedError("not a JSON object")
    return data


def _is_text(value: object) -> TypeGuard[str]:
    """Whether it may be kept and repeated; half of a surrogate pair, which JSON can say, is not printable."""
    return isinstance(value, str) and bool(value.strip()) and len(value) <= LONGEST_TEXT and value.isprintable()


def _text(key: str, value: object) -> str:
    if not _is_text(value):
        raise CommandRefusedError(f"key {key!r} is {_shown(value)}, expected text of 1 to {LONGEST_TEXT} characters")
    return value


def _kind(key: str, value: object) -> AlarmKind:
    if not isinstance(value, str) or value not in list(AlarmKind):
        raise CommandRefusedError(f"key {key!r} is {_shown(value)}, expected one of {', '.join(AlarmKind)}")
    return AlarmKind(value)


def _seconds(key: str, value: Any) -> float:  # noqa: ANN401  whatever JSON gives
    # Compared before it is converted: an integer of 400 digits is no float. NaN is in no range.
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 < value <= LONGEST_SHELF_S:
        raise CommandRefusedError(
            f"key {key!r} is {_shown(value)}, expected seconds over 0 and up to {LONGEST_SHELF_S:.0f} (12 h)"
        )
    return float(value)


def _time(key: str, value: object) -> Utc:
    try:
        moment = datetime.fromisoformat(value if isinstance(value, str) else "")
        if moment.tzinfo is None:
            raise ValueError("it has no time zone")
        return Utc(moment.timestamp())
    except (ValueError, OverflowError) as error:
        raise CommandRefusedError(
            f"key {key!r} is {_shown(value)}, expected a time such as 2026-03-01T12:00:00Z: {error}"
        ) from error


def _shown(value: object) -> str:
    try:
        text = repr(value)
    except RecursionError:  # nested just not too deeply to be read
        return "a deeply nested list or object"
    return text if len(text) <= 60 else f"{text[:57]}..."


_READERS: Final[dict[str, Any]] = {
    "machine": _text,
    "kind": _kind,
    "alarm_id": _text,
    "by": _text,
    "reason": _text,
    "id": _text,
    "expires_at": _time,
    "duration_s": _seconds,
}
