"""`monitor record`, `monitor train` and `monitor calibrate`: from a microphone to a model and its thresholds."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from monitor.cli.options import (
    ConfigOption,
    DeviceOption,
    HopOption,
    MachineArgument,
    MachineSettings,
    PrecisionOption,
    RecordingsArgument,
    StateDirOption,
    WindowOption,
    configuration,
    machine_settings,
    precision_named,
)
from monitor.counted import counted
from monitor.errors import RecordingError

if TYPE_CHECKING:  # loaded when a command needs them, so that --help answers at once
    from monitor.audio.source import Source
    from monitor.config import Config
    from monitor.learn.job import Job
    from monitor.learn.record import Recorded
    from monitor.learn.report import RecalibrateReport, TrainReport

SeedOption = Annotated[int, typer.Option(min=0, help="Of the random numbers: one seed gives one model.")]


def record(
    machine: MachineArgument,
    minutes: Annotated[
        float, typer.Option(min=0.1, max=10_080, help="How much normal sound to record, up to a week.")
    ] = 20.0,
    config: ConfigOption = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Where the FLAC files go. [default: recordings/MACHINE in the state directory]",
            show_default=False,
            metavar="FOLDER",
        ),
    ] = None,
) -> None:
    """Record normal sound from the machine's microphone, with a level meter; Ctrl-C keeps what there is."""
    loaded = configuration(config)
    loaded.machine(machine)
    from monitor.cli.progress import level_meter
    from monitor.learn.record import record as record_sound

    source, channel = listen(loaded, machine)
    folder = out or loaded.state_dir / "recordings" / machine
    with level_meter(machine, minutes * 60) as meter:
        recorded = record_sound(source, channel, machine, folder, minutes * 60, meter)
    _tell(machine, folder, recorded)
    if not recorded.files:
        raise typer.Exit(1)


def train(
    machine: MachineArgument,
    recordings: RecordingsArgument,
    config: ConfigOption = None,
    state_dir: StateDirOption = None,
    preset: Annotated[
        str | None,
        typer.Option(
            help="default, paper or paper-literal. [default: the configuration's]", show_default=False, metavar="NAME"
        ),
    ] = None,
    window_s: WindowOption = None,
    hop_s: HopOption = None,
    device: DeviceOption = None,
    precision: PrecisionOption = "auto",
    seed: SeedOption = 0,
) -> None:
    """Train a model on recordings of normal sound, calibrate it and put it in service; Ctrl-C keeps the best so far."""
    settings = machine_settings(machine, config, state_dir, device, window_s, hop_s, preset)
    files = find(recordings)
    job = job_of(settings, seed, precision)
    from monitor.cli.progress import training_progress
    from monitor.learn.fit import fit_machine
    from monitor.learn.report import train_lines

    with training_progress() as progress:
        report = fit_machine(job, files, state_dir=settings.state_dir, created_s=time.time(), progress=progress)
    typer.echo("\n".join(train_lines(report)))
    tell_page(report)


def calibrate(
    machine: MachineArgument,
    recordings: RecordingsArgument,
    config: ConfigOption = None,
    state_dir: StateDirOption = None,
    hop_s: HopOption = None,
    device: DeviceOption = None,
    accept: Annotated[
        bool,
        typer.Option("--accept", help="Take the recordings even where they score far too high, or are far too short."),
    ] = False,
) -> None:
    """Set the thresholds anew from fresh normal recordings, without training, and say what changed."""
    settings = machine_settings(machine, config, state_dir, device, hop_s=hop_s)
    files = find(recordings)
    from monitor.cli.progress import training_progress
    from monitor.learn.calibrate import recalibrate
    from monitor.learn.job import CalibrateJob
    from monitor.learn.report import recalibrate_lines

    job = CalibrateJob(
        machine=settings.machine,
        hop_s=settings.hop_s,
        budget=settings.budget,
        rule=settings.rule,
        accept=accept,
        device=settings.device,
        channel=settings.channel,
    )
    with training_progress() as progress:
        report = recalibrate(job, files, state_dir=settings.state_dir, created_s=time.time(), progress=progress)
    typer.echo("\n".join(recalibrate_lines(report)))
    tell_page(report)


def job_of(settings: MachineSettings, seed: int, precision: str) -> Job:
    """The settings of the machine's training.

    Raises:
        BadInputError: there is no such precision.
    """
    from monitor.learn.job import Job
    from monitor.memcae.preset import PRESETS

    return Job(
        machine=settings.machine,
        preset=PRESETS[settings.preset],
        window_s=settings.window_s,
        hop_s=settings.hop_s,
        budget=settings.budget,
        rule=settings.rule,
        seed=seed,
        device=settings.device,
        precision=precision_named(precision),
        channel=settings.channel,
    )


def find(patterns: list[str]) -> tuple[Path, ...]:
    """The recordings that these names stand for; names that stand for none are told on stderr.

    Raises:
        RecordingError: none was found.
    """
    from monitor.audio.recording_set import find_recordings

    found = find_recordings(patterns)
    if not found.files:
        raise RecordingError("\n".join(found.problems) or "no recordings")
    for problem in found.problems:
        typer.echo(f"monitor: skipped: {problem}", err=True)
    return found.files


def listen(config: Config, machine: str) -> tuple[Source, int]:
    """The machine's source and the index of its channel, as the daemon would hear it, but healthy and without waiting.

    What is simulated or read from files needs no real time; and a simulated fault is not normal sound.
    """
    from monitor.config import RecordingSource, SimulatedSource
    from monitor.service.sources import ear_alone

    source = config.machine(machine).source
    changes: dict[str, object] = {"speed": "max"} if isinstance(source, RecordingSource | SimulatedSource) else {}
    if isinstance(source, SimulatedSource):
        changes["fault"] = None
    ear = ear_alone(config, machine, changes)
    return ear.source, ear.channel(machine)


def tell_page(report: TrainReport | RecalibrateReport) -> None:
    """Write the page with pictures and say where it is; what fails is a note, since the model is in service."""
    from monitor.learn.html_report import write_page

    written = write_page(report)
    for problem in written.problems:
        typer.echo(f"monitor: note: {problem}", err=True)
    if written.path is not None:
        typer.echo(f"report with pictures: {written.path}")


def _tell(machine: str, folder: Path, recorded: Recorded) -> None:
    for warning in recorded.warnings():
        typer.echo(f"monitor: note: {warning}", err=True)
    stopped = " (interrupted)" if recorded.interrupted else ""
    files = counted(len(recorded.files), "file")
    typer.echo(f"{machine}: {recorded.seconds / 60:.1f} minutes in {files} in {folder}{stopped}")
    if recorded.files:
        typer.echo(f"next: monitor train {machine} {folder}")
