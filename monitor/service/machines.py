"""The machines that are watched: each one's model and calibration from disk, and whether newer ones are there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from monitor.config import Config
from monitor.detect.alarm import AlarmPolicy
from monitor.detect.budget import Budget
from monitor.detect.calibration import Calibration
from monitor.detect.finding import MicrophoneFault
from monitor.detect.microphone import MicrophonePolicy
from monitor.detect.pipeline import DetectorPolicy, MachineDetector
from monitor.errors import ArtifactError
from monitor.memcae.artifact import CALIBRATION_FILE, CURRENT, load_calibration, load_model
from monitor.memcae.model import MachineModel
from monitor.service.sources import describe


@dataclass(frozen=True, slots=True)
class Watched:
    """One machine, ready to be judged; without a model its sound is heard but unknown."""

    machine: str
    source: str
    """Where its sound comes from, in words."""
    detector: MachineDetector
    model: MachineModel | None = None
    problem: str | None = None
    """Why it has no model or no calibration; one line."""
    warning: str | None = None
    """Why the calibration in force does not promise what it says here; one line."""
    seen: tuple[str, int] = ("", 0)
    """Its `stamp` just before it was read: another one since means that there is something newer."""

    @property
    def calibration(self) -> Calibration | None:
        """The calibration in force."""
        return self.detector.calibration


def watch_all(config: Config, stopped: Callable[[], bool] = lambda: False) -> Mapping[str, Watched]:
    """Every configured machine; one whose model is missing or damaged is there without it, and says why.

    Args:
        config: of the node.
        stopped: whether nobody wants them any more; the machines that are still to be read are then left out.
    """
    return {machine: watch(config, machine) for machine in config.machines if not stopped()}


def watch(config: Config, machine: str) -> Watched:
    """One configured machine, from what is on disk now."""
    seen = stamp(config.state_dir, machine)  # first: what is put in service while this reads is then found afterwards
    return replace(_read(config, machine), seen=seen)


def _read(config: Config, machine: str) -> Watched:
    settings = config.machine(machine)
    policy = DetectorPolicy(
        alarm=settings.alarm_policy(),
        life=settings.life_policy(),
        running=settings.running_policy(),
        microphone=MicrophonePolicy(frozenset(map(MicrophoneFault, settings.ignored_faults))),
    )
    source = describe(settings.source)
    blind = MachineDetector(machine, None, policy, config.hop_s)
    try:
        model = load_model(config.state_dir, machine)
    except ArtifactError as error:
        return Watched(machine, source, blind, problem=str(error))
    try:
        calibration = read_calibration(config.state_dir, machine, model.version)
    except ArtifactError as error:
        return Watched(machine, source, blind, model, str(error))
    if calibration is None:
        missing = f"{machine}: model {model.version} has no calibration; `monitor calibrate {machine} RECORDINGS...`"
        return Watched(machine, source, blind, model, missing)
    detector = MachineDetector(machine, calibration, policy, config.hop_s)
    return Watched(machine, source, detector, model, warning=mismatch(config, machine, calibration))


def mismatch(config: Config, machine: str, calibration: Calibration) -> str | None:
    """What is configured otherwise than the machine was calibrated for; one line, None when all is the same.

    The false alarms that a calibration promises are counted for one way of cutting windows and one rule; with another
    the threshold still holds, but nobody knows how often it is passed. So it stays in force, and this is told.
    """
    rule, calibrated = config.machine(machine).alarm_policy(), calibration.rule
    pairs = (
        ("window_s", f"{config.window_s:g}", f"{calibration.window_s:g}"),
        ("hop_s", f"{config.hop_s:g}", f"{calibration.hop_s:g}"),
        ("alarm.raise", _votes(rule), _votes(calibrated)),
        ("alarm.clear_after_s", f"{rule.clear_after_s:g}", f"{calibrated.clear_after_s:g}"),
        ("false_alarms", _allowed(config.machine(machine).budget()), _allowed(calibration.budget)),
    )
    differing = [f"{key} is {live}, calibrated for {then}" for key, live, then in pairs if live != then]
    if not differing:
        return None
    remedy = "train" if config.window_s != calibration.window_s else "calibrate"
    return (
        f"{machine}: {'; '.join(differing)}: the promised number of false alarms does not hold; "
        f"`monitor {remedy} {machine} RECORDINGS...` makes a new promise"
    )


def _votes(rule: AlarmPolicy) -> str:
    return f"{rule.raise_count} of {rule.raise_window}"


def _allowed(budget: Budget) -> str:
    return f"{budget.at_most:g} per {budget.per}"


def read_calibration(state_dir: Path, machine: str, version: str) -> Calibration | None:
    """The calibration of one version of the model; None when it has none.

    Raises:
        ArtifactError: it is damaged, or written by another version of this program.
    """
    stored = load_calibration(state_dir, machine, version)
    try:
        return None if stored is None else Calibration.from_dict(stored)
    except ValueError as error:
        path = state_dir / "models" / machine / version / CALIBRATION_FILE
        raise ArtifactError(f"{path}: {error}") from error


def stamp(state_dir: Path, machine: str) -> tuple[str, int]:
    """Changes whenever another version is put in service or its calibration is replaced."""
    link = state_dir / "models" / machine / CURRENT
    try:
        version = str(link.readlink())
    except OSError:
        return "", 0
    try:
        return version, (link / CALIBRATION_FILE).stat().st_mtime_ns
    except OSError:
        return version, 0
