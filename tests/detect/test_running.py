"""A machine that stands still is told from one that runs by its level."""

from __future__ import annotations

import math

import pytest

from monitor.detect.life import SuppressedBy
from monitor.detect.running import RunningPolicy, RunningState, step

POLICY = RunningPolicy(off_below_dbfs=-60.0, grace_s=30.0)


def listen(*levels: float, policy: RunningPolicy = POLICY) -> list[SuppressedBy | None]:
    state, found = RunningState(), []
    for number, level in enumerate(levels):
        state = step(policy, state, level, 1e9 + 10.0 * number, 10.0)
        assert RunningState.from_dict(state.to_dict()) == state
        found.append(state.why_not)
    return found


def test_below_the_level_it_is_off_and_after_a_start_it_has_a_grace() -> None:
    off, start, runs = SuppressedBy.MACHINE_OFF, SuppressedBy.START_UP, None
    assert listen(-40, -70, -70, -40, -40, -40, -40, -40) == [runs, off, off, start, start, start, start, runs]


def test_a_level_that_wavers_about_the_limit_switches_nothing() -> None:
    assert listen(-61, -58, -62, -58) == [SuppressedBy.MACHINE_OFF] * 4


def test_lost_sound_says_nothing() -> None:
    assert listen(-70, math.nan) == [SuppressedBy.MACHINE_OFF] * 2


def test_without_a_level_no_machine_is_ever_off() -> None:
    assert listen(-150, -150, policy=RunningPolicy()) == [None, None]


@pytest.mark.parametrize("jump_s", [-1e6, 1e6])
def test_a_clock_step_does_not_prolong_a_start_up(jump_s: float) -> None:
    state = step(POLICY, step(POLICY, RunningState(), -70, 1e9, 10.0), -40, 1e9 + 10, 10.0)
    assert step(POLICY, state, -40, 1e9 + jump_s, 10.0).why_not is None
