"""`monitor score`: what a machine's model says of recordings, window by window."""

from __future__ import annotations

from typing import Annotated

import typer

from monitor.cli.options import (
    ConfigOption,
    DeviceOption,
    HopOption,
    JsonOption,
    MachineArgument,
    StateDirOption,
    machine_settings,
)
from monitor.counted import counted
from monitor.errors import BadInputError, RecordingError

VERDICT_STYLES = {"alarm": "bold red", "warning": "yellow", "normal": "green", "invalid": "magenta"}
"""Colours of the verdicts in the table."""


def score(
    machine: MachineArgument,
    files: Annotated[
        list[str], typer.Argument(help="WAV or FLAC files, folders or glob patterns.", metavar="FILES...")
    ],
    config: ConfigOption = None,
    state_dir: StateDirOption = None,
    version: Annotated[
        str | None, typer.Option(help="A model version. [default: the one in service]", show_default=False)
    ] = None,
    hop_s: HopOption = None,
    device: DeviceOption = None,
    json: JsonOption = False,
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV with a header line.")] = False,
) -> None:
    """Score recordings, one row per window; one that is shorter than a window is scored whole."""
    if json and csv:
        raise BadInputError("--json and --csv: only one of them")
    settings = machine_settings(machine, config, state_dir, device, hop_s=hop_s)
    from monitor.cli.learning import find
    from monitor.cli.table import print_rows

    paths = find(files)
    from monitor.learn.scoring import load_model, score_recordings

    model = load_model(settings.state_dir, machine, version, device=settings.device)
    skipped: list[str] = []
    rows = [
        {
            "recording": str(row.recording),
            "start_s": row.window.start_s,
            "score": row.window.value,
            "threshold": row.window.threshold,
            "verdict": row.window.verdict,
            "views": dict(row.window.views),
        }
        for row in score_recordings(model, paths, hop_s=hop_s, channel=settings.channel, skipped=skipped.append)
    ]
    if not rows:
        raise RecordingError("\n".join(skipped) or "no recording could be scored")
    print_rows(rows, "json" if json else "csv" if csv else "table", VERDICT_STYLES)
    for problem in skipped:
        typer.echo(f"monitor: skipped: {problem}", err=True)
    alarms = sum(row["verdict"] == "alarm" for row in rows)
    recordings = len({row["recording"] for row in rows})
    typer.echo(
        f"{counted(len(rows), 'window')} of {counted(recordings, 'recording')}, {alarms} over the alarm threshold, "
        f"{len(skipped)} skipped",
        err=True,
    )
