"""Ears: when they open, how often they read, and what they then hear."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from monitor.audio.block import AudioBlock
from monitor.audio.simulated import SimulatedSource
from monitor.audio.source import MODEL_RATE_HZ
from monitor.audio.windows import Window, WindowSpec
from monitor.service.crew import APART_S, spread
from monitor.service.ears import Ear
from monitor.service.fetching import CATCHING_UP_S, TURN_S

START_S = 1_700_000_000.3


class Counted(SimulatedSource):
    """Counts its reads."""

    reads = 0

    def read(self, now_s: float) -> Sequence[AudioBlock]:
        self.reads += 1
        return super().read(now_s)


def listen(ear: Ear, seconds: float, every_s: float = TURN_S) -> list[tuple[float, Window]]:
    """The windows, each with the time of the turn that brought it."""
    times = [START_S + turn * every_s for turn in range(round(seconds / every_s) + 1)]
    return [(now_s, window) for now_s in times for window in ear.hear(now_s).windows]


def test_a_real_time_source_is_read_about_once_a_second_and_its_windows_come_in_the_turn_after_their_end() -> None:
    source = Counted("fan", 1)
    ear = Ear("fan-1", source, (WindowSpec("fan-1", 0, 4 * MODEL_RATE_HZ, 2 * MODEL_RATE_HZ),))
    heard = listen(ear, 20.5)
    assert [round(window.start_s - START_S, 3) for _, window in heard] == [2.0 * place for place in range(9)]
    assert max(now_s - window.end_s for now_s, window in heard) < 2 * TURN_S
    assert source.reads < 2 * 20


def test_a_fast_source_is_read_at_every_turn() -> None:
    source = Counted("fan", 1, speed=20)
    ear = Ear("fan-1", source, (WindowSpec("fan-1", 0, 10 * MODEL_RATE_HZ, 10 * MODEL_RATE_HZ),))
    assert len(listen(ear, 10.0, CATCHING_UP_S)) == 20
    assert source.reads == 201
    assert ear.hear(START_S + 10.0 + CATCHING_UP_S).rest_s == CATCHING_UP_S


def test_a_source_that_gives_all_it_has_is_read_on_at_once_and_one_in_real_time_waits() -> None:
    spec = WindowSpec("fan-1", 0, 20 * MODEL_RATE_HZ, 20 * MODEL_RATE_HZ)
    assert Ear("fan-1", SimulatedSource("fan", 1, speed=None), (spec,)).hear(START_S).rest_s == 0.0
    slow = Ear("fan-1", SimulatedSource("fan", 1), (spec,))
    rests_s = [slow.hear(START_S + at_s).rest_s for at_s in (0.0, 0.1, 1.2, 2.3)]
    assert rests_s == [TURN_S, CATCHING_UP_S, TURN_S, TURN_S]  # the first sound does not tell yet how fast it comes


@pytest.mark.parametrize(
    ("cost_s", "hop_s", "opens_s"),
    [
        (0.0, 10.0, [0.0, APART_S, 3 * APART_S]),  # so many windows are scored together
        (0.5, 10.0, [0.0, 0.5, 1.5]),  # when those of the sources before it have been scored; the second has two
        (0.5, 1.0, [0.0, 0.25, 0.75]),  # within a hop
    ],
)
def test_the_sources_of_a_plant_open_one_after_the_other_within_a_hop(
    cost_s: float, hop_s: float, opens_s: list[float]
) -> None:
    spec = WindowSpec("fan-1", 0, MODEL_RATE_HZ, MODEL_RATE_HZ)
    heard = [("fan-1",), ("fan-2", "fan-3"), ("fan-4",)]
    ears = [Ear(names[0], SimulatedSource("fan", 1), tuple(replace(spec, machine=m) for m in names)) for names in heard]

    spread(ears, {f"fan-{i}": cost_s for i in range(1, 5)}.__getitem__, hop_s)

    assert [_opens(ear, 20.0) for ear in ears] == [pytest.approx(each_s, abs=0.0011) for each_s in opens_s]


def test_a_clock_that_is_set_back_before_an_ear_opens_does_not_keep_it_shut() -> None:
    ear = Ear("fan-1", SimulatedSource("fan", 1), (WindowSpec("fan-1", 0, MODEL_RATE_HZ, MODEL_RATE_HZ),))
    ear.later_s = 1.0
    ear.hear(START_S)
    assert not ear.is_open
    ear.hear(START_S - 7200.0)
    assert ear.is_open


def _opens(ear: Ear, seconds: float) -> float:
    """When an ear opens, to the millisecond."""
    for at_ms in range(round(seconds * 1000)):
        ear.hear(START_S + at_ms / 1000 + 1e-6)
        if ear.is_open:
            return at_ms / 1000
    raise AssertionError("it does not open")
