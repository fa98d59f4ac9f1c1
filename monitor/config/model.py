"""The configuration as frozen records: what every key means, its default and what is allowed."""

from __future__ import annotations

import re
import socket
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, PrivateAttr, field_validator

from monitor.config.field import MISSING, FilePath, Section, number, one_of, suggestion
from monitor.config.mqtt import MqttConfig
from monitor.config.source import Source, StdinSource, StreamSource
from monitor.detect.alarm import MAX_RAISE_WINDOW, AlarmPolicy, parse_rule
from monitor.detect.budget import Budget
from monitor.detect.finding import MicrophoneFault
from monitor.detect.lifecycle import LifePolicy
from monitor.detect.running import RunningPolicy
from monitor.errors import BadInputError
from monitor.memcae.preset import PRESETS

# What MQTT allows in a topic level, file systems in a name and URLs unescaped.
NODE_PATTERN = "[A-Za-z0-9._-]{1,64}"
NODE_ALLOWED = "1 to 64 letters, digits, dots, dashes and underscores"

MACHINE_PATTERN = "[a-z0-9][a-z0-9_-]{0,63}"
MACHINE_ALLOWED = "1 to 64 lower-case letters, digits, dashes and underscores, beginning with a letter or digit"

RULE_ALLOWED = f'"K of N" with 1 <= K <= N <= {MAX_RAISE_WINDOW}'


def machine_id(value: str) -> str:
    """The id itself, when it can stand in a topic, a file name and a URL.

    Raises:
        ValueError: it cannot.
    """
    if not re.fullmatch(MACHINE_PATTERN, value):
        raise ValueError(f"is not a machine id; allowed {MACHINE_ALLOWED}")
    return value


def default_node() -> str:
    """This computer's host name, without what a topic level cannot hold."""
    return re.sub(r"[^A-Za-z0-9._-]", "-", socket.gethostname().split(".")[0])[:64] or "node"


class FalseAlarmsConfig(Section):
    """How many false alarms the operator puts up with; the threshold is calibrated to it."""

    per: Literal["day", "week", "month"] = Field(default="week", description="The period that is counted in.")
    at_most: float = number(1.0, 0.001, 1000, "false alarms", "How many in one period.")


class AlarmConfig(Section):
    """When windows over the threshold become an alarm, and when it is over."""

    rule: str = Field(
        default="3 of 5",
        alias="raise",
        description='"K of N": an alarm is raised when K of the last N windows are over the threshold.',
        json_schema_extra={"allowed": RULE_ALLOWED, "pattern": "^[1-9][0-9]* of [1-9][0-9]*$"},
    )
    clear_after_s: float = number(
        60.0, 0, 86_400, "s", "How long it must be quiet, below the lower clear level, before the alarm is cleared."
    )

    latch: bool = Field(default=False, description="Whether an alarm, once raised, stays until someone resets it.")
    realarm_after_s: float = number(
        28_800.0,
        60,
        604_800,
        "s",
        "An acknowledged alarm that is still active after this long is unacknowledged again.",
    )

    @field_validator("rule")
    @classmethod
    def _rule(cls, value: str) -> str:
        try:
            parse_rule(value)
        except ValueError:
            raise ValueError(f"is not a rule; allowed {RULE_ALLOWED}") from None
        return value


class StoppedConfig(Section):
    """When a machine counts as off: it then neither alarms nor moves its threshold."""

    below_dbfs: float = number(
        MISSING,
        -150,
        0,
        "dBFS",
        "Windows quieter than this (root mean square) are of a stopped machine; `monitor level` measures it.",
    )
    start_up_s: float = number(60.0, 0, 3600, "s", "After a start, sound is not judged for so long.")


def _fault(value: str) -> str:
    return one_of(value, MicrophoneFault, "a fault of a microphone")


class MachineConfig(Section):
    """One machine that is listened to."""

    source: Source = Field(description="Where its sound comes from: a microphone, recordings or a simulated machine.")
    preset: str = Field(
        default="default",
        description="Which model is trained: default, or the published one as paper or paper-literal.",
        json_schema_extra={"enum": list(PRESETS)},
    )
    false_alarms: FalseAlarmsConfig = Field(
        default=FalseAlarmsConfig(), description="The budget that thresholds are calibrated to."
    )
    alarm: AlarmConfig = Field(default=AlarmConfig(), description="From single windows to an alarm and back.")

    ignored_faults: tuple[Annotated[str, AfterValidator(_fault)], ...] = Field(
        default=(),
        strict=False,
        description="Faults of the microphone that are never told, because this machine or its place is so.",
        json_schema_extra={"allowed": "a list of " + ", ".join(MicrophoneFault)},
    )
    stopped: StoppedConfig | None = Field(
        default=None, description="How a stopped machine is told from a running one; `null` takes it to run always."
    )

    @field_validator("preset")
    @classmethod
    def _known(cls, value: str) -> str:
        return one_of(value, PRESETS, "a preset")

    def budget(self) -> Budget:
        """The false-alarm budget, as calibration takes it."""
        return Budget(per=self.false_alarms.per, at_most=self.false_alarms.at_most)

    def alarm_policy(self) -> AlarmPolicy:
        """The alarm rule, as detection takes it."""
        count, window = parse_rule(self.alarm.rule)
        return AlarmPolicy(raise_count=count, raise_window=window, clear_after_s=self.alarm.clear_after_s)

    def life_policy(self) -> LifePolicy:
        """What becomes of an alarm once it is raised."""
        return LifePolicy(latch=self.alarm.latch, realarm_after_s=self.alarm.realarm_after_s)

    def running_policy(self) -> RunningPolicy:
        """When the machine counts as off."""
        if self.stopped is None:
            return RunningPolicy()
        return RunningPolicy(off_below_dbfs=self.stopped.below_dbfs, grace_s=self.stopped.start_up_s)


