"""Captured samples are dated by counting, and the count keeps to UTC for years."""

from __future__ import annotations

import pytest

from monitor.audio.capture_clock import STRAYED_S, CaptureClock

RATE_HZ = 48_000
NOW_S = 1_700_000_000.0


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


def test_a_clock_set_forward_is_followed_within_two_minutes() -> None:
    clock = started()
    for second in range(1, 130):
        clock.observe(RATE_HZ // 10 + second * RATE_HZ, NOW_S + second + 3600)

    assert clock.date(0) == pytest.approx(NOW_S + 3600 - 0.1, abs=1e-6)


def test_a_clock_set_back_is_followed_at_once() -> None:
    clock = started()
    clock.observe(RATE_HZ // 10 + RATE_HZ, NOW_S + 1 - 3600)

    assert clock.date(0) == pytest.approx(NOW_S - 3600 - 0.1, abs=1e-6)


def test_what_an_overrun_lost_is_told_by_the_clock() -> None:
    clock = started()

    assert clock.missed(RATE_HZ // 10 + RATE_HZ, NOW_S + 1 + 0.5) == pytest.approx(0.5, abs=1e-6)
    assert clock.date(RATE_HZ // 10 + RATE_HZ) == pytest.approx(NOW_S + 1.5, abs=1e-6)
    assert clock.missed(RATE_HZ // 10 + 2 * RATE_HZ, NOW_S + 2.4) == 0.0
