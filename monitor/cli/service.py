"""`monitor run`, `monitor replay` and `monitor demo`: the running thing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from monitor.cli import report
from monitor.cli.options import ConfigOption, configuration
from monitor.errors import BadInputError, ConfigurationError, MonitorError

EX_CONFIG = 78
"""sysexits.h: a configuration error; the unit does not restart on it."""


def run(config: ConfigOption = None) -> int:
    """Run the daemon: listen, judge, and publish alarms until SIGTERM or Ctrl-C; SIGHUP reloads the configuration."""
    from monitor.service.signals import end_on_signals, hold_reloads

    hold_reloads()  # it could not be obeyed yet, and would end the process
    try:
        with end_on_signals():  # until the daemon has handlers of its own: torch is loaded first
            loaded = configuration(config)
            from monitor import logs

            logs.configure(loaded.log.level, loaded.log.format)
            from monitor.service.daemon import run_daemon

            return run_daemon(loaded, lambda: configuration(config))
    except ConfigurationError as error:
        report(error)
        raise typer.Exit(EX_CONFIG) from error
    except BadInputError as error:  # may mend itself: a model still to be trained, a share not mounted, a lock held
        report(error)
        raise typer.Exit(MonitorError.exit_code) from error


def replay(
    recordings: Annotated[
        list[str],
        typer.Argument(
            help="MACHINE=FILES: what each machine hears; files, folders or patterns.", metavar="MACHINE=FILES..."
        ),
    ],
    config: ConfigOption = None,
    speed: Annotated[
        str, typer.Option(help="How many times faster than real time, or max for as fast as possible.")
    ] = "max",
) -> None:
    """Send recordings through the whole live path, to the broker, as if heard now, as node NODE-replay."""
    loaded = configuration(config)
    from monitor import logs

    logs.configure(loaded.log.level, loaded.log.format)
    from monitor.service.replay import replay as replay_recordings

    replay_recordings(loaded, by_machine(recordings), factor(speed), typer.echo)


def demo(
    broker: Annotated[
        str | None,
        typer.Option(help="HOST:PORT of a running broker, instead of an embedded one.", show_default=False),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Where its files go. [default: a new temporary folder]", show_default=False, metavar="FOLDER"
        ),
    ] = None,
) -> int:
    """A simulated plant, end to end: train, run, inject a fault, watch the alarm arrive over MQTT."""
    from monitor.demo import run_demo

    return run_demo(broker=broker, folder=out)


def by_machine(arguments: list[str]) -> dict[str, list[str]]:
    """``fan-1=a.wav`` and the like, gathered by machine; words without ``=`` belong to the machine before them.

    Raises:
        BadInputError: the first word names no machine, or one has no files.
    """
    found: dict[str, list[str]] = {}
    machine = None
    for argument in arguments:
        name, equals, files = argument.partition("=")
        if equals and "/" not in name:
            machine = name
            found.setdefault(machine, [])
        else:
            files = argument
        if machine is None:
            raise BadInputError(f"{argument!r} does not say which machine hears it; write MACHINE={argument}")
        if not files:
            raise BadInputError(f"{argument!r} names no recordings; write {name}=FILES")
        found[machine].append(files)
    return found


def factor(speed: str) -> float | None:
    """A speed as written on the command line; None is as fast as possible.

    Raises:
        BadInputError: it is neither a number over 0 and up to 10000 nor ``max``.
    """
    if speed == "max":
        return None
    try:
        value = float(speed)
    except ValueError:
        value = 0.0
    if not 0 < value <= 10_000:
        raise BadInputError(f"--speed: {speed!r} is not a speed; allowed a number over 0 and up to 10000, or max")
    return value
