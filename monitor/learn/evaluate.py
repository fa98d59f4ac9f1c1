"""Evaluate every section of a data set, in one process or several; finished sections are not done again."""

from __future__ import annotations

import os
import queue
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any, TypeAlias

import torch

from monitor.errors import MonitorError
from monitor.learn import evaluate_result
from monitor.learn.evaluate_layout import Section
from monitor.learn.evaluate_result import SectionResult
from monitor.learn.evaluate_section import Settings, evaluate_section, section_key
from monitor.learn.progress import Progress

if TYPE_CHECKING:
    from multiprocessing.context import SpawnContext

SectionProgress: TypeAlias = Callable[[str, Progress], None]
"""Told the section's id and where it stands."""

LOOK_S = 0.2
"""How often the bars of several processes are brought up to date."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What came out of a data set."""

    results: tuple[SectionResult, ...]
    """In the order of the sections."""
    failures: tuple[str, ...] = ()
    """One line for each section that could not be evaluated."""
    resumed: tuple[str, ...] = ()
    """Ids of the sections that were finished before."""


@dataclass(frozen=True, slots=True)
class _Task:
    section: Section
    settings: Settings
    fresh: bool


@dataclass(frozen=True, slots=True)
class _Outcome:
    result: SectionResult | None
    problem: str = ""
    """Why there is no result, in lines."""
    resumed: bool = False


def evaluate(
    sections: Sequence[Section],
    settings: Settings,
    *,
    jobs: int = 1,
    fresh: bool = False,
    progress: SectionProgress | None = None,
) -> Evaluation:
    """Evaluate the sections; each result is kept as soon as it is there.

    Args:
        sections: from `read_layout`.
        settings: how.
        jobs: processes at work at once.
        fresh: do those again, too, that are finished with the same clips, settings and code.
        progress: told of each section, many times; the last time with the stage `done`.

    Raises:
        KeyboardInterrupt: Ctrl-C; what was finished is kept.
    """
    tell = progress or _silent
    tasks = [_Task(section, settings, fresh) for section in sections]
    outcomes: dict[str, _Outcome] = {}
    for section_id, outcome in _each(tasks, jobs, tell):
        outcomes[section_id] = outcome
        tell(section_id, Progress("done", 1, 1))
    found = [(section.id, outcomes[section.id]) for section in sections]
    return Evaluation(
        results=tuple(outcome.result for _, outcome in found if outcome.result is not None),
        failures=tuple(f"{name}: {line}" for name, outcome in found for line in outcome.problem.splitlines()),
        resumed=tuple(name for name, outcome in found if outcome.resumed),
    )


def _each(tasks: Sequence[_Task], jobs: int, tell: SectionProgress) -> Iterator[tuple[str, _Outcome]]:
    if min(jobs, len(tasks)) > 1:
        yield from _at_once(tasks, min(jobs, len(tasks)), tell)
        return
    for task in tasks:
        yield task.section.id, _outcome(task, partial(tell, task.section.id))


def _outcome(task: _Task, progress: Callable[[Progress], None]) -> _Outcome:
    """The section's result, kept; or what a user can do about it. One bad section must not lose the others."""
    section, settings = task.section, task.settings
    progress(Progress("looking", 0, 1))  # every clip is read once for its digest
    try:
        key = section_key(section, settings)
        kept = None if task.fresh else evaluate_result.load(settings.out, section.id, key)
        if kept is not None:
            return _Outcome(kept, resumed=True)
        result = evaluate_section(section, settings, key, progress)
        evaluate_result.save(settings.out, result)
    except MonitorError as error:
        return _Outcome(None, str(error) or type(error).__name__)
    return _Outcome(result)


def _at_once(tasks: Sequence[_Task], jobs: int, tell: SectionProgress) -> Iterator[tuple[str, _Outcome]]:
    """Several processes; their progress comes over a queue. Ctrl-C reaches this one, which stops the others."""
    context: SpawnContext = get_context("spawn")  # a fork would copy the locks of torch's threads
    news, stop = context.Queue(), context.Event()
    threads = max(1, min(torch.get_num_threads(), (os.cpu_count() or 1) // jobs))
    with ProcessPoolExecutor(jobs, context, _begin, (news, stop, threads)) as pool:
        waiting: dict[Future[_Outcome], str] = {pool.submit(_work, task): task.section.id for task in tasks}
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


def _work(task: _Task) -> _Outcome:
    def progress(learning: Progress) -> None:
        if _of_this_worker["stop"].is_set():
            raise KeyboardInterrupt
        _of_this_worker["news"].put((task.section.id, learning))

    return _outcome(task, progress)


def _pass_on(news: Any, tell: SectionProgress) -> None:  # noqa: ANN401 - as in _begin
    while True:
        try:
            section_id, learning = news.get_nowait()
        except queue.Empty:
            return
        tell(section_id, learning)


def _silent(section_id: str, progress: Progress) -> None:
    del section_id, progress
