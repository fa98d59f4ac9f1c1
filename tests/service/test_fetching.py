"""When a source is read again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.memcae.preset import PRESETS
from monitor.service.fetching import TURN_S, UNREAD_S, Fetching, pause_s


def real_time(missing_s: float) -> Fetching:
    """After two reads of sound that came as fast as time passed."""
    return Fetching().heard(100.0, 0.05, 9.0).heard(100.5, 0.5, missing_s)


def test_a_source_that_was_never_heard_is_read_at_once() -> None:
    assert Fetching().due(0.0)
    assert Fetching().heard(5.0, 0.0, 10.0).due(5.0)
    assert Fetching().heard(5.0, 0.1, 10.0).due(5.0)  # one read does not tell how fast it plays


@pytest.mark.parametrize(("missing_s", "wait_s"), [(0.3, 0.3), (8.0, UNREAD_S), (UNREAD_S, UNREAD_S)])
def test_a_real_time_source_is_read_when_a_window_ends_and_once_a_second(missing_s: float, wait_s: float) -> None:
    fetching = real_time(missing_s)
    assert not fetching.due(100.5 + wait_s - 0.01)
    assert fetching.due(100.5 + wait_s + 1e-9)


def test_a_source_that_plays_fast_or_catches_up_is_read_at_once() -> None:
    assert Fetching().heard(100.0, 0.05, 9.0).heard(100.5, 1.0, 9.0).due(100.5)
    assert real_time(9.0).heard(101.5, 10.0, 9.0).due(101.5)


def test_a_window_that_comes_late_is_asked_for_again_at_once() -> None:
    late = real_time(0.3).heard(100.8, 0.25, 0.05)  # the device hands out its last block a little later
    assert late.due(100.86)
    assert late.heard(100.86, 0.0, 0.05).due(100.86)


def test_a_clock_that_is_set_back_keeps_nobody_waiting() -> None:
    assert real_time(9.0).due(40.0)
    back = real_time(9.0).heard(40.0, 0.5, 9.0)
    assert back.due(40.0)  # how fast it plays is not known across the step
    assert not back.heard(40.6, 0.6, 9.0).due(40.7)


@given(st.integers(0, 10**9), st.floats(0.0, 3.0))
def test_turns_begin_on_one_grid_however_long_each_takes(turn: int, took_s: float) -> None:
    began_s = turn * TURN_S + 1e-4  # a thread wakes a little late
    now_s = began_s + took_s
    begins_s = now_s + pause_s(began_s, now_s, TURN_S)
    if took_s < TURN_S - 1e-3:
        assert begins_s == pytest.approx((turn + 1) * TURN_S, abs=1e-5)
    else:
        assert begins_s - now_s < 1e-3  # late: at once


def test_nothing_is_waited_for_where_more_sound_may_be_there() -> None:
    assert pause_s(10.0, 10.1, 0.0) == 0.0


def test_windows_of_every_preset_begin_on_whole_or_evenly_divided_turns() -> None:
    for preset in PRESETS.values():
        grid_s = preset.grid / preset.spectrogram.rate_hz
        longer, shorter = max(grid_s, TURN_S), min(grid_s, TURN_S)
        assert longer / shorter == pytest.approx(round(longer / shorter))
