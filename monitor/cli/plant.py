"""`monitor train-all`: the models of many machines by one command."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from monitor.cli.learning import SeedOption, job_of, tell_page
from monitor.cli.options import ConfigOption, DeviceOption, JobsOption, StateDirOption, configuration, machine_settings
from monitor.errors import BadInputError

if TYPE_CHECKING:  # loaded when a command needs them, so that --help answers at once
    from monitor.config import Config
    from monitor.learn.plant import Order


def train_all(
    machines: Annotated[
        list[str] | None,
        typer.Argument(
            help="Machines' ids; all that are configured and have recordings by default.",
            metavar="[MACHINE]...",
            show_default=False,
        ),
    ] = None,
    recordings: Annotated[
        Path | None,
        typer.Option(
            help="A folder that has one of recordings for each machine, by its id. "
            "[default: recordings in the state directory, where `monitor record` puts them]",
            metavar="FOLDER",
            show_default=False,
        ),
    ] = None,
    missing: Annotated[bool, typer.Option("--missing", help="Only machines that have no model yet.")] = False,
    jobs: JobsOption = 1,
    config: ConfigOption = None,
    state_dir: StateDirOption = None,
    device: DeviceOption = None,
    seed: SeedOption = 0,
) -> None:
    """Train, calibrate and put in service many machines' models, each from its own folder of normal recordings."""
    loaded = configuration(config)
    if state_dir is not None:
        loaded = loaded.model_copy(update={"state_dir": state_dir})
    root = recordings or loaded.state_dir / "recordings"
    chosen = _chosen(loaded, machines or [], root, missing=missing)
    if not chosen:
        typer.echo("every machine with recordings has a model; leave out --missing to train them anew", err=True)
        return
    orders = [_order(machine, root, config, state_dir, device, seed) for machine in chosen]
    failed = _train(orders, jobs)
    if failed:
        raise typer.Exit(1)


def _chosen(config: Config, named: list[str], root: Path, *, missing: bool) -> list[str]:
    """The machines to train, in the configuration's order.

    Raises:
        BadInputError: one is not configured or has no recordings, or there is none at all.
    """
    for machine in named:
        config.machine(machine)
    without = [machine for machine in config.machines if not _has_recordings(root / machine)]
    lacking = [machine for machine in named if machine in without]
    if lacking:
        raise BadInputError("\n".join(f"{root / machine}: no recordings of {machine}" for machine in lacking))
    if len(without) == len(config.machines):
        raise BadInputError(f"{root}: no recordings of any machine; record them with: monitor record MACHINE")
    if not named:
        for machine in without:
            typer.echo(f"monitor: skipped: {machine}: no recordings in {root / machine}", err=True)
    chosen = [machine for machine in config.machines if machine not in without and (not named or machine in named)]
    if not missing:
        return chosen
    from monitor.memcae.artifact import list_versions

    return [machine for machine in chosen if not any(one.current for one in list_versions(config.state_dir, machine))]


def _has_recordings(folder: Path) -> bool:
    from monitor.audio.recording_set import find_recordings

    return folder.is_dir() and bool(find_recordings([str(folder)]).files)


def _order(
    machine: str, root: Path, config: Path | None, state_dir: Path | None, device: str | None, seed: int
) -> Order:
    from monitor.audio.recording_set import find_recordings
    from monitor.learn.plant import Order

    settings = machine_settings(machine, config, state_dir, device, configured=True)
    return Order(job_of(settings, seed), find_recordings([str(root / machine)]).files, settings.state_dir)


def _train(orders: list[Order], jobs: int) -> int:
    """Train and tell of each; the number of machines that got no model."""
    from monitor.cli.progress import bars_of
    from monitor.learn.plant import train_plant
    from monitor.learn.report import train_lines

    failed = 0
    with bars_of("machines", len(orders)) as progress:
        for learnt in train_plant(orders, jobs=jobs, progress=progress):
            if learnt.report is None:
                failed += 1
                for line in learnt.problem.splitlines():
                    typer.echo(f"monitor: failed: {learnt.machine}: {line}", err=True)
                continue
            typer.echo("\n".join(train_lines(learnt.report)))
            tell_page(learnt.report)
            typer.echo("")
    typer.echo(f"{len(orders) - failed} of {len(orders)} machines have a new model in service")
    return failed
