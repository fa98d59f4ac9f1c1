"""The outbox: order, numbers, acknowledgement, limits, and what survives a crash."""

from __future__ import annotations

import json
import shutil
import sqlite3
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from monitor.detect.alarm_state import AlarmLevel
from monitor.detect.kinds import AlarmKind
from monitor.detect.life import Standing
from monitor.errors import BadInputError, MonitorError
from monitor.publish.encoding import Utc, to_json
from monitor.publish.outbox import Outbox
from monitor.publish.overflow import OutboxLimits
from monitor.publish.rows import Row
from monitor.publish.standing import standing
from tests.publish.samples import alarm, event

SMALL = OutboxLimits(rows=10, reserve_bytes=0)


def opened(path: Path, limits: OutboxLimits | None = None, clock: Callable[[], float] = time.time) -> Outbox:
    box = Outbox(path, "pc1", limits or OutboxLimits(reserve_bytes=0), clock)
    box.open()
    return box


def crashed(box: Outbox, path: Path) -> Path:
    """What a crash leaves: the files as they are now, without a close."""
    copy = path.with_name(f"after-{path.name}")
    for suffix in ("", "-wal"):
        source = path.with_name(path.name + suffix)
        if source.exists():
            shutil.copy(source, copy.with_name(copy.name + suffix))
    return copy


def taken(box: Outbox, limit: int = 1000) -> list[dict[str, Any]]:
    return [json.loads(row.payload) for row in box.take(limit)]


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


def test_beyond_the_limit_one_gap_event_stands_for_the_oldest_in_their_place(path: Path) -> None:
    box = opened(path, SMALL)
    for number in range(1, 31):
        box.append([event(number)])
    assert box.depth == 10
    rows = taken(box)
    assert [row["seq"] for row in rows] == list(range(21, 31))
    assert rows[0]["event"] == "gap"
    assert rows[0]["gap"] == {"first_seq": 1, "last_seq": 21, "count": 21, "reason": "outbox_full"}
    assert [row["event"] for row in rows[1:]] == ["raised"] * 9
    assert box.health().dropped == 21
    box.close()


def test_the_limit_of_bytes_holds(path: Path) -> None:
    box = opened(path, OutboxLimits(size_bytes=20_000, reserve_bytes=0))
    for number in range(1, 100):
        box.append([event(number)])
    health = box.health()
    assert health.bytes <= 20_000
    rows = taken(box)
    assert sum(len(json.dumps(row, separators=(",", ":"))) for row in rows) == health.bytes
    assert rows[0]["gap"]["count"] + len(rows) - 1 == 99
    box.close()


def test_what_has_waited_for_longer_than_the_limit_gives_way_to_a_gap_event(path: Path) -> None:
    start_s, day_s = time.time(), 86_400.0
    now_s = start_s
    box = opened(path, OutboxLimits(age_s=90 * day_s, reserve_bytes=0), lambda: now_s)
    for day in range(0, 100, 10):
        now_s = start_s + day * day_s
        box.append([replace(event(day), published_at=Utc(now_s))])
    now_s = start_s + 115 * day_s
    box.flush()
    told, *rest = taken(box)
    assert told["gap"] == {"first_seq": 1, "last_seq": 3, "count": 3, "reason": "too_old"}
    assert told["detail"] == "they had waited too long; the oldest were given up"
    assert [each["seq"] for each in rest] == list(range(4, 11))
    assert box.health().dropped == 3
    box.close()


def test_nothing_is_too_old_on_a_computer_whose_clock_was_not_set_when_it_was_written(path: Path) -> None:
    box = opened(path)
    box.append([replace(event(1), published_at=Utc(60.0))])
    box.close()
    box = opened(path)
    box.flush()
    assert [each["event"] for each in taken(box)] == ["raised"]
    box.close()


def test_an_event_that_may_have_arrived_is_never_dropped(path: Path) -> None:
    box = opened(path, SMALL)
    box.append([event(number) for number in range(1, 6)])
    sent = {row.seq for row in box.take(3)}
    box.release()
    for number in range(6, 40):
        box.append([event(number)])
    rows = taken(box)
    assert sent <= {row["seq"] for row in rows if row["event"] != "gap"}
    assert [row["gap"]["first_seq"] for row in rows if row["event"] == "gap"] == [4]
    box.close()


def test_what_is_missing_is_told_exactly_by_the_gaps(path: Path) -> None:
    box = opened(path, SMALL)
    seen: list[dict[str, Any]] = []
    for number in range(1, 200):
        box.append([event(number)])
        if number % 25 == 0:
            rows = box.take(4)
            seen += [json.loads(row.payload) for row in rows]
            for row in rows:
                box.acknowledge(row.seq)
    rest = box.take(1000)
    seen += [json.loads(row.payload) for row in rest]
    expected = 1
    for each in seen:
        first = each["gap"]["first_seq"] if each["event"] == "gap" else each["seq"]
        assert first == expected
        expected = each["seq"] + 1
    assert expected == 200
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
    box.note_outage("away for 7 s")
    flags: dict[str, Any] = {
        "alarm_id": "delivery-1", "level": AlarmLevel.ALARM, "active": True, "acknowledged": False,
        "state": Standing.SHELVED, "raised_at": Utc(1_760_000_000.123), "shelved_until": Utc(1_760_000_900.0),
        "suppressed_or_shelved": True,
    }  # fmt: skip
    box.append([], [replace(alarm(1), machine=None, kind=AlarmKind.DELIVERY, **flags)])
    box.note_outage("away for 70 s")
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
    assert rounds <= 40
    assert box.depth == 0
    assert len(box.dead()) == rounds == box.health().refused
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
