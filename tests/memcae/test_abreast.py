"""Threads beside each other: every one computes alone, everybody else as before, and results keep their order."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import torch

from monitor.memcae.abreast import Abreast


@pytest.fixture
def abreast() -> Iterator[Abreast]:
    """Of two threads, whatever this machine has."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield Abreast()
    torch.set_num_threads(before)


def test_parts_are_worked_on_at_the_same_time_and_come_back_in_their_order(abreast: Abreast) -> None:
    both = threading.Barrier(2)

    def work(part: int) -> tuple[int, int]:
        both.wait(10)  # breaks where one has to wait for the other
        return part, threading.get_ident()

    found = abreast.run(work, range(2))
    assert [part for part, _ in found] == [0, 1]
    assert len({thread for _, thread in found}) == 2


def test_torch_computes_alone_in_them_and_as_before_everywhere_else(abreast: Abreast) -> None:
    def threads(part: int) -> int:
        del part
        torch.randn(300, 300) @ torch.randn(300, 300)
        return torch.get_num_threads()

    assert abreast.run(threads, range(4)) == [1] * 4
    assert torch.get_num_threads() == 2
    later: list[int] = []
    other = threading.Thread(target=lambda: later.append(threads(0)))
    other.start()
    other.join()
    assert later == [2]
    assert abreast.run(threads, range(4)) == [1] * 4


def test_a_single_part_needs_no_other_thread(abreast: Abreast) -> None:
    assert abreast.run(lambda part: (part, threading.get_ident()), [7]) == [(7, threading.get_ident())]


def test_a_failure_in_one_of_them_is_raised(abreast: Abreast) -> None:
    def work(part: int) -> int:
        if part == 1:
            raise ValueError("this one")
        return part

    with pytest.raises(ValueError, match="this one"):
        abreast.run(work, range(3))
    assert abreast.run(work, [0, 2]) == [0, 2]
