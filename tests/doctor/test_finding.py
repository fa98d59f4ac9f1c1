"""How findings are read, and decisions that need no computer to be in that state."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from monitor.doctor.bounded import checked, each
from monitor.doctor.finding import Finding, document, fail, line, note, ok, summary
from monitor.doctor.installation import room_finding
from monitor.doctor.models import kernels_finding
from monitor.doctor.system import clock_finding, unit_finding


def test_a_finding_is_one_line_with_its_state_first_and_its_remedy_last() -> None:
    assert line(ok("clock", "synchronised")) == "ok    clock: synchronised"
    assert line(fail("broker", "refused:\n no user", "set mqtt.username")) == (
        "FAIL  broker: refused: no user -> set mqtt.username"
    )


def test_only_a_failure_makes_the_whole_not_ok() -> None:
    fine = [ok("a", "x"), note("b", "y", "z")]
    assert document(fine) == {
        "ok": True,
        "checks": [
            {"name": "a", "state": "ok", "detail": "x", "remedy": None},
            {"name": "b", "state": "note", "detail": "y", "remedy": "z"},
        ],
    }
    assert document([*fine, fail("c", "w")])["ok"] is False
    assert summary([*fine, fail("c", "w")]) == "3 checks: 1 FAIL, 1 note, 1 ok"


def test_a_check_that_hangs_is_given_up_and_the_next_machines_do_not_wait_for_the_same() -> None:
    released = threading.Event()

    def hang(machine: str) -> Finding:
        if machine == "fan-2":
            released.wait(60)
        return ok(f"{machine} model", "fine")

    found = list(each("model", ("fan-1", "fan-2", "fan-3", "fan-4"), 0.1, hang))
    released.set()
    assert [(one.name, one.state) for one in found] == [
        ("fan-1 model", "ok"),
        ("fan-2 model", "FAIL"),
        ("model", "note"),
    ]
    assert "no answer within 0.1 s" in found[1].detail
    assert "2 more" in found[2].detail


def test_a_mistake_in_a_check_is_told_and_ends_nothing() -> None:
    (found,) = checked("disk", 5.0, lambda: [ok("disk", str(1 // 0))])
    assert found.state == "FAIL"
    assert "ZeroDivisionError" in found.detail


@pytest.mark.parametrize(
    ("active", "enabled", "state"),
    [
        ("active", "enabled", "ok"),
        ("active", "disabled", "note"),
        ("failed", "enabled", "FAIL"),
        ("inactive", "disabled", "FAIL"),
        ("activating", "enabled", "FAIL"),
        ("inactive", "not-found", None),
        ("inactive", "", None),
    ],
)
def test_the_unit_must_be_active_and_should_start_with_the_computer(active: str, enabled: str, state: str) -> None:
    found = unit_finding(active, enabled)
    assert (found.state if found else None) == state


@pytest.mark.parametrize(("free_mb", "state"), [(50, "FAIL"), (500, "note"), (50_000, "ok")])
def test_a_disk_needs_room_for_the_database_and_should_have_it_for_clips(free_mb: int, state: str) -> None:
    assert room_finding(Path("/var/lib/monitor"), free_mb).state == state


@pytest.mark.parametrize(("returned", "state"), [(0, "ok"), (1, "ok"), (5, "note"), (-1, "note")])
def test_a_clock_that_nobody_sets_is_a_note(returned: int, state: str) -> None:
    assert clock_finding(returned).state == state


def test_a_processor_that_no_kernels_were_compiled_for_is_worth_a_note() -> None:
    assert kernels_finding("avx2") == ok("kernels", "compiled for avx2")
    missing = kernels_finding(None)
    assert missing.state == "note"
    assert "g++" in missing.remedy
