"""Several pieces of work at once, each in a process of its own, all telling one listener how far they are."""

from __future__ import annotations

import os
import queue
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from functools import partial
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import torch

from monitor.learn.progress import Progress, ProgressCallback

if TYPE_CHECKING:
    from multiprocessing.context import SpawnContext

NamedProgress: TypeAlias = Callable[[str, Progress], None]
"""Told the name of a piece of work and where it stands; the last time with the stage `done`."""

LOOK_S = 0.2
"""How often the bars of several processes are brought up to date."""

_Task = TypeVar("_Task")
_Result = TypeVar("_Result")


def side_by_side(
    work: Callable[[_Task, ProgressCallback], _Result],
    tasks: Sequence[tuple[str, _Task]],
    jobs: int,
    tell: NamedProgress,
) -> Iterator[tuple[str, _Result]]:
    """Do every task, and give out each name and result as soon as it is there.

    Args:
        work: a function of a module (other processes find it by name); what it raises ends everything.
        tasks: by names that are each given once.
        jobs: processes at once; with 1 all is done in this one.
        tell: of each, many times.

    Raises:
        KeyboardInterrupt: Ctrl-C; those at work are stopped by a KeyboardInterrupt at their next report.
    """
    for name, result in _each(work, tasks, min(jobs, len(tasks)), tell):
        tell(name, Progress("done", 1, 1))
        yield name, result


def _each(
    work: Callable[[_Task, ProgressCallback], _Result],
    tasks: Sequence[tuple[str, _Task]],
    jobs: int,
    tell: NamedProgress,
) -> Iterator[tuple[str, _Result]]:
    if jobs > 1:
        yield from _at_once(work, tasks, jobs, tell)
        return
    for name, task in tasks:
        yield name, work(task, partial(tell, name))


def _at_once(
    work: Callable[[_Task, ProgressCallback], _Result],
    tasks: Sequence[tuple[str, _Task]],
    jobs: int,
    tell: NamedProgress,
) -> Iterator[tuple[str, _Result]]:
    """Several processes; their progress comes over a queue. Ctrl-C reaches this one, which stops the others."""
    context: SpawnContext = get_context("spawn")  # a fork would copy the locks of torch's threads
    news, stop = context.Queue(), context.Event()
    threads = max(1, min(torch.get_num_threads(), (os.cpu_count() or 1) // jobs))
    with ProcessPoolExecutor(jobs, context, _begin, (news, stop, threads)) as pool:
        waiting: dict[Future[_Result], str] = {pool.submit(_work, work, name, task): name for name, task in tasks}
        try:
            while waiting:
                finished, _ = wait(waiting, LOOK_S, FIRST_COMPLETED)
                _pass_on(news, tell)
                for future in finished:
                    yield waiting.pop(future), future.result()
        finally:  # Ctrl-C, or a bug in one of them: the others end at their next report
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)


_of_this_worker: dict[str, Any] = {}
"""The queue and the event of a worker process, which cannot come with a task."""


def _begin(news: Any, stop: Any, threads: int) -> None:  # noqa: ANN401 - multiprocessing gives out no types for these
    """Make a worker process ready."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to every process of a terminal; the first one decides
    torch.set_num_threads(threads)
    news.cancel_join_thread()  # bars that nobody looks at any more must not hold up the end
    _of_this_worker.update(news=news, stop=stop)


def _work(work: Callable[[_Task, ProgressCallback], _Result], name: str, task: _Task) -> _Result:
    def progress(learning: Progress) -> None:
        if _of_this_worker["stop"].is_set():
            raise KeyboardInterrupt
        _of_this_worker["news"].put((name, learning))

    return work(task, progress)


def _pass_on(news: Any, tell: NamedProgress) -> None:  # noqa: ANN401 - as in _begin
    while True:
        try:
            name, learning = news.get_nowait()
        except queue.Empty:
            return
        tell(name, learning)
