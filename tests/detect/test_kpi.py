"""Figures after EEMUA 191."""

from __future__ import annotations

import json

import pytest

from monitor.detect.kpi import KpiState, acknowledged, figures, raised

T = 1_760_000_000.0


def test_alarms_are_counted_per_hour_and_per_ten_minutes() -> None:
    state = KpiState(since_s=T)
    for number in range(12):
        state = raised(state, f"m{number}/anomaly", T + 3610 + number)
    state = raised(state, "m1/anomaly", T + 7100)
    found = figures(KpiState.from_dict(json.loads(json.dumps(state.to_dict()))), T + 7200)
    assert found.hours == pytest.approx(2)
    assert found.per_hour == pytest.approx(6.5)
    assert found.most_in_10_min == 12
    assert found.in_flood == pytest.approx(1 / 12)


def test_an_alarm_raised_three_times_in_an_hour_chatters() -> None:
    state = KpiState(since_s=T)
    for at_s in (0, 600, 1200):
        state = raised(raised(state, "a/anomaly", T + at_s), f"b{at_s}/anomaly", T + at_s)
    assert figures(state, T + 1300).chattering == ("a/anomaly",)
    assert figures(state, T + 4000).chattering == ()


def test_the_time_to_acknowledge_counts_from_the_first_unacknowledged_raise() -> None:
    state = raised(raised(KpiState(since_s=T), "a", T), "a", T + 50)
    state = acknowledged(acknowledged(state, "a", T + 100), "a", T + 900)
    state = acknowledged(raised(state, "b", T + 100), "b", T + 400)
    found = figures(state, T + 1000)
    assert (found.acknowledged, found.acknowledge_mean_s, found.acknowledge_most_s) == (2, 200.0, 300.0)


def test_without_an_alarm_the_figures_are_zero_and_not_unknown() -> None:
    found = figures(KpiState(since_s=T), T)
    assert (found.per_hour, found.most_in_10_min, found.in_flood, found.acknowledge_mean_s) == (0, 0, 0, None)
