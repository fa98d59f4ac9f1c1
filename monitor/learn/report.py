"""What a training or a calibration did, as a record and as lines for a person."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from monitor.counted import counted
from monitor.detect.calibration import Calibration
from monitor.learn import wording
from monitor.learn.memory_use import MemoryUse
from monitor.learn.normal_spectrum import NormalSpectrum
from monitor.learn.precision import Arithmetic


@dataclass(frozen=True, slots=True)
class TrainReport:
    """What `fit_machine` did."""

    machine: str
    version: str
    """Id of the stored version, in service from now on."""
    folder: Path
    preset: str
    recordings: tuple[Path, ...]
    """Files that were learnt from."""
    seconds: tuple[float, ...]
    """Length of each of them."""
    problems: tuple[str, ...]
    """One line for each file that was skipped."""
    warnings: tuple[str, ...]
    """What the reader should know before they trust the model; one line each."""
    audio_s: float
    """Normal sound in all, seconds."""
    steps: int
    """Gradient steps of the network that was kept."""
    precision: Arithmetic
    """What the steps were computed in."""
    loss: float
    """Its loss on normal sound: held out where it stopped by it, else the last training loss."""
    losses: tuple[tuple[int, float, float], ...]
    """The training, check by check: steps done, training loss, held-out loss (NaN where nothing was held out)."""
    interrupted: bool
    """Whether Ctrl-C ended the training early."""
    memory: MemoryUse | None
    """None for a network without a memory."""
    scores: tuple[NDArray[np.float64], ...]
    """Out-of-sample scores per recording (or part of one), in order; NaN-free."""
    sources: tuple[int, ...]
    """Index into `recordings` of what each of `scores` is of."""
    outlying: tuple[int, ...]
    """Indices into `scores` of recordings unlike all others, which moved the threshold only in part."""
    spectrum: NormalSpectrum
    calibration: Calibration


@dataclass(frozen=True, slots=True)
class RecalibrateReport:
    """What `recalibrate` did, or would have done."""

    machine: str
    version: str
    """Id of the model that scored."""
    folder: Path
    """Of that version."""
    recordings: tuple[Path, ...]
    """Files that the new calibration stands on."""
    seconds: tuple[float, ...]
    """Length of each of them."""
    problems: tuple[str, ...]
    """One line for each file that was skipped."""
    warnings: tuple[str, ...]
    old: Calibration | None
    """None when the model had none."""
    new: Calibration
    scores: tuple[NDArray[np.float64], ...]
    """Scores per recording, in order."""
    spectrum: NormalSpectrum

    @property
    def calibration(self) -> Calibration:
        """The new one."""
        return self.new

    @property
    def sources(self) -> tuple[int, ...]:
        """Index into `recordings` of what each of `scores` is of: here one for one."""
        return tuple(range(len(self.recordings)))


def train_lines(report: TrainReport) -> tuple[str, ...]:
    """The report of a training, a line for each thing to know."""
    minutes = report.audio_s / 60
    lines = [
        f"{report.machine}: version {report.version} in service",
        f"learnt from {counted(len(report.recordings), 'recording')}, {minutes:.1f} minutes, preset {report.preset}: "
        + steps_line(report),
    ]
    if report.memory is not None:
        lines.append(memory_line(report.memory))
    return (*lines, *_promise(report.calibration, "train"), *_doubts(report))


def recalibrate_lines(report: RecalibrateReport) -> tuple[str, ...]:
    """The report of a calibration: what changed, and what it promises."""
    windows = counted(sum(len(each) for each in report.scores), "window")
    lines = [f"{report.machine}: calibrated anew on {counted(len(report.recordings), 'recording')}, {windows}"]
    if report.old is not None:
        lines.append(
            f"threshold {report.old.threshold:.3g} -> {report.new.threshold:.3g}, "
            f"normal level {report.old.location:.3g} -> {report.new.location:.3g}"
        )
    return (*lines, *_promise(report.new, "calibrate"), *_doubts(report))


def steps_line(report: TrainReport) -> str:
    """How the training of the network went, in few words."""
    unlike = "" if report.precision == "float32" else f" in {report.precision}"
    return f"{report.steps} steps{unlike}, loss {report.loss:.4g}" + (", interrupted" if report.interrupted else "")


def memory_line(use: MemoryUse) -> str:
    """How the memory is used, one line."""
    return (
        f"memory: {use.perplexity:.0f} of {use.slots} slots in use, {use.per_query:.0f} mixed into an answer, "
        f"{use.dead_slots:.0%} dead"
    )


def _promise(calibration: Calibration, command: str) -> tuple[str, ...]:
    """What the threshold is, what it promises, and what is missing, as lines."""
    return (
        wording.levels(calibration),
        wording.method(calibration),
        wording.expectation(calibration),
        wording.outcome(calibration, command),
        *(f"WARNING: {line}" for line in wording.warning(calibration)),
    )


def _doubts(report: TrainReport | RecalibrateReport) -> tuple[str, ...]:
    skipped = tuple(f"skipped: {problem}" for problem in report.problems)
    return (*(f"note: {warning}" for warning in report.warnings), *skipped)
