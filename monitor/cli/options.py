"""Options that several commands share, and where the configuration and a machine's settings come from."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from monitor.errors import BadInputError, ConfigurationError

if TYPE_CHECKING:  # loaded when a command needs them, so that --help answers at once
    from monitor.config import Config
    from monitor.detect.alarm import AlarmPolicy
    from monitor.detect.budget import Budget
    from monitor.learn.precision import Precision

CONFIG_ENV = "MONITOR_CONFIG"
DEFAULT_CONFIG = Path("/etc/monitor/monitor.yaml")

ConfigOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        help=f"The configuration file. [default: ${CONFIG_ENV}, then {DEFAULT_CONFIG}]",
        show_default=False,
        metavar="PATH",
    ),
]
StateDirOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        help="Where models are kept; alone, no configuration is needed. [default: the configuration's]",
        show_default=False,
        metavar="FOLDER",
    ),
]
MachineArgument: TypeAlias = Annotated[str, typer.Argument(help="The machine's id.", metavar="MACHINE")]
RecordingsArgument: TypeAlias = Annotated[
    list[str],
    typer.Argument(help="WAV or FLAC files, folders or glob patterns.", metavar="RECORDINGS..."),
]
DeviceOption: TypeAlias = Annotated[
    str | None,
    typer.Option(help="auto, cpu, cuda or cuda:1. [default: the configuration's]", show_default=False),
]
PrecisionOption: TypeAlias = Annotated[
    str,
    typer.Option(
        help="Of the training: auto, float32 or bfloat16 (mixed precision); auto is bfloat16 on a GPU that has it.",
        metavar="NAME",
    ),
]
WindowOption: TypeAlias = Annotated[
    float | None,
    typer.Option(
        "--window-s",
        help="Seconds of sound judged at a time, 1 to 60. [default: the configuration's]",
        show_default=False,
    ),
]
HopOption: TypeAlias = Annotated[
    float | None,
    typer.Option(
        "--hop-s",
        help="Seconds from the start of one window to the next, 0.1 to 3600. [default: the configuration's]",
        show_default=False,
    ),
]
MOST_JOBS = 64
"""More processes than any plant PC or workstation has use for."""
JobsOption: TypeAlias = Annotated[
    int, typer.Option("--jobs", "-j", min=1, max=MOST_JOBS, help="Processes at work at once.")
]
JsonOption: TypeAlias = Annotated[bool, typer.Option("--json", help="Print one JSON array.")]


def config_path(given: Path | None) -> Path:
    """The configuration file that is meant: the given one, the environment's, or the installed one."""
    return given or Path(os.environ.get(CONFIG_ENV) or DEFAULT_CONFIG)


def configuration(given: Path | None) -> Config:
    """The configuration that is meant.

    Raises:
        ConfigurationError: it cannot be used.
    """
    from monitor.config import load_config

    path = config_path(given)
    if given is None and not path.exists():
        raise ConfigurationError((f"{path}: no such file; name one with --config or ${CONFIG_ENV}",))
    return load_config(path)


@dataclass(frozen=True)
class MachineSettings:
    """What learning and scoring need to know of one machine."""

    machine: str
    state_dir: Path
    device: str
    window_s: float
    hop_s: float
    preset: str
    budget: Budget
    rule: AlarmPolicy
    channel: int = 0
    """Index of the machine's channel in a recording of several, from 0 (the configuration counts from 1)."""


def machine_settings(
    machine: str,
    config: Path | None,
    state_dir: Path | None,
    device: str | None = None,
    window_s: float | None = None,
    hop_s: float | None = None,
    preset: str | None = None,
) -> MachineSettings:
    """The machine's settings from the configuration, each replaced by its option where one is given.

    With ``state_dir`` and no configuration named, none is needed and defaults stand in.

    Raises:
        BadInputError: the machine is not configured, or an option is out of range.
        ConfigurationError: the configuration cannot be used.
    """
    if state_dir is not None and config is None and not os.environ.get(CONFIG_ENV):
        settings = _default_settings(machine, state_dir)
    else:
        settings = configured_settings(machine, configuration(config), state_dir)
    settings = replace(
        settings,
        device=settings.device if device is None else device,
        window_s=settings.window_s if window_s is None else window_s,
        hop_s=settings.hop_s if hop_s is None else hop_s,
        preset=settings.preset if preset is None else preset,
    )
    check_settings(settings)
    return settings


def configured_settings(machine: str, config: Config, state_dir: Path | None) -> MachineSettings:
    """The machine's settings as they are configured, in another state directory where one is given.

    Raises:
        BadInputError: the machine is not configured.
    """
    chosen = config.machine(machine)
    return MachineSettings(
        machine=machine,
        state_dir=state_dir or config.state_dir,
        device=config.device,
        window_s=config.window_s,
        hop_s=config.hop_s,
        preset=chosen.preset,
        budget=chosen.budget(),
        rule=chosen.alarm_policy(),
        channel=getattr(chosen.source, "channel", 1) - 1,
    )


def _default_settings(machine: str, state_dir: Path) -> MachineSettings:
    from monitor.config import Config

    _check_machine(machine)
    stand_in = Config.model_validate({"machines": {machine: {"source": {"microphone": "none"}}}})
    return configured_settings(machine, stand_in, state_dir)


def _check_machine(machine: str) -> None:
    from monitor.config.model import machine_id

    try:
        machine_id(machine)
    except ValueError as error:
        raise BadInputError(f"machine {machine!r} {error}") from error


def precision_named(name: str) -> Precision:
    """The precision of ``--precision``.

    Raises:
        BadInputError: there is none of that name.
    """
    from monitor.learn.precision import PRECISIONS

    for known in PRECISIONS:
        if name == known:
            return known
    raise BadInputError(f"--precision: {name!r} is none of {', '.join(PRECISIONS)}")


def check_settings(settings: MachineSettings) -> None:
    """Options are held to the ranges of the configuration's own keys.

    Raises:
        BadInputError: one is out of range.
    """
    from pydantic import ValidationError

    from monitor.config import Config

    source = {"source": {"microphone": "none"}, "preset": settings.preset}
    values = {
        "device": settings.device,
        "window_s": settings.window_s,
        "hop_s": settings.hop_s,
        "machines": {settings.machine: source},
    }
    try:
        Config.model_validate(values)
    except ValidationError as error:
        from monitor.config.document import Document
        from monitor.config.problems import problems_of

        found = problems_of(Document(Path(), values), error, Config)
        lines = sorted(f"--{problem.key.rpartition('.')[2].replace('_', '-')}: {problem.what}" for problem in found)
        raise BadInputError("\n".join(lines)) from error
