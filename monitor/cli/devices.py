"""`monitor devices`: what there is to listen with, and how loud it is there now."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from monitor.cli.options import JsonOption

if TYPE_CHECKING:  # loaded when a command needs them, so that --help answers at once
    from monitor.audio.devices import SoundDevice
    from monitor.audio.meters import Level
    from monitor.cli.table import Row

LOOK_S = 0.25
"""Between two looks on a terminal: what the eye follows."""
LINE_S = 1.0
"""Between two lines where there is no terminal."""


def devices(
    only: Annotated[
        list[str] | None,
        typer.Argument(help="Only these, as they are listed.", show_default=False, metavar="MICROPHONE..."),
    ] = None,
    json: JsonOption = False,
    watch: Annotated[bool, typer.Option("--watch", help="Show how loud each channel is, until Ctrl-C.")] = False,
) -> None:
    """List the sound devices: what to write after `microphone:`, channels and rates; with --watch, how loud each is."""
    from monitor.audio.capture.process import list_devices
    from monitor.audio.cards import read_cards
    from monitor.audio.devices import find_device, taken_devices

    cards = read_cards()
    found = list_devices()
    chosen = [find_device(selector, found, cards) for selector in only] if only else list(found)
    taken = () if only else taken_devices(found, cards)
    if not chosen and not taken and not json:
        typer.echo("no sound device with an input was found", err=True)
        raise typer.Exit(1)
    if watch:
        _watch(chosen, json=json)
        return
    from monitor.cli.table import print_rows

    rows = [*map(_row, chosen), *(_taken_row(selector, name) for selector, name in taken)]
    if json:
        print_rows(rows, "json")
        return
    print_rows([{**row, "or": _joined(row["or"]), "rates_hz": _joined(row["rates_hz"])} for row in rows], "table")


def _row(device: SoundDevice) -> Row:
    return {
        "microphone": device.selector,
        "or": list(device.others),
        "channels": device.channels,
        "rate_hz": device.native_rate_hz,
        "rates_hz": list(device.rates_hz),
        "name": device.name,
        "host_api": device.host_api,
    }


def _taken_row(selector: str, name: str) -> Row:
    return {
        "microphone": selector,
        "or": [],
        "channels": None,
        "rate_hz": None,
        "rates_hz": [],
        "name": f"{name}: in use by another program, or failing",
        "host_api": "ALSA",
    }


def _joined(values: object) -> str | None:
    return ", ".join(map(str, values)) if isinstance(values, list) and values else None


def _watch(chosen: Sequence[SoundDevice], *, json: bool) -> None:
    """Look again and again, until Ctrl-C."""
    from monitor.audio.meters import Meters

    meters = Meters(chosen)
    try:
        with _screen(json=json) as (show, every_s):
            while True:
                time.sleep(every_s)
                show(meters.look(time.time()))
    except KeyboardInterrupt:
        pass
    finally:
        meters.close()


@contextmanager
def _screen(*, json: bool) -> Iterator[tuple[Callable[[Sequence[Level]], None], float]]:
    """Where levels are shown, and how often: a table that stands still on a terminal, else lines."""
    from rich.console import Console
    from rich.live import Live

    from monitor.cli.meters import json_lines, level_table, lines

    console = Console()
    if json or not console.is_terminal:
        say = json_lines if json else lines
        yield (lambda levels: typer.echo("\n".join(say(levels)))), LINE_S
        return
    with Live(console=console, auto_refresh=False, transient=False) as live:
        yield (lambda levels: live.update(level_table(levels), refresh=True)), LOOK_S
