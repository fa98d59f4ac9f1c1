"""Commands are read strictly; whatever else comes is refused with a reason."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.detect.kinds import AlarmKind
from monitor.detect.lifecycle import Verb
from monitor.publish.commands import COMMANDS, Command, CommandRefusedError, ShelveCommand, command_id, read_command
from monitor.publish.schema import schemas
from monitor.publish.topics import Topics

SHELVE = {"machine": "fan-1", "by": "anna", "reason": "ordered", "duration_s": 600}


def read(verb: str, data: object) -> Command:
    return read_command(verb, json.dumps(data).encode())


def test_a_shelf_is_read_with_its_length_its_reason_and_who() -> None:
    command = read("shelve", SHELVE)
    assert isinstance(command, ShelveCommand)
    assert (command.machine, command.kind, command.by, command.duration_s) == ("fan-1", AlarmKind.ANOMALY, "anna", 600)


@pytest.mark.parametrize(
    ("verb", "change", "said"),
    [
        ("shelve", {"duration_s": None}, "'duration_s' is missing"),
        ("shelve", {"duration_s": 43_201}, "over 0 and up to 43200"),
        ("shelve", {"duration_s": "600"}, "expected seconds"),
        ("shelve", {"duration_s": True}, "expected seconds"),
        ("shelve", {"duration_s": 10**400}, "expected seconds"),
        ("shelve", {"duration_s": -(10**400)}, "expected seconds"),
        ("shelve", {"duration_s": float("nan")}, "expected seconds"),
        ("shelve", {"by": "\ud800"}, "expected text"),
        ("shelve", {"minutes": 10}, "unknown key 'minutes'"),
        ("shelve", {"reason": " "}, "expected text"),
        ("shelve", {"reason": None}, "'reason' is missing"),
        ("shelve", {"by": None}, "'by' is missing"),
        ("shelve", {"by": "a\nb"}, "expected text"),
        ("shelve", {"kind": "noise"}, "expected one of anomaly"),
        ("shelve", {"kind": "flood"}, "alarm of the node"),
        ("shelve", {"machine": None}, "'machine' is missing"),
        ("shelve", {"expires_at": "tomorrow"}, "expected a time"),
        ("shelve", {"expires_at": "2026-03-01T12:00:00"}, "no time zone"),
        ("acknowledge", {}, "unknown key 'duration_s'"),
        ("explode", {}, "unknown command 'explode'"),
    ],
)
def test_what_is_wrong_is_named(verb: str, change: dict[str, object], said: str) -> None:
    with pytest.raises(CommandRefusedError, match=said):
        read(verb, SHELVE | change)


@pytest.mark.parametrize("payload", [b"", b"acknowledge", b"[]", b'{"by"', b"\xff\xfe", b"[" * 9000, b" " * 20_000])
def test_what_is_no_json_object_is_refused(payload: bytes) -> None:
    with pytest.raises(CommandRefusedError):
        read_command("acknowledge", payload)
    assert command_id(payload) is None


def test_an_alarm_of_the_node_is_acknowledged_without_a_machine() -> None:
    assert read("acknowledge", {"kind": "flood", "by": "anna"}).machine is None


def test_the_id_of_a_command_that_cannot_be_taken_is_known() -> None:
    assert command_id(b'{"id": "17", "nonsense": 1}') == "17"


@pytest.mark.parametrize("found", ['"\\ud800"', '"a\\nb"', '" "', f'"{"7" * 501}"', "17", "[]"])
def test_an_id_that_cannot_be_repeated_on_the_wire_is_none(found: str) -> None:
    assert command_id(f'{{"id": {found}}}'.encode()) is None


def test_a_value_nested_however_deeply_is_refused() -> None:
    for key in ("by", "duration_s", "expires_at", "kind"):
        for depth in (10, 100, *range(700, 1100, 20), 4000):
            payload = json.dumps(SHELVE | {key: "DEEP"}).replace('"DEEP"', "[" * depth + "]" * depth)
            with pytest.raises(CommandRefusedError):
                read_command("shelve", payload.encode())


def test_every_verb_has_a_record_and_a_schema() -> None:
    assert set(COMMANDS) == set(Verb)
    for verb in Verb:
        jsonschema.Draft202012Validator.check_schema(schemas()[f"command-{verb}.json"])


VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just("anna")


@settings(max_examples=150, deadline=None)
@given(
    verb=st.sampled_from(Verb),
    data=st.fixed_dictionaries(
        {}, optional=dict.fromkeys(("machine", "by", "reason", "duration_s", "id", "alarm_id", "other"), VALUES)
    ),
)
def test_whatever_is_taken_fits_the_shipped_schema(verb: Verb, data: dict[str, Any]) -> None:
    try:
        read_command(verb, json.dumps(data).encode())
    except CommandRefusedError:
        return
    validator = jsonschema.Draft202012Validator(schemas()[f"command-{verb}.json"])
    validator.validate({key: value for key, value in data.items() if value is not None})


@pytest.mark.parametrize(
    ("topic", "may"),
    [
        ("scada/answers/7", True),
        ("monitor/pc1/response/acknowledge", True),
        ("monitor/pc1/command/acknowledge", False),
        ("monitor/pc1/event", False),
        ("a/+/b", False),
        ("#", False),
        ("$SYS/x", False),
        ("", False),
    ],
)
def test_an_answer_goes_nowhere_where_it_would_mean_something_else(topic: str, may: bool) -> None:
    assert Topics("monitor", "pc1").may_answer_on(topic) is may
