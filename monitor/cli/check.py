"""`monitor check`: what is configured."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from monitor.cli.options import ConfigOption, config_path, configuration
from monitor.counted import counted
from monitor.errors import ConfigurationError

if TYPE_CHECKING:  # loaded when a command needs it, so that --help answers at once
    from monitor.config import Config


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
    typer.echo(f"{config_path(path)}: valid, {counted(len(loaded.machines), 'machine')}", err=True)
    for missing in _missing(loaded):  # it may well be readable by the service alone
        typer.echo(f"monitor: note: {missing}", err=True)


def _missing(config: Config) -> Iterator[str]:
    """The files that the configuration names and this user cannot find or read, one line each."""
    from monitor.audio.recording_set import find_recordings
    from monitor.config import RecordingSource

    try:
        config.mqtt_password()
    except ConfigurationError as error:
        yield str(error)
    tls = config.mqtt.tls
    for key, path in ({} if tls is None else tls.files).items():
        try:
            path.open("rb").close()
        except OSError as error:
            yield f"mqtt.tls.{key}: {path} cannot be read: {error.strerror}"
    for machine, settings in config.machines.items():
        if isinstance(settings.source, RecordingSource):
            for problem in find_recordings(settings.source.recording).problems:
                yield f"machines.{machine}.source.recording: {problem}"
