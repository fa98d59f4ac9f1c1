"""Evaluate every section of a data set, in one process or several; finished sections are not done again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from monitor.errors import MonitorError
from monitor.learn import evaluate_result
from monitor.learn.evaluate_layout import Section
from monitor.learn.evaluate_result import SectionResult
from monitor.learn.evaluate_section import Settings, evaluate_section, section_key
from monitor.learn.progress import Progress, ProgressCallback
from monitor.learn.side_by_side import NamedProgress, side_by_side


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
    progress: NamedProgress | None = None,
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
    tasks = [(section.id, _Task(section, settings, fresh)) for section in sections]
    outcomes = dict(side_by_side(_outcome, tasks, jobs, progress or _silent))
    found = [(section.id, outcomes[section.id]) for section in sections]
    return Evaluation(
        results=tuple(outcome.result for _, outcome in found if outcome.result is not None),
        failures=tuple(f"{name}: {line}" for name, outcome in found for line in outcome.problem.splitlines()),
        resumed=tuple(name for name, outcome in found if outcome.resumed),
    )


def _outcome(task: _Task, progress: ProgressCallback) -> _Outcome:
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


def _silent(section_id: str, progress: Progress) -> None:
    del section_id, progress
