from __future__ import annotations

from functools import partial
from pathlib import Path

from monitor.publish.messages import DeliveryEvent
from monitor.service.clockwatch import ClockWatch
from tests.publish.boxes import opened, taken

T = 1_760_000_000.0


class Clocks:
    def __init__(self) -> None:
        self.monotonic_s = 100.0
        self.utc_s = T
        self.waits_s = 0.0

    def monotonic(self) -> float:
        self.monotonic_s += self.waits_s
        self.utc_s += self.waits_s
        return self.monotonic_s

    def utc(self) -> float:
        return self.utc_s

    def passes(self, seconds: float) -> None:
        self.monotonic_s += seconds
        self.utc_s += seconds


def test_a_clock_that_is_set_is_one_event_with_the_step_and_the_new_time(tmp_path: Path) -> None:
    clocks, box = Clocks(), opened(tmp_path / "state.db")
    watch = ClockWatch(partial(box.note, DeliveryEvent.CLOCK_STEPPED), clocks.monotonic, clocks.utc)
    for _ in range(10):
        watch.look()
        clocks.passes(0.05)
    clocks.utc_s -= 3600.0
    for _ in range(10):
        watch.look()
        clocks.passes(0.05)
    (event,) = taken(box)
    assert (event["event"], event["kind"], event["machine"]) == ("clock_stepped", "delivery", None)
    assert event["detail"] == "the system's clock was set back by 3600.0 s, to 2025-10-09T07:53:20+00:00"
    box.close()


def test_a_thread_that_had_to_wait_between_the_clocks_saw_no_step() -> None:
    told: list[str] = []
    clocks = Clocks()
    watch = ClockWatch(told.append, clocks.monotonic, clocks.utc)
    watch.look()
    clocks.waits_s = 0.7
    watch.look()
    clocks.waits_s = 0.0
    watch.look()
    assert told == []
