"""Captured samples are dated by counting, and the count keeps to the clock for years."""

from __future__ import annotations

import pytest

from monitor.audio.capture.clock import STRAYED_S, Anchor, CaptureClock

RATE_HZ = 48_000
NOW_S = 1_000_000.0


def started() -> CaptureClock:
    clock = CaptureClock(RATE_HZ)
    clock.observe(RATE_HZ // 10, NOW_S)
    return clock


def test_the_first_arrival_sets_the_date() -> None:
    assert started().date(0) == pytest.approx(NOW_S - 0.1, abs=1e-6)
    assert started().date(RATE_HZ) == pytest.approx(NOW_S + 0.9, abs=1e-6)


def test_a_reader_that_is_late_moves_no_date() -> None:
    clock = started()
    before_s = clock.date(0)
    for second in range(1, 600):
        late_s = 3.0 if second % 7 else 0.0
        clock.observe(RATE_HZ // 10 + second * RATE_HZ, NOW_S + second + late_s)

    assert clock.date(0) == before_s


@pytest.mark.parametrize("ppm", [-100, 100])
def test_a_card_that_runs_fast_or_slow_is_followed(ppm: int) -> None:
    clock = started()
    seconds = 200_000
    for second in range(5, seconds, 5):
        frames = round(RATE_HZ // 10 + second * RATE_HZ * (1 + ppm * 1e-6))
        clock.observe(frames, NOW_S + second)
        assert abs(clock.date(frames) - (NOW_S + second)) < STRAYED_S + 0.02


def test_what_an_overrun_lost_is_told_by_the_clock() -> None:
    clock = started()

    assert clock.missed(RATE_HZ // 10 + RATE_HZ, NOW_S + 1 + 0.5) == pytest.approx(0.5, abs=1e-6)
    assert clock.date(RATE_HZ // 10 + RATE_HZ) == pytest.approx(NOW_S + 1.5, abs=1e-6)
    assert clock.missed(RATE_HZ // 10 + 2 * RATE_HZ, NOW_S + 2.4) == 0.0


def test_samples_that_were_lost_unseen_are_made_up_for_within_two_minutes() -> None:
    clock = started()
    for second in range(1, 130):
        clock.observe(RATE_HZ // 10 + second * RATE_HZ, NOW_S + second + 3)

    assert clock.date(0) == pytest.approx(NOW_S + 3 - 0.1, abs=1e-6)


@pytest.mark.parametrize("step_s", [-3600.0, -0.3, 0.3, 3600.0])
def test_a_system_clock_that_is_set_is_told_once_and_followed(step_s: float) -> None:
    anchor = Anchor()
    assert anchor.observe(5.0, 1_700_000_000.0) is None
    assert anchor.observe(6.0, 1_700_000_001.0) is None

    assert anchor.observe(7.0, 1_700_000_002.0 + step_s) == pytest.approx(step_s, abs=1e-6)
    assert anchor.offset_s == pytest.approx(1_699_999_995.0 + step_s, abs=1e-6)
    assert anchor.observe(8.0, 1_700_000_003.0 + step_s) is None


def test_the_time_between_reading_two_clocks_moves_nothing() -> None:
    anchor = Anchor()
    anchor.observe(5.0, 1_700_000_000.0)
    before_s = anchor.offset_s

    assert anchor.observe(6.0, 1_700_000_001.01) is None
    assert anchor.offset_s == before_s
