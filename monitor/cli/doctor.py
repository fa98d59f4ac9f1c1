"""`monitor doctor`: why no alarms come."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from monitor.cli.options import ConfigOption, config_path, configuration
from monitor.errors import ConfigurationError

if TYPE_CHECKING:  # loaded when a command needs them, so that --help answers at once
    from pathlib import Path

    from monitor.doctor.finding import Finding


def doctor(
    config: ConfigOption = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> int:
    """Look through the whole installation, changing nothing: what is wrong, and what to do about it."""
    import json as encoder

    from monitor.doctor.finding import document, failed, line, summary

    findings = []
    for finding in _findings(config):
        findings.append(finding)
        if not json:
            typer.echo(line(finding))
    typer.echo(encoder.dumps(document(findings), indent=2, ensure_ascii=False) if json else summary(findings))
    return 1 if failed(findings) else 0


def _findings(config: Path | None) -> Iterator[Finding]:
    from monitor.doctor.examine import examine, examine_without

    try:
        loaded = configuration(config)
    except ConfigurationError as error:
        return examine_without(error.problems)
    return examine(loaded, config_path(config))
