"""The command table: every command, in the order in which a newcomer needs them."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from monitor.cli import alarms, check, devices, doctor, evaluate, learning, level, listen, models, plant, score, service


def command() -> Any:  # noqa: ANN401  a click command; typer does not give out the type
    """The whole command line."""
    # Plain help: rich panels would cost as much time as everything else together.
    app = typer.Typer(
        name="monitor",
        help="Listens to machines, learns their normal sound, and raises an alarm over MQTT when it changes.",
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_options)
    # In the list each command has its own few words, which end within a terminal of 80 columns.
    app.command("run", short_help="Run the daemon: listen, judge and publish alarms.")(service.run)
    app.command("demo", short_help="A simulated plant, end to end, with nothing to prepare.")(service.demo)
    app.command("devices", short_help="List sound devices, how to name them, and live levels.")(devices.devices)
    app.command("listen", short_help="Show what a machine's microphone hears now.")(listen.listen)
    app.command("record", short_help="Record normal sound from a machine's microphone.")(learning.record)
    app.command("train", short_help="Learn the normal sound of a machine and put it in service.")(learning.train)
    app.command("train-all", short_help="Learn the normal sound of many machines, several at once.")(plant.train_all)
    app.command("calibrate", short_help="Set new thresholds from fresh normal recordings.")(learning.calibrate)
    app.command("level", short_help="Measure the level below which a machine counts as off.")(level.level)
    app.command("score", short_help="Score recordings, one row per window.")(score.score)
    app.command("replay", short_help="Send recordings through the whole live path.")(service.replay)
    app.command("evaluate", short_help="Measure how well it detects, on a DCASE data set.")(evaluate.evaluate)
    app.command("check", short_help="Find every mistake in the configuration and print it whole.")(check.check)
    app.command("doctor", short_help="Look through the whole installation, changing nothing.")(doctor.doctor)
    app.add_typer(alarms.app, name="alarms", short_help="List alarms, acknowledge and silence them, see who did.")
    app.add_typer(models.app, name="models")
    return typer.main.get_command(app)


def _print_version(wanted: bool) -> None:
    if wanted:
        import monitor

        typer.echo(f"monitor {monitor.__version__}")
        raise typer.Exit


def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    del version  # acted on by its callback
