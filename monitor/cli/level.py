"""`monitor level`: how loud a machine is when it is off, for the configuration."""

from __future__ import annotations

from typing import Annotated

import typer

from monitor.cli.options import ConfigOption, MachineArgument, StateDirOption, WindowOption, machine_settings


def level(
    machine: MachineArgument,
    off: Annotated[list[str], typer.Argument(help="Recordings of the machine when it is off.", metavar="OFF...")],
    running: Annotated[
        list[str] | None,
        typer.Option(help="Recordings of it running, one name each; may be given again.", show_default=False),
    ] = None,
    config: ConfigOption = None,
    state_dir: StateDirOption = None,
    window_s: WindowOption = None,
) -> None:
    """Measure the level below which the machine counts as off, and print what to configure."""
    settings = machine_settings(machine, config, state_dir, window_s=window_s)
    from monitor.cli.learning import find
    from monitor.learn.stopped import measure

    found = measure(find(off), find(running) if running else (), settings.window_s, settings.channel)
    for problem in found.problems:
        typer.echo(f"monitor: skipped: {problem}", err=True)
    louder = "" if found.running_least is None else f", running from {found.running_least:.1f} dBFS on"
    typer.echo(f"{machine}: off up to {found.off_most:.1f} dBFS{louder}", err=True)
    typer.echo(f"stopped: {{below_dbfs: {found.below:g}}}")
