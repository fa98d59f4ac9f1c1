"""Bars and a level meter on stderr, so that stdout holds results alone; without a terminal, a line now and then."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from monitor.learn.progress import Progress as Learning
    from monitor.learn.progress import ProgressCallback
    from monitor.learn.record import Heard, Meter
    from monitor.learn.side_by_side import NamedProgress

METER_FLOOR_DBFS = -80.0
"""The meter's left end: what a quiet room gives on a good microphone."""

METER_CELLS = 24
"""Characters of the meter: 3.3 dB each."""

LINE_EVERY_S = 60.0
"""Without a terminal, a recording says so much now and then, seconds of sound."""


@contextmanager
def training_progress() -> Iterator[ProgressCallback]:
    """A bar per stage with loss and time left; a callback for `fit_machine` and `recalibrate`."""
    console = Console(stderr=True)
    bars = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.fields[loss]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )
    tasks: dict[str, TaskID] = {}

    def show(learning: Learning) -> None:
        if learning.stage not in tasks:
            tasks[learning.stage] = bars.add_task(learning.stage, total=learning.total, loss="")
            if bars.disable:
                console.print(f"{learning.stage} ...", highlight=False)
        bars.update(tasks[learning.stage], completed=learning.done, total=learning.total, loss=losses(learning))

    with bars:
        yield show


def losses(learning: Learning) -> str:
    """The losses as far as they are known, as text."""
    named = (("loss", learning.loss), ("held out", learning.held_out_loss))
    return ", ".join(f"{name} {value:.4g}" for name, value in named if value is not None)


@contextmanager
def bars_of(things: str, number: int) -> Iterator[NamedProgress]:
    """A bar for all things and one for each that is at work; without a terminal, a line per stage."""
    console = Console(stderr=True)
    bars = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )
    whole = bars.add_task(things, total=number)
    shown: dict[str, TaskID] = {}
    told: dict[str, str] = {}

    def show(name: str, learning: Learning) -> None:
        if learning.stage == "done":
            if name in shown:
                bars.remove_task(shown.pop(name))
            bars.advance(whole)
        elif name not in shown:
            shown[name] = bars.add_task(name, total=learning.total)
        if name in shown:
            bars.update(
                shown[name],
                description=f"{name}: {learning.stage}",
                completed=learning.done,
                total=learning.total,
            )
        if bars.disable and told.get(name) != learning.stage:
            told[name] = learning.stage
            console.print(f"{name}: {learning.stage}", highlight=False, markup=False)

    with bars:
        yield show


@contextmanager
def level_meter(machine: str, seconds: float) -> Iterator[Meter]:
    """A bar of the time and a meter of the level; a callback for `record`."""
    console = Console(stderr=True)
    bars = Progress(
        TextColumn(machine, markup=False),
        BarColumn(),
        TextColumn("{task.fields[clock]}"),
        TextColumn("{task.fields[level]}", markup=False),
        console=console,
        disable=not console.is_terminal,
    )
    task = bars.add_task(machine, total=seconds, clock=clock(0, seconds), level="")
    told_s = 0.0

    def show(heard: Heard) -> None:
        nonlocal told_s
        bars.update(task, completed=heard.seconds, clock=clock(heard.seconds, seconds), level=meter(heard))
        if bars.disable and heard.seconds - told_s >= LINE_EVERY_S:
            told_s = heard.seconds
            console.print(f"{machine}: {clock(heard.seconds, seconds)}, {heard.rms_dbfs:.0f} dBFS", highlight=False)

    with bars:
        yield show


def clock(done_s: float, total_s: float) -> str:
    """``1:05 of 20:00`` minutes and seconds."""
    return " of ".join(f"{int(value) // 60}:{int(value) % 60:02d}" for value in (done_s, total_s))


def meter(heard: Heard) -> str:
    """``#######------|---  -31 dBFS``: the level as a bar, the peak as a stroke, and what was lost."""
    lost = f"  {heard.lost_samples} samples lost" if heard.lost_samples else ""
    return f"{level_bar(heard.rms_dbfs, heard.peak_dbfs)}{lost}"


def level_bar(rms_dbfs: float, peak_dbfs: float) -> str:
    """``#######------|---  -31 dBFS``: the level as a bar, the peak as a stroke."""

    def cells(level_dbfs: float) -> int:
        share = 1.0 - level_dbfs / METER_FLOOR_DBFS
        return round(METER_CELLS * min(1.0, max(0.0, share))) if share == share else 0  # noqa: PLR0124  NaN

    bar = list("#" * cells(rms_dbfs) + "-" * (METER_CELLS - cells(rms_dbfs)))
    bar[min(METER_CELLS - 1, cells(peak_dbfs))] = "|"
    return f"{''.join(bar)} {rms_dbfs:4.0f} dBFS"
