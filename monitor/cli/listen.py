"""`monitor listen`: what a machine's microphone hears now, as a level meter and a spectrogram."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from monitor.cli.options import ConfigOption, MachineArgument, configuration

if TYPE_CHECKING:  # loaded when a command needs them, so that --help answers at once
    from monitor.service.listening import Listening, Look

LOOK_S = 0.1
"""Between two looks on a terminal: a column of the spectrogram."""
LINE_S = 1.0
"""Between two lines where there is no terminal."""


def listen(machine: MachineArgument, config: ConfigOption = None) -> None:
    """Show what the machine's microphone hears, level and spectrogram, until Ctrl-C; in a pipe, lines."""
    loaded = configuration(config)
    loaded.machine(machine)
    from monitor.service.listening import Listening

    listening = Listening(loaded, machine)
    try:
        with _screen(machine) as (show, every_s):
            _follow(listening, show, every_s)
    except KeyboardInterrupt:
        pass
    finally:
        listening.close()


def _follow(listening: Listening, show: Callable[[Look], None], every_s: float) -> None:
    """Look again and again, until a recording ends."""
    ended = listening.look(time.time()).ended
    while not ended:
        time.sleep(every_s)
        look = listening.look(time.time())
        show(look)
        ended = look.ended


@contextmanager
def _screen(machine: str) -> Iterator[tuple[Callable[[Look], None], float]]:
    """Where it is shown, and how often: a picture on a terminal with colours and block characters, else lines."""
    from rich.console import Console
    from rich.live import Live

    from monitor.cli.spectrogram import Spectrogram, line

    console = Console()
    if not (console.is_terminal and console.color_system and console.encoding.startswith("utf")):
        yield (lambda look: typer.echo(line(machine, look))), LINE_S
        return
    picture = Spectrogram(machine, console.width)
    with Live(console=console, auto_refresh=False) as live:
        yield (lambda look: live.update(picture.draw(look), refresh=True)), LOOK_S
