from __future__ import annotations

import re

import pytest

from monitor.publish.ids import new_ulid


def test_a_ulid_has_26_characters_of_crockfords_alphabet() -> None:
    assert re.fullmatch(r"[0-7][0-9A-HJKMNP-TV-Z]{25}", new_ulid(1_760_000_000.0))


def test_ulids_sort_by_time() -> None:
    times = [0.0, 1.0, 1.5, 1_760_000_000.0, 1_760_000_000.5, 4e9]
    found = [new_ulid(time) for time in times]
    assert found == sorted(found)


def test_the_time_part_is_that_of_the_specification() -> None:
    assert new_ulid(1_469_922_850.259).startswith("01ARZ3NDEK")  # the specification's own example


def test_no_two_of_the_same_moment_are_equal() -> None:
    assert len({new_ulid(1.0) for _ in range(1000)}) == 1000


@pytest.mark.parametrize("time", [-5.0, 1e15])
def test_a_clock_that_is_far_off_still_gives_an_id(time: float) -> None:
    assert len(new_ulid(time)) == 26
