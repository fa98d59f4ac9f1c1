"""A machine that is taken out of the configuration leaves no alarm behind; one that stood ends with an event."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from monitor.detect.alarm import AlarmEvent
from monitor.detect.alarm_state import AlarmLevel, AlarmState
from monitor.detect.kinds import AlarmKind
from monitor.publish.outbox import Outbox
from monitor.service.book import AlarmBook, life_key
from monitor.service.lifetime import alive, unexpected_end
from monitor.service.reports import Reporter
from monitor.service.retired import retire

T = 1_760_000_000.0
REPORTER = Reporter("pc1", 10.0, 10.0, "cpu", "0.1.0", T)


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    box = Outbox(tmp_path / "state.db", "pc1", clock=lambda: T)
    box.open()
    yield box
    box.close()


@pytest.fixture
def events(outbox: Outbox) -> Callable[[], list[dict[str, Any]]]:
    return lambda: [json.loads(row.payload) for row in outbox.take(99)]


def raise_alarm(outbox: Outbox, machine: str) -> None:
    condition = AlarmState(machine, AlarmKind.ANOMALY, AlarmLevel.ALARM, alarm_id=f"{machine}-1", raised_at_s=T)
    book = AlarmBook({(machine, AlarmKind.ANOMALY): AlarmState(machine, AlarmKind.ANOMALY)}, {}, T)
    (news,) = book.condition(condition, AlarmEvent.RAISED, None, T, T)
    outbox.append([REPORTER.event(news, None, T)], [REPORTER.alarm(news, None, T)], book.changed_states())


def test_an_alarm_that_stood_ends_with_one_event_and_comes_back_with_nothing(
    outbox: Outbox, events: Callable[[], list[dict[str, Any]]]
) -> None:
    raise_alarm(outbox, "fan-1")
    raise_alarm(outbox, "fan-2")
    for _ in range(2):
        assert retire(outbox, ["fan-1"], REPORTER, T) == ("fan-2",)
    told = events()
    assert [(each["machine"], each["event"]) for each in told] == [
        ("fan-1", "raised"), ("fan-2", "raised"), ("fan-2", "removed"),
    ]  # fmt: skip
    assert (told[-1]["alarm_id"], told[-1]["state"], told[-1]["active"]) == ("fan-2-1", "normal", False)
    assert set(outbox.documents()) == {("fan-1", "anomaly")}
    assert outbox.states()[life_key(("fan-2", AlarmKind.ANOMALY))] is None
    assert outbox.states()[life_key(("fan-1", AlarmKind.ANOMALY))] is not None
    assert retire(outbox, ["fan-1", "fan-2"], REPORTER, T) == ()


def test_a_machine_without_an_alarm_goes_without_an_event(
    outbox: Outbox, events: Callable[[], list[dict[str, Any]]]
) -> None:
    outbox.append(alarms=[REPORTER.quiet_alarm("fan-2", AlarmKind.DRIFT, T)])
    assert retire(outbox, ["fan-1"], REPORTER, T) == ("fan-2",)
    assert events() == []
    assert outbox.documents() == {}


def test_only_a_run_that_did_not_end_in_order_is_told_of() -> None:
    assert unexpected_end({}) is None
    assert unexpected_end(alive(T, ended=True)) is None
    assert "after 2025-10-09T08:53:20.000Z" in (unexpected_end(json.loads(json.dumps(alive(T)))) or "")
