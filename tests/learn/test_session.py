"""Recordings of one session are known by the names that `monitor record` gives."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.learn.session import MOST_APART_S, file_stem, of_one_session, start_of

NOW_S = 1_800_000_000.0


def _named(*starts_s: float) -> list[Path]:
    return [Path(f"{file_stem('fan-1', start_s)}.flac") for start_s in starts_s]


def test_the_name_of_a_recording_tells_when_it_begins() -> None:
    assert file_stem("fan-1", NOW_S + 0.125) == "fan-1-20270115T080000.125Z"
    assert start_of(*_named(NOW_S + 0.125)) == NOW_S + 0.125


@pytest.mark.parametrize("name", ["normal_01.wav", "fan-1-20261399T080000.000Z.flac", "fan-1-20270115T080000Z.flac"])
def test_another_name_tells_nothing(name: str) -> None:
    assert start_of(Path(name)) is None


def test_minutes_that_follow_one_another_are_one_session_in_whatever_order() -> None:
    minutes = _named(NOW_S + 120, NOW_S, NOW_S + 63, NOW_S + 180 + MOST_APART_S)
    assert of_one_session(minutes, [60.0] * 4)


def test_two_days_are_two_sessions() -> None:
    assert not of_one_session(_named(NOW_S, NOW_S + 60, NOW_S + 86_400), [60.0] * 3)
    assert not of_one_session(_named(NOW_S, NOW_S + 60 + MOST_APART_S + 1), [60.0] * 2)


def test_one_file_of_unknown_time_may_be_of_another_session() -> None:
    assert not of_one_session([*_named(NOW_S, NOW_S + 60), Path("normal_01.wav")], [60.0] * 3)
