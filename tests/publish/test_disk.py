"""Full disks and damaged files: nothing stops, nothing that can be kept is lost, and it is told."""

from __future__ import annotations

import json
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog

from monitor.publish.outbox import Outbox
from monitor.publish.overflow import OutboxLimits
from tests.publish.samples import alarm, event


def opened(path: Path, **limits: int) -> Outbox:
    box = Outbox(path, "pc1", OutboxLimits(**{"reserve_bytes": 0, **limits}))
    box.open()
    return box


def drained(box: Outbox) -> list[dict[str, Any]]:
    """Take and acknowledge everything."""
    found = []
    while rows := box.take(8):
        for row in rows:
            found.append(json.loads(row.payload))
            box.acknowledge(row.seq)
    return found


@contextmanager
def full_disk(at_bytes: int = 0) -> Iterator[None]:
    """No file of this process can grow beyond so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (at_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[Any]]:
    """Logs in memory: on a full disk not even pytest can write down what is printed."""
    with structlog.testing.capture_logs() as found:
        yield list(found)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


def _fill(path: Path) -> None:
    """Write until the disk is full."""
    with path.open("wb", buffering=0) as filler:
        while True:
            filler.write(b"x" * 4096)


def damage(path: Path, at: int, with_bytes: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(with_bytes)


def test_on_a_full_disk_events_are_kept_delivered_and_numbered_on(path: Path) -> None:
    box = opened(path)
    box.append([event(1)])
    with full_disk():
        for number in range(2, 50):
            box.append([event(number)], [alarm(number)], {"fan-1": number})
        assert box.health().unsaved == 49  # and one that tells of it
        rows = drained(box)
    assert [row["seq"] for row in rows] == list(range(1, 51))
    assert [row["event"] for row in rows].count("state_not_saved") == 1
    assert {row["id"] for row in rows} >= {event(number).id for number in range(1, 50)}
    box.close()


def test_what_a_full_disk_kept_in_memory_is_written_when_there_is_room(path: Path) -> None:
    box = opened(path)
    with full_disk():
        box.append([event(number) for number in range(1, 20)], [alarm(7)], {"fan-1": 7})
    box.append([event(20)])
    assert box.health().unsaved == 0
    box.close()
    box = opened(path)
    rows = drained(box)
    assert [row["seq"] for row in rows] == list(range(1, 23))
    assert [row["event"] for row in rows if row["kind"] == "delivery"] == ["state_not_saved", "state_saved"]
    assert box.states() == {"fan-1": 7}
    assert ("fan-1", "anomaly") in box.documents()
    box.close()


def test_flush_writes_what_waits_without_a_new_event(path: Path) -> None:
    box = opened(path)
    with full_disk():
        box.append([event(1)])
    box.flush()
    assert box.health().unsaved == 0
    box.close()


def test_memory_is_bounded_while_the_disk_is_full(path: Path) -> None:
    box = opened(path, unsaved_rows=20)
    with full_disk():
        for number in range(1, 101):
            box.append([event(number)])
        assert box.health().unsaved <= 21
        rows = drained(box)
    assert rows[0]["event"] == "gap"
    assert rows[0]["gap"]["count"] + len(rows) - 1 == 101
    box.close()


def test_the_reserve_takes_events_though_the_disk_is_full(path: Path) -> None:
    box = opened(path, reserve_bytes=2**20)
    largest = max(file.stat().st_size for file in path.parent.iterdir())
    with full_disk(at_bytes=min(largest, path.stat().st_size)):
        for number in range(1, 200):
            box.append([event(number)])
        assert box.health().unsaved == 0
    box.close()


@pytest.mark.parametrize(
    ("at", "with_bytes"),
    [(0, b"this is no database at all"), (4096, b"\xff" * 4096), (100, b"\xff" * 64)],
    ids=["header", "second page", "schema"],
)
def test_a_damaged_database_is_moved_aside_and_told_and_work_goes_on(path: Path, at: int, with_bytes: bytes) -> None:
    box = opened(path)
    box.append([event(number) for number in range(1, 101)], [alarm(1)], {"fan-1": 1})
    box.close()
    damage(path, at, with_bytes)
    box = opened(path)
    assert len(list(path.parent.glob("state.db.corrupt-*"))) >= 1
    numbered, _ = box.append([event(500)])
    assert numbered[0].seq > 100
    rows = drained(box)
    told = [row for row in rows if row["event"] == "gap"]
    assert [row["gap"]["reason"] for row in told] == ["database_corrupt"]
    assert "moved to state.db.corrupt-" in told[0]["detail"]
    assert rows[-1]["id"] == event(500).id
    assert [row["seq"] for row in rows] == sorted({row["seq"] for row in rows})
    box.close()


def test_events_that_a_damaged_database_still_gives_are_delivered(path: Path) -> None:
    box = opened(path)
    box.append([event(number) for number in range(1, 201)])
    box.append((), (), {"fan-1": {"level": 2}})
    box.close()
    last_page = path.stat().st_size - 4096
    damage(path, last_page, b"\xff" * 4096)
    box = opened(path)
    rows = drained(box)
    saved = [row["seq"] for row in rows if row["kind"] == "anomaly"]
    assert len(saved) > 50
    assert saved == sorted(set(saved))
    box.close()


def test_a_database_damaged_while_it_is_open_loses_nothing_that_is_in_memory(path: Path) -> None:
    box = opened(path)
    box.append([event(number) for number in range(1, 101)], [alarm(1)], {"fan-1": 1})
    for suffix in ("", "-wal"):
        file = path.with_name(path.name + suffix)
        file.write_bytes(b"\xff" * file.stat().st_size)
    box._journal._store._open_connection().execute("PRAGMA shrink_memory")  # else SQLite reads its cache for long
    for number in range(101, 120):
        box.append([event(number)], (), {"fan-1": number})
    rows = drained(box)
    assert {row["id"] for row in rows} >= {event(number).id for number in range(101, 120)}
    assert [row["seq"] for row in rows] == sorted({row["seq"] for row in rows})
    box.close()
    box = opened(path)
    assert box.states() == {"fan-1": 119}
    assert set(box.documents()) == {("fan-1", "anomaly")}
    box.close()


def test_only_a_few_damaged_files_are_kept(path: Path) -> None:
    for _ in range(6):
        box = opened(path)
        box.append([event(1)])
        box.close()
        damage(path, 0, b"this is no database at all")
    opened(path).close()
    assert len([file for file in path.parent.glob("state.db.corrupt-*") if file.suffix not in {"-wal", "-shm"}]) == 3


def test_a_start_on_a_full_disk_uses_the_spare_file(path: Path, tmp_path: Path) -> None:
    """On a real, small, full file system: needs the right to mount one."""
    mount = tmp_path / "small"
    mount.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "none", str(mount)], capture_output=True, check=False
    )
    if made.returncode != 0:
        pytest.skip("cannot mount a file system here")
    try:
        box = opened(mount / "state.db", reserve_bytes=2**20)
        box.append([event(1)])
        box.close()
        with pytest.raises(OSError, match="No space left"):
            _fill(mount / "filler")
        box = opened(mount / "state.db", reserve_bytes=2**20)
        box.append([event(2)])
        assert [row["id"] for row in drained(box)][:2] == [event(1).id, event(2).id]
        box.close()
    finally:
        subprocess.run(["umount", str(mount)], check=True)
