"""`monitor models`: which versions a machine has, and which is in service."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from monitor.cli.options import ConfigOption, JsonOption, MachineArgument, StateDirOption, configuration
from monitor.errors import BadInputError

app = typer.Typer(help="List a machine's model versions and choose the one in service.", no_args_is_help=True)


def _state_dir(config: Path | None, state_dir: Path | None) -> Path:
    return state_dir if state_dir is not None else configuration(config).state_dir


@app.command("list", short_help="List model versions, the oldest first.")
def list_models(
    machine: Annotated[
        str | None, typer.Argument(help="The machine's id; all machines by default.", show_default=False)
    ] = None,
    config: ConfigOption = None,
    state_dir: StateDirOption = None,
    json: JsonOption = False,
) -> None:
    """List model versions, the oldest first, and which one is in service."""
    from monitor.cli.table import print_rows
    from monitor.memcae.artifact import list_versions

    folder = _state_dir(config, state_dir)
    names = [machine] if machine else machines_with_models(folder)
    infos = [info for name in names for info in list_versions(folder, name)]
    rows = [
        {
            "machine": info.machine,
            "version": info.version,
            "in_service": info.current,
            "calibrated": info.calibrated,
            "preset": _preset_name(info.metadata.get("preset")),
            "window_s": info.metadata.get("window_s"),
            "problem": info.problem,
        }
        for info in infos
    ]
    if machine and not rows:
        raise BadInputError(_no_models(folder, machine))
    if not rows and not json:
        typer.echo(f"no models in {folder}; make one with: monitor train MACHINE RECORDINGS...", err=True)
        return
    print_rows(rows, "json" if json else "table")


@app.command("activate", short_help="Put a version into service.")
def activate_model(
    machine: MachineArgument,
    version: Annotated[str, typer.Argument(help="The version, as `monitor models list` names it.", metavar="VERSION")],
    config: ConfigOption = None,
    state_dir: StateDirOption = None,
) -> None:
    """Put a version into service; a running daemon takes it by itself within seconds."""
    from monitor.memcae.artifact import activate

    activate(_state_dir(config, state_dir), machine, version)
    typer.echo(f"{machine}: {version} is in service")


def machines_with_models(state_dir: Path) -> list[str]:
    """The machines that have a folder of models."""
    folder = state_dir / "models"
    return sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []


def _no_models(state_dir: Path, machine: str) -> str:
    from monitor.config.field import suggestion

    known = machines_with_models(state_dir)
    others = f"; there are models of: {', '.join(known)}{suggestion(machine, known)}" if known else ""
    return f"no models of {machine!r} in {state_dir}{others}"


def _preset_name(preset: object) -> object:
    return preset.get("name") if isinstance(preset, dict) else preset
