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
    app.command("run")(service.run)
    app.command("demo")(service.demo)
    app.command("devices")(devices.devices)
    app.command("listen")(listen.listen)
    app.command("record")(learning.record)
    app.command("train")(learning.train)
    app.command("train-all")(plant.train_all)
    app.command("calibrate")(learning.calibrate)
    app.command("level")(level.level)
    app.command("score")(score.score)
    app.command("replay")(service.replay)
    app.command("evaluate")(evaluate.evaluate)
    app.command("check")(check.check)
    app.command("doctor")(doctor.doctor)
    app.add_typer(alarms.app, name="alarms")
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
