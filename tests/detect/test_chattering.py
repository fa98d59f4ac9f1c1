"""An alarm that comes and goes clears more slowly each time."""

from __future__ import annotations

import pytest

from monitor.detect.alarm import AlarmPolicy

T = 1_760_000_000.0


@pytest.mark.parametrize(
    ("raises", "delay_s"), [(0, 60), (1, 60), (2, 60), (3, 120), (4, 240), (5, 480), (12, 3600), (16, 3600)]
)
def test_from_the_third_raise_in_an_hour_on_each_one_doubles_the_off_delay(raises: int, delay_s: float) -> None:
    policy = AlarmPolicy(clear_after_s=60.0)
    assert policy.off_delay_s(tuple(T + number for number in range(raises)), T + 100) == delay_s


def test_raises_of_long_ago_do_not_count() -> None:
    assert AlarmPolicy().off_delay_s((T, T + 1, T + 2, T + 3), T + 3700) == AlarmPolicy().clear_after_s


def test_a_delay_longer_than_chattering_asks_for_stays() -> None:
    assert AlarmPolicy(clear_after_s=7200.0).off_delay_s((T, T, T), T) == 7200.0


def test_an_alarm_without_delay_gets_one_when_it_chatters() -> None:
    assert AlarmPolicy(clear_after_s=0.0).off_delay_s((T, T, T), T) == 120.0
