"""Commands, suppression and restarts at the alarm desk, with a real outbox and no broker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from monitor.detect.alarm import AlarmEvent
from monitor.detect.kinds import AlarmKind
from monitor.detect.life import SuppressedBy
from monitor.publish.encoding import to_json
from monitor.publish.schema import schemas
from monitor.publish.store import read_audit_file
from tests.service.desk import MACHINES, Plant, T


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Plant]:
    made = Plant(tmp_path)
    yield made
    made.outbox.close()
    for payload in (*made.events, *made.alarms.values(), *made.answers, *made.sent):
        jsonschema.validate(to_json(payload), schemas()[f"{payload.name}.json"])
    assert [each.seq for each in made.events] == list(range(1, len(made.events) + 1))


def test_an_alarm_is_acknowledged_and_the_document_event_and_audit_trail_say_by_whom(plant: Plant) -> None:
    plant.condition("fan-1", AlarmEvent.RAISED)
    answer = plant.say("acknowledge", id="17", reason="seen")
    assert (answer.accepted, answer.command_id, answer.state) == (True, "17", "acknowledged")
    document = plant.alarms["fan-1", AlarmKind.ANOMALY]
    assert (document.acknowledged, document.state, document.clip) == (True, "acknowledged", "clip.flac")
    assert (plant.events[-1].event, plant.events[-1].by, plant.events[-1].reason) == ("acknowledged", "anna", "seen")
    (entry,) = read_audit_file(plant.path, 10)
    assert (entry.by, entry.verb, entry.machine, entry.accepted, entry.reason) == (
        "anna", "acknowledge", "fan-1", True, "seen",
    )  # fmt: skip


def test_a_restart_keeps_who_acknowledged_what_is_shelved_and_what_is_out_of_service(plant: Plant) -> None:
    plant.condition("fan-1", AlarmEvent.RAISED)
    plant.say("acknowledge")
    plant.say("shelve", machine="fan-2", reason="ordered", duration_s=600)
    plant.say("out-of-service", machine="pump-1", reason="dismantled")
    before = {key: plant.book.life(key) for key in plant.book.keys}
    count = len(plant.events)
    plant.restart()
    assert {key: plant.book.life(key) for key in plant.book.keys} == before
    assert len(plant.events) == count  # nothing is told again
    plant.now_s += 600
    plant.desk.turn(plant.now_s)
    assert plant.happened()[count:] == [("fan-2", "unshelved")]


def test_the_same_command_again_is_carried_out_once_and_answered_each_time_even_after_a_restart(plant: Plant) -> None:
    plant.say("shelve", id="a", reason="ordered", duration_s=600)
    until = plant.say("shelve", id="a", reason="ordered", duration_s=600).shelved_until
    plant.say("reset", id="b")
    plant.restart()
    plant.now_s += 60
    again = plant.say("shelve", id="a", reason="ordered", duration_s=600)
    assert (again.accepted, again.command_id, again.state, again.shelved_until) == (True, "a", "shelved", until)
    assert plant.say("reset", id="b").reason == "it is not latched"
    assert plant.happened() == [("fan-1", "shelved")]
    assert len(read_audit_file(plant.path, 10)) == 2


def test_a_shelf_that_is_too_long_is_noted_with_who_asked_for_it_and_why(plant: Plant) -> None:
    assert not plant.say("shelve", kind="drift", reason="holiday", duration_s=1e6).accepted
    (entry,) = read_audit_file(plant.path, 10)
    assert (entry.by, entry.machine, entry.kind, entry.reason) == ("anna", "fan-1", "drift", "holiday")


@pytest.mark.parametrize("by", [17, "", "\x07", "a" * 501])
def test_a_name_that_may_not_be_kept_is_not(plant: Plant, by: object) -> None:
    assert not plant.say("acknowledge", by=by).accepted
    (entry,) = read_audit_file(plant.path, 10)
    assert (entry.by, entry.machine) == ("", "fan-1")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"retained": True}, "retained"),
        ({"expires_s": -1.0}, "expired"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "expired"),
        ({"machine": "fan-9"}, "there is no alarm 'fan-9/anomaly'"),
        ({"alarm_id": "fan-1-0"}, "not the present alarm"),
        ({"other": 1}, "unknown key 'other'"),
        ({"expires_at": "tomorrow"}, "key 'expires_at' is 'tomorrow'"),
    ],
)
def test_a_command_that_cannot_be_carried_out_is_refused_with_a_reason_and_noted(
    plant: Plant, fields: dict[str, Any], said: str
) -> None:
    plant.condition("fan-1", AlarmEvent.RAISED)
    answer = plant.say("acknowledge", **fields)
    assert not answer.accepted
    assert said in (answer.reason or "")
    (entry,) = read_audit_file(plant.path, 10)
    assert not entry.accepted
    assert said in entry.answer
    assert (entry.by, entry.machine, entry.kind) == ("anna", fields.get("machine", "fan-1"), "anomaly")
    assert plant.happened() == [("fan-1", "raised")]


def test_half_of_the_machines_at_once_are_told_as_one_alarm_and_the_rest_join_silently(plant: Plant) -> None:
    for machine in MACHINES:
        plant.condition(machine, AlarmEvent.RAISED)
    assert plant.happened() == [
        ("fan-1", "raised"),
        ("fan-2", "raised"),
        (None, "raised"),
        ("fan-1", "suppressed"),
        ("fan-2", "suppressed"),
        ("pump-1", "suppressed"),
        ("pump-1", "raised"),
        ("pump-2", "suppressed"),
        ("pump-2", "raised"),
    ]
    assert plant.alarms[None, AlarmKind.COMMON_CAUSE].state == "unacknowledged"
    assert plant.say("acknowledge", machine=None, kind="common_cause").accepted
    for machine in MACHINES:
        plant.condition(machine, AlarmEvent.CLEARED)
    assert plant.alarms[None, AlarmKind.COMMON_CAUSE].state == "normal"
    assert plant.alarms["fan-1", AlarmKind.ANOMALY].state == "returned_unacknowledged"


def test_a_common_cause_after_the_clock_was_set_back_is_told_with_the_new_time(plant: Plant) -> None:
    plant.condition("fan-1", AlarmEvent.RAISED)
    plant.condition("fan-1", AlarmEvent.CLEARED)
    plant.now_s -= 7200
    for machine in MACHINES[:3]:
        plant.condition(machine, AlarmEvent.RAISED)
        plant.desk.turn(plant.now_s)
    told = [each for each in plant.events if each.kind is AlarmKind.COMMON_CAUSE]
    assert [(each.event, each.time) for each in told] == [("raised", T - 7200)]


def test_a_machine_that_is_off_is_silent_and_told_again_when_it_runs(plant: Plant) -> None:
    plant.condition("fan-1", AlarmEvent.RAISED)
    plant.desk.running("fan-1", SuppressedBy.MACHINE_OFF)
    assert plant.alarms["fan-1", AlarmKind.ANOMALY].suppressed_by == "machine_off"
    plant.desk.running("fan-1", SuppressedBy.START_UP)
    assert plant.alarms["fan-1", AlarmKind.ANOMALY].suppressed_by == "start_up"
    plant.desk.running("fan-1", None)
    assert plant.alarms["fan-1", AlarmKind.ANOMALY].state == "unacknowledged"


def test_the_figures_count_what_people_were_told_of(plant: Plant) -> None:
    plant.condition("fan-1", AlarmEvent.RAISED)
    plant.say("shelve", machine="fan-2", reason="ordered", duration_s=600)
    plant.condition("fan-2", AlarmEvent.RAISED)
    plant.now_s += 90
    plant.say("acknowledge")
    plant.desk.tell_kpi()
    kpi = to_json(plant.sent[-1])
    assert isinstance(kpi, dict)
    assert kpi["most_in_10_min"] == 1
    assert kpi["standing"] == ["fan-1/anomaly", "fan-2/anomaly"]
    assert (kpi["unacknowledged"], kpi["shelved"], kpi["acknowledge_mean_s"]) == (1, 1, 90.0)


def test_the_delivery_alarm_is_raised_at_once_worked_with_and_cleared_after_a_quiet_minute(plant: Plant) -> None:
    plant.trouble = ("the broker refuses monitor/pc1/health",)
    for _ in range(3):
        plant.now_s += 2
        plant.desk.turn(plant.now_s)
    assert plant.happened() == [(None, "raised")]
    event = plant.events[-1]
    assert (event.kind, event.reason) == (AlarmKind.DELIVERY, "the broker refuses monitor/pc1/health")
    assert event.detail == "delivery alarm: raised; the broker refuses monitor/pc1/health"
    assert plant.say("acknowledge", machine=None, kind="delivery").state == "acknowledged"
    plant.restart()
    plant.trouble = ()
    for _ in range(2):
        plant.now_s += 59
        plant.desk.turn(plant.now_s)
    assert plant.happened()[-1] == (None, "acknowledged")
    plant.now_s += 2
    plant.desk.turn(plant.now_s)
    assert plant.happened() == [(None, "raised"), (None, "acknowledged"), (None, "cleared")]
    assert plant.alarms[None, AlarmKind.DELIVERY].state == "normal"


def test_trouble_that_comes_and_goes_is_one_delivery_alarm(plant: Plant) -> None:
    for number in range(20):
        plant.trouble = ("the broker cannot be reached",) if number % 2 == 0 else ()
        plant.now_s += 30
        plant.desk.turn(plant.now_s)
    assert plant.happened() == [(None, "raised")]


def test_a_restart_during_an_outage_goes_on_with_the_same_delivery_alarm(plant: Plant) -> None:
    plant.trouble = ("the broker cannot be reached",)
    plant.desk.turn(plant.now_s)
    plant.restart()
    plant.connected, plant.trouble = False, ()  # an outage of less than a minute, as the new process sees it
    for second in range(200):
        plant.now_s += 1
        plant.trouble = ("the broker cannot be reached",) if 65 <= second < 130 else ()
        plant.connected = second >= 130
        plant.desk.turn(plant.now_s)
    assert plant.happened() == [(None, "raised"), (None, "cleared")]
    assert len({event.alarm_id for event in plant.events}) == 1
    assert (plant.events[-1].time or 0.0) >= T + 190


def test_a_flood_stands_over_a_restart_before_the_first_window(plant: Plant) -> None:
    for _ in range(12):
        plant.condition("fan-1", AlarmEvent.RAISED)
        plant.condition("fan-1", AlarmEvent.CLEARED)
        plant.now_s += 20.0
    assert plant.alarms[None, AlarmKind.FLOOD].active
    plant.restart()
    plant.desk.turn(0.0)
    assert plant.book.life(("", AlarmKind.FLOOD)).active
