"""The rate is measured by counting, a wrong one is sure before it is told, and a runaway drowns nobody."""

from __future__ import annotations

import itertools
import math
import random

import pytest

from monitor.audio.capture.rate import BURST_S, LEAST_S, TOLERANCE, CaptureStats, RateMeter

RATE_HZ, BLOCK = 16_000, 800
BEGAN_S = 1000.0


def feed(meter: RateMeter, seconds: float, factor: float = 1.0, jitter_s: float = 0.0) -> list[bool]:
    """Blocks of so many seconds of real time at ``factor`` times the nominal rate; whether each was passed on."""
    noise = random.Random(0)
    passed, end = [], 0
    for number in range(1, round(seconds * factor * RATE_HZ / BLOCK) + 1):
        end += BLOCK
        due_s = BEGAN_S + number * BLOCK / RATE_HZ / factor
        passed.append(meter.passes(BLOCK, end, due_s + noise.uniform(0, jitter_s)))
    return passed


def stats(meter: RateMeter) -> CaptureStats:
    return CaptureStats(rate_hz=RATE_HZ, measured_hz=meter.measured_hz, span_s=meter.span_s)


def test_a_device_at_its_rate_is_measured_and_all_of_it_passed_on() -> None:
    meter = RateMeter(RATE_HZ)

    assert all(feed(meter, 100))
    assert meter.measured_hz == pytest.approx(RATE_HZ)
    assert meter.expected == pytest.approx(100 * RATE_HZ)
    assert meter.span_s == pytest.approx(60, abs=1.1)


def test_no_rate_is_told_from_too_little() -> None:
    meter = RateMeter(RATE_HZ)
    assert math.isnan(meter.measured_hz)
    feed(meter, LEAST_S - 0.1)

    assert math.isnan(meter.measured_hz)
    assert stats(meter).pace is None
    assert CaptureStats().pace is None


@pytest.mark.parametrize("factor", [0.5, 0.9, 1.1, 3.0])
def test_a_rate_that_is_far_off_is_sure_within_ten_seconds(factor: float) -> None:
    meter = RateMeter(RATE_HZ)
    feed(meter, 10, factor, jitter_s=0.2)

    pace = stats(meter).pace
    assert pace is not None
    assert pace.deviation == pytest.approx(factor - 1, abs=0.05)


@pytest.mark.parametrize("factor", [0.96, 1.04])
def test_a_rate_that_is_a_little_off_is_sure_within_a_minute(factor: float) -> None:
    meter = RateMeter(RATE_HZ)
    feed(meter, 60, factor, jitter_s=0.2)

    pace = stats(meter).pace
    assert pace is not None
    assert abs(pace.deviation) > TOLERANCE


@pytest.mark.parametrize("seconds", [6, 10, 20, 30, 60, 200])
def test_uneven_delivery_never_passes_for_a_wrong_rate(seconds: int) -> None:
    meter = RateMeter(RATE_HZ)

    assert all(feed(meter, seconds, jitter_s=0.4))
    pace = stats(meter).pace
    assert pace is None or abs(pace.deviation) <= TOLERANCE


def test_what_was_held_up_for_some_seconds_is_passed_on_whole() -> None:
    meter = RateMeter(RATE_HZ)
    feed(meter, 30)
    end = 30 * RATE_HZ
    blocks = round(4 * RATE_HZ / BLOCK)

    assert all(meter.passes(BLOCK, end + n * BLOCK, BEGAN_S + 34) for n in range(1, blocks + 1))


def test_of_a_runaway_no_more_than_about_real_time_is_passed_on_in_long_stretches() -> None:
    meter = RateMeter(RATE_HZ)
    passed = feed(meter, 60, factor=4.0)

    heard_s = sum(passed) * BLOCK / RATE_HZ
    breaks = sum(before and not after for before, after in itertools.pairwise(passed))
    assert 50 < heard_s < 60 * 1.1 + BURST_S + 1
    assert 1 <= breaks <= 60 / BURST_S
