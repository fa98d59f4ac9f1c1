"""The outbox's limits: what gives way, and how that is told."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from monitor.publish.encoding import Utc
from monitor.publish.overflow import OutboxLimits
from tests.publish.boxes import SMALL, opened, taken
from tests.publish.samples import event


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


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
