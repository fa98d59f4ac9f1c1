"""`monitor train-all`: the models of many machines by one command."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from monitor.cli.learning import SeedOption, job_of, tell_page
from monitor.cli.options import (
    ConfigOption,
    DeviceOption,
    JobsOption,
    PrecisionOption,
    StateDirOption,
    check_settings,
    configuration,
    configured_settings,
)
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
    precision: PrecisionOption = "auto",
    seed: SeedOption = 0,
) -> None:
    """Train, calibrate and put in service many machines' models, each from its own folder of normal recordings."""
    loaded = configuration(config)
    if state_dir is not None:
        loaded = loaded.model_copy(update={"state_dir": state_dir})
    if device is not None:
        loaded = loaded.model_copy(update={"device": device})
    root = recordings or loaded.state_dir / "recordings"
    found = _recordings(loaded, machines or [], root)
    chosen = [machine for machine in found if not (missing and _has_model(loaded, machine))]
    if not chosen:
        typer.echo("every machine with recordings has a model; leave out --missing to train them anew", err=True)
        return
    orders = [_order(loaded, machine, found[machine], seed, precision) for machine in chosen]
    if _train(orders, jobs):
        raise typer.Exit(1)


def _recordings(config: Config, named: list[str], root: Path) -> dict[str, tuple[Path, ...]]:
    """The files of each machine that is to be trained, in the configuration's order.

    Raises:
        BadInputError: one is not configured or has no recordings, or there is none at all.
    """
    from monitor.audio.recording_set import find_recordings

    for machine in named:
        config.machine(machine)
    folders = {machine: root / machine for machine in config.machines if not named or machine in named}
    files = {name: find_recordings([str(folder)]).files for name, folder in folders.items() if folder.is_dir()}
    without = [machine for machine in folders if not files.get(machine)]
    if named and without:
        raise BadInputError("\n".join(f"{folders[machine]}: no recordings of {machine}" for machine in without))
    if len(without) == len(folders):
        raise BadInputError(f"{root}: no recordings of any machine; record them with: monitor record MACHINE")
    for machine in without:
        typer.echo(f"monitor: skipped: {machine}: no recordings in {folders[machine]}", err=True)
    return {machine: found for machine, found in files.items() if found}


def _has_model(config: Config, machine: str) -> bool:
    from monitor.memcae.artifact import list_versions

    return any(version.current for version in list_versions(config.state_dir, machine))


def _order(config: Config, machine: str, recordings: tuple[Path, ...], seed: int, precision: str) -> Order:
    from monitor.learn.plant import Order

    settings = configured_settings(machine, config, None)
    check_settings(settings)
    return Order(job_of(settings, seed, precision), recordings, settings.state_dir)


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
