"""The outbox: order, numbers, acknowledgement, limits, and what survives a crash."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from monitor.detect.alarm_state import AlarmLevel
from monitor.detect.kinds import AlarmKind
from monitor.detect.life import Standing
from monitor.errors import BadInputError, MonitorError
from monitor.publish.encoding import Utc, to_json
from monitor.publish.messages import DeliveryEvent
from monitor.publish.outbox import Outbox
from monitor.publish.rows import Row
from monitor.publish.standing import standing
from tests.publish.boxes import crashed, opened, taken
from tests.publish.samples import alarm, event


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


def test_events_are_numbered_from_one_without_gaps_over_restarts(path: Path) -> None:
    for first in (1, 3, 5):
        box = opened(path)
        numbered, _ = box.append([event(first), event(first + 1)])
        assert [each.seq for each in numbered] == [first, first + 1]
        box.close()


def test_a_number_is_not_given_again_after_its_event_has_gone(path: Path) -> None:
    box = opened(path)
    box.append([event(1)])
    (row,) = box.take(1)
    box.acknowledge(row.seq)
    box.close()
    box = opened(path)
    assert box.append([event(2)])[0][0].seq == 2
    box.close()


def test_rows_are_handed_out_once_and_in_order(path: Path) -> None:
    box = opened(path)
    box.append([event(number) for number in range(1, 6)])
    assert [row.seq for row in box.take(2)] == [1, 2]
    assert [row.seq for row in box.take(9)] == [3, 4, 5]
    assert box.take(9) == ()
    assert not box.waiting
    box.close()


def test_what_was_not_acknowledged_is_handed_out_again_in_order_after_a_lost_connection(path: Path) -> None:
    box = opened(path)
    box.append([event(number) for number in range(1, 6)])
    box.take(4)
    box.acknowledge(2)
    box.release()
    assert [row.seq for row in box.take(9)] == [1, 3, 4, 5]
    box.close()


def test_an_acknowledgement_of_an_earlier_connection_is_ignored(path: Path) -> None:
    box = opened(path)
    box.append([event(1)])
    box.take(1)
    box.release()
    box.acknowledge(1)
    assert box.depth == 1
    box.close()


def test_an_appended_event_is_on_disk_before_append_returns(path: Path) -> None:
    box = opened(path)
    box.append([event(1)], [alarm(1)], {"fan-1": {"level": 3}})
    after = opened(crashed(box, path))
    assert [sent["id"] for sent in taken(after)] == [event(1).id]
    assert after.states() == {"fan-1": {"level": 3}}
    assert json.loads(after.documents()["fan-1", "anomaly"])["seq"] == 1
    after.close()
    box.close()


def test_an_acknowledged_event_does_not_come_back(path: Path) -> None:
    box = opened(path)
    box.append([event(1), event(2)])
    for row in box.take(2):
        box.acknowledge(row.seq)
    assert box.depth == 0
    after = opened(crashed(box, path))
    assert after.take(9) == ()
    after.close()
    box.close()


def test_a_document_has_the_number_of_the_last_event_of_its_machine_and_kind(path: Path) -> None:
    box = opened(path)
    _, documents = box.append(
        [event(1, "fan-1"), event(2, "fan-2"), event(3, "fan-1")], [alarm(1, "fan-1"), alarm(2, "x")]
    )
    assert [document.seq for document in documents] == [3, 0]
    box.close()


def test_a_forgotten_document_is_gone_after_a_restart(path: Path) -> None:
    box = opened(path)
    box.append((), [alarm(1), alarm(2, "fan-2")])
    box.append(gone=[("fan-1", "anomaly")])
    box.close()
    box = opened(path)
    assert set(box.documents()) == {("fan-2", "anomaly")}
    box.close()


def test_a_state_that_json_cannot_write_appends_nothing(path: Path) -> None:
    box = opened(path)
    with pytest.raises(TypeError):
        box.append([event(1)], (), {"fan-1": object()})
    assert box.depth == 0
    box.close()


def test_a_state_with_nan_comes_back(path: Path) -> None:
    box = opened(path)
    box.append((), (), {"fan-1": [1.0, float("inf")]})
    box.close()
    box = opened(path)
    assert box.states() == {"fan-1": [1.0, float("inf")]}
    box.close()


def test_a_refused_event_is_kept_counted_and_told(path: Path) -> None:
    box = opened(path)
    box.append([event(1), event(2)])
    box.take(2)
    box.refuse(1, "t/event", 0x87, "Not authorized")
    assert [(dead.seq, dead.reason_code) for dead in box.dead()] == [(1, 0x87)]
    assert json.loads(box.dead()[0].payload)["id"] == event(1).id
    assert box.health().refused == 1
    (report,) = taken(box)
    assert (report["event"], report["kind"], report["seq"]) == ("refused", "delivery", 3)
    assert report["refusal"] == {"count": 1, "topic": "t/event", "reason_code": 0x87, "reason": "Not authorized"}
    box.close()


def test_news_of_delivery_says_how_the_delivery_alarm_stands_over_restarts_too(path: Path) -> None:
    box = opened(path)
    box.note(DeliveryEvent.OUTAGE, "away for 7 s")
    flags: dict[str, Any] = {
        "alarm_id": "delivery-1", "level": AlarmLevel.ALARM, "active": True, "acknowledged": False,
        "state": Standing.SHELVED, "raised_at": Utc(1_760_000_000.123), "shelved_until": Utc(1_760_000_900.0),
        "suppressed_or_shelved": True,
    }  # fmt: skip
    box.append([], [replace(alarm(1), machine=None, kind=AlarmKind.DELIVERY, **flags)])
    box.note(DeliveryEvent.OUTAGE, "away for 70 s")
    box.close()
    again = opened(path)
    again.note_refusal("a/b", 0x87, "Not authorized", known=False)
    before, *during = taken(again)
    assert (before["active"], before["state"], before["alarm_id"]) == (False, "normal", None)
    assert [each["event"] for each in during] == ["outage", "refused"]
    for each in during:
        assert {key: each[key] for key in flags} == to_json(flags)
    again.close()


def test_a_document_that_cannot_be_read_leaves_news_of_delivery_without_flags() -> None:
    assert [standing(each) for each in (None, b"", b"[]", b'{"level": "loud"}', b'{"raised_at": 7}')] == [{}] * 5


def test_a_broker_that_refuses_everything_is_not_told_of_it_for_ever(path: Path) -> None:
    box = opened(path)
    box.append([event(number) for number in range(1, 21)])
    rounds = 0
    while rows := box.take(8):
        rounds += len(rows)
        for row in rows:
            box.refuse(row.seq, "t/event", 0x87, "Not authorized")
    assert rounds == box.health().refused == 21  # the events, and the news of it once
    assert box.depth == 0
    assert len(box.dead()) == box.health().last_seq == 20
    box.close()


def test_a_second_process_is_turned_away(path: Path) -> None:
    box = opened(path)
    with pytest.raises(BadInputError, match=r"state\.db is in use by another running monitor"):
        opened(path)
    box.close()
    opened(path).close()


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="nowhere"):
        opened(tmp_path / "nowhere" / "state.db")


def test_a_database_of_a_newer_version_is_refused_and_left_alone(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(MonitorError, match="newer version: its format is 99, expected at most 1"):
        opened(path)
    assert path.exists()


def test_closing_twice_or_unopened_is_harmless(path: Path) -> None:
    box = Outbox(path, "pc1")
    box.close()
    box.open()
    box.close()
    box.close()


def test_an_event_stays_as_it_was_written_however_often_it_is_sent(path: Path) -> None:
    box = opened(path)
    box.append([event(1)])
    first: tuple[Row, ...] = box.take(1)
    box.release()
    assert box.take(1) == first
    box.close()