class LogConfig(Section):
    """What is logged, and how."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least serious thing that is logged."
    )
    format: Literal["auto", "console", "json"] = Field(
        default="auto", description="auto is console on a terminal and JSON lines otherwise."
    )


class EvidenceConfig(Section):
    """The sound around an alarm, kept as FLAC clips under the state directory."""

    enabled: bool = Field(default=True, description="Whether clips are kept at all.")
    max_mb: int = number(1000, 1, 1_000_000, "MB", "Disk for all clips of this node; the oldest go first.")
    max_days: int = number(90, 1, 3650, "days", "How long a clip is kept.")


class Config(Section):
    """Everything that one plant PC needs to know."""

    node: str = Field(
        default_factory=default_node,
        description="This PC's name in every topic and event; the default is its host name.",
        json_schema_extra={"allowed": NODE_ALLOWED, "pattern": f"^{NODE_PATTERN}$"},
    )
    state_dir: FilePath = Field(
        default=Path("/var/lib/monitor"),
        description="Models, calibrations, the state database and clips.",
        json_schema_extra={"allowed": "a folder"},
    )
    device: str = Field(
        default="auto",
        description="What models run on: auto (the first NVIDIA GPU, else the CPU), cpu, cuda, or one GPU as cuda:1.",
        json_schema_extra={"pattern": r"^(auto|cpu|cuda(:[0-9]+)?)$"},
    )
    window_s: float = number(10.0, 1, 60, "s", "How much sound is judged at a time; a model has one length.")
    hop_s: float = number(10.0, 0.1, 3600, "s", "How far apart two windows begin; under window_s they overlap.")
    health_s: float = number(30.0, 5, 3600, "s", "How often the node's health is published.")
    mqtt: MqttConfig = Field(default=MqttConfig(), description="The broker.")
    log: LogConfig = Field(default=LogConfig(), description="What is logged, and how.")
    evidence: EvidenceConfig = Field(default=EvidenceConfig(), description="The sound kept around an alarm.")
    machines: dict[Annotated[str, AfterValidator(machine_id)], MachineConfig] = Field(
        min_length=1,
        description="Each machine by its id, which stands in topics and file names.",
        json_schema_extra={"allowed": "at least one machine", "propertyNames": {"pattern": f"^{MACHINE_PATTERN}$"}},
    )

    _folder: Path = PrivateAttr(default_factory=Path)

    @field_validator("node")
    @classmethod
    def _topic_level(cls, value: str) -> str:
        if not re.fullmatch(NODE_PATTERN, value):
            raise ValueError(f"is not a node name; allowed {NODE_ALLOWED}")
        return value

    @field_validator("device")
    @classmethod
    def _device(cls, value: str) -> str:
        if not re.fullmatch(r"auto|cpu|cuda(:[0-9]+)?", value):
            near = suggestion(value, ("auto", "cpu", "cuda"))
            raise ValueError(f"is not a device; allowed auto, cpu, cuda, cuda:N{near}")
        return value

    @field_validator("machines")
    @classmethod
    def _one_standard_input(cls, value: dict[str, MachineConfig]) -> dict[str, MachineConfig]:
        piped = {name: each.source.stdin for name, each in value.items() if isinstance(each.source, StdinSource)}
        first = next(iter(piped), "")
        for name, stdin in piped.items():
            if stdin != piped[first]:
                raise ValueError(f"describes the one standard input in two ways; {first} and {name} differ under stdin")
        return value

    @property
    def folder(self) -> Path:
        """The folder of the file that this was read from, where its relative paths begin."""
        return self._folder

    def model_post_init(self, context: Any, /) -> None:  # noqa: ANN401  pydantic's own signature
        """Remember where relative paths begin."""
        self._folder = Path((context or {}).get("folder", Path())) if isinstance(context, dict) else Path()

    def machine(self, name: str) -> MachineConfig:
        """The machine of this id.

        Raises:
            BadInputError: there is none; names those there are and the nearest.
        """
        if name not in self.machines:
            known = ", ".join(self.machines)
            raise BadInputError(f"unknown machine {name!r}; configured: {known}{suggestion(name, self.machines)}")
        return self.machines[name]

    def mqtt_password(self) -> str | None:
        """The broker's password, read now and kept nowhere; None when none is configured.

        Raises:
            ConfigurationError: it cannot be read.
        """
        return self.mqtt.password(self._folder)

    def stream_address(self, source: StreamSource) -> str:
        """The address of a stream with its password, read now and to be shown nowhere.

        Raises:
            ConfigurationError: the password cannot be read.
        """
        return source.address(self._folder)
