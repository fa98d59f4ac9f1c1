"""`monitor check`: what is configured."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from monitor.cli.options import ConfigOption, config_path, configuration
from monitor.errors import ConfigurationError


def check(
    file: Annotated[
        Path | None, typer.Argument(help="The configuration file; the same as --config.", show_default=False)
    ] = None,
    config: ConfigOption = None,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema for editors instead.")] = False,
) -> None:
    """Validate the configuration and print it with every default filled in; secrets are not shown."""
    if schema:
        from monitor.config.schema import schema_text

        sys.stdout.write(schema_text())
        return
    from monitor.config.effective import effective_text

    path = file or config
    loaded = configuration(path)
    sys.stdout.write(effective_text(loaded))
    machines = f"{len(loaded.machines)} machine{'s' if len(loaded.machines) != 1 else ''}"
    typer.echo(f"{config_path(path)}: valid, {machines}", err=True)
    try:
        loaded.mqtt_password()
    except ConfigurationError as error:  # it may well be readable by the service alone
        typer.echo(f"monitor: note: {error}", err=True)
