"""Threads beside each other that each compute alone: work that is divided by window, not within every operation.

The operations of one window are small, and two cores that divide each of them spend a third of the time waiting for one
another (measured). Torch lets go of the interpreter while it computes, so threads of one process will do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

import torch

_Part = TypeVar("_Part")
_Result = TypeVar("_Result")


class Abreast:
    """As many threads as torch would divide an operation among, started when they are first needed."""

    def __init__(self) -> None:
        self.threads = torch.get_num_threads()
        self._pool: ThreadPoolExecutor | None = None

    def share(self, count: int) -> int:
        """The most of ``count`` things that one thread gets."""
        return -(-count // self.threads)

    def run(self, work: Callable[[_Part], _Result], parts: Iterable[_Part]) -> list[_Result]:
        """``work`` done on each of ``parts``, in their order; a failure is raised here.

        A single part, or one processor, needs no other thread.
        """
        every = list(parts)
        if len(every) < 2 or self.threads == 1:
            return [work(part) for part in every]
        if self._pool is None:
            self._pool = _started(self.threads)
        return list(self._pool.map(work, every))


def _started(threads: int) -> ThreadPoolExecutor:
    """Threads in which torch computes alone, while it goes on as before in every other."""
    before = torch.get_num_threads()
    ready = Barrier(threads + 1)

    def alone() -> None:
        torch.get_num_threads()  # makes torch take over the number for all threads now, and not at the first operation
        torch.set_num_threads(1)
        ready.wait()

    pool = ThreadPoolExecutor(threads, "score", alone)
    for _ in range(threads):  # each finds no idle thread and starts one
        pool.submit(int)
    ready.wait()
    torch.set_num_threads(before)  # the number is this thread's own, but threads to come begin with the last one set
    return pool
