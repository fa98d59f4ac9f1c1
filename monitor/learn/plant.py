"""Training the models of many machines, one after another or several at once."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from monitor.errors import MonitorError
from monitor.learn.fit import fit_machine
from monitor.learn.job import Job
from monitor.learn.progress import ProgressCallback
from monitor.learn.report import TrainReport
from monitor.learn.side_by_side import NamedProgress, side_by_side


@dataclass(frozen=True, slots=True)
class Order:
    """One machine to train."""

    job: Job
    recordings: tuple[Path, ...]
    """Files of its normal sound."""
    state_dir: Path


@dataclass(frozen=True, slots=True)
class Learnt:
    """What came of one order."""

    machine: str
    report: TrainReport | None
    problem: str = ""
    """Why there is no model, in lines."""


def train_plant(orders: Sequence[Order], *, jobs: int, progress: NamedProgress) -> Iterator[Learnt]:
    """Train every machine; each model is in service as soon as it is there.

    A machine that cannot be trained costs no other its model. One seed gives a machine the same model whatever runs
    beside it, up to the rounding of another number of threads.

    Args:
        orders: one a machine.
        jobs: processes at once, which share the processor's cores.
        progress: told of each machine by its id.

    Raises:
        KeyboardInterrupt: Ctrl-C; what is finished stays in service, and what was at work keeps its best so far.
    """
    for machine, learnt in side_by_side(_train, [(order.job.machine, order) for order in orders], jobs, progress):
        yield learnt
        if learnt.report is not None and learnt.report.interrupted:
            raise KeyboardInterrupt(machine)


def _train(order: Order, progress: ProgressCallback) -> Learnt:
    machine = order.job.machine
    try:
        report = fit_machine(
            order.job, order.recordings, state_dir=order.state_dir, created_s=time.time(), progress=progress
        )
    except MonitorError as error:
        return Learnt(machine, None, str(error) or type(error).__name__)
    return Learnt(machine, report)
