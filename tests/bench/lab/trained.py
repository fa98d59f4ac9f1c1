"""Machines trained by the program's own training, scored by its fleet, and judged by its live path."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from monitor.audio.windows import Window
from monitor.detect.alarm import AlarmEvent, AlarmPolicy, Transition
from monitor.detect.budget import Budget
from monitor.detect.calibration import Calibration
from monitor.detect.pipeline import DetectorState, MachineDetector
from monitor.errors import ArtifactError
from monitor.learn.fit import fit_machine
from monitor.learn.job import Job
from monitor.memcae import artifact
from monitor.memcae.fleet import Fleet
from monitor.memcae.preset import Preset
from monitor.memcae.score import Score
from tests.bench.lab.machine import NOW_S, WINDOW_S, Machine, Recordings, record

BATCH = 6
"""Windows scored at once: bounds memory; more are no faster."""


@dataclass(frozen=True, slots=True)
class Trained:
    """A machine's model in service."""

    name: str
    fleet: Fleet
    calibration: Calibration

    def scores(self, windows: Iterable[Window]) -> Iterator[Score]:
        """The scores of its windows, in order."""
        waiting = iter(windows)
        while batch := list(itertools.islice(waiting, BATCH)):
            yield from self.fleet.score(batch)

    def replay(
        self, scores: Iterable[Score], state: DetectorState | None = None
    ) -> tuple[tuple[Transition, ...], DetectorState]:
        """Every transition that the live path makes of these scores, and the state that it ends in."""
        detector = MachineDetector(self.name, self.calibration)
        state = detector.initial() if state is None else state
        found: list[Transition] = []
        for score in scores:
            outcome = detector.step(state, score, score.end_s)
            state = outcome.state
            found += outcome.transitions
        return tuple(found), state


def raised(transitions: Iterable[Transition], kind: str) -> list[float]:
    """When alarms of this kind (`anomaly`, `drift`) were raised, UTC seconds."""
    return [each.at_s for each in transitions if each.event is AlarmEvent.RAISED and each.kind == kind]


def train(machine: Machine, preset: Preset, recordings: Recordings, folder: Path) -> Trained:
    """Record, train and calibrate at the default budget and rule; what ``folder`` holds already is not done again."""
    try:
        return stored(folder, machine.name)
    except ArtifactError:
        files = record(folder / "recordings" / machine.name, machine, recordings)
        trained = train_files(machine.name, files, preset, (WINDOW_S, WINDOW_S), folder)
        for file in files:  # a hundred machines would fill a disk
            file.unlink()
        return trained


def train_files(
    name: str, files: Sequence[Path], preset: Preset, window_hop_s: tuple[float, float], folder: Path, channel: int = 0
) -> Trained:
    """Train and calibrate on recordings at the default budget and rule."""
    job = Job(name, preset, *window_hop_s, Budget(), AlarmPolicy(), device="cpu", channel=channel)
    fit_machine(job, files, state_dir=folder, created_s=float(NOW_S))
    return stored(folder, name)


def stored(folder: Path, name: str) -> Trained:
    """The model that was trained before.

    Raises:
        ArtifactError: there is none.
    """
    model = artifact.load_model(folder, name)
    known = artifact.load_calibration(folder, name)
    if known is None:
        raise ArtifactError(f"{folder}: {name} is not calibrated")
    return Trained(name, Fleet({name: model}, "cpu"), Calibration.from_dict(known))
