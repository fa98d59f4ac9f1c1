"""Where a machine's sound comes from: a microphone, recordings, a simulated machine, a stream or a pipe."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, ValidationInfo, field_validator, model_validator

from monitor.audio.address import with_credentials, without_credentials
from monitor.config.field import MISSING, Section, from_folder, number, one_of, text
from monitor.config.secret import check_password, password_env, password_file, read_password

TURNING = ("bearing", "imbalance", "squeal", "leak", "rattle")
FAULTS = (*TURNING, "missing_stroke")
SIMULATED = {"gearbox": TURNING, "fan": TURNING, "pump": FAULTS, "compressor": FAULTS, "varying": TURNING}
"""What `monitor.audio.simulated` offers: machines, and the faults that each can have. It needs numpy, which would cost
half of the time that a check of the configuration takes; a test holds the two together."""

PCM_FORMATS = ("s16le", "s32le", "f32le")
"""What `monitor.audio.pcm` reads."""

ADDRESS_PATTERN = "^(rtsps?|https?)://[^/]"
ADDRESS_ALLOWED = "an address that begins with rtsp://, rtsps://, http:// or https://"
"""No files, and nothing that FFmpeg would run."""

CHANNEL = "Which channel of the source this machine is heard on, from 1."
SPEED = "How many seconds of sound pass in one second; `max` is as fast as it can be scored."

Speed = Annotated[
    Annotated[float, Field(gt=0, le=10_000)] | Literal["max"],
    Field(
        description=SPEED,
        json_schema_extra={"allowed": "a number over 0 and up to 10000, or max"},
    ),
]


def _patterns(value: object, info: ValidationInfo) -> object:
    entries = value if isinstance(value, list | tuple) else [value] if isinstance(value, str) else None
    if entries is None:
        return value
    return tuple(str(from_folder(entry, info)) if isinstance(entry, str) else entry for entry in entries)


class MicrophoneSource(Section):
    """A channel of a sound device, through PortAudio."""

    microphone: str = text(MISSING, "The sound device, as `monitor devices` names it.", "a device of `monitor devices`")
    channel: int = number(1, 1, 256, "", CHANNEL)


class RecordingSource(Section):
    """Recordings played back as if they were heard now."""

    recording: Annotated[tuple[str, ...], BeforeValidator(_patterns, json_schema_input_type=str | list[str])] = Field(
        min_length=1,
        description="WAV or FLAC files, folders or glob patterns, one or a list; relative ones begin at this file.",
        json_schema_extra={"allowed": "a file, folder or glob pattern, or a list of them"},
    )
    channel: int = number(1, 1, 256, "", CHANNEL)
    speed: Speed = 1.0
    loop: bool = Field(default=False, description="Begin anew at the end; otherwise the machine goes quiet there.")

    @property
    def factor(self) -> float | None:
        """Seconds of sound per second; None is as fast as possible."""
        return None if self.speed == "max" else float(self.speed)


class FaultSettings(Section):
    """A fault that the simulated machine develops."""

    kind: str = text(MISSING, "Which fault.", "a fault kind")
    after_s: float = number(
        60.0, 0, 1e7, "s of the machine's own sound", "How long the machine is healthy before the fault begins."
    )
    snr_db: float = number(
        0.0,
        -60,
        60,
        "dB",
        "How loud the fault is against the machine's own sound; -20 can hardly be heard, 10 drowns it.",
    )
    ramp_s: float = number(0.0, 0, 1e7, "s", "How long the fault takes to grow from nothing to its full loudness.")
    lasts_s: float | None = number(
        None, 1, 1e7, "s", "How long after its beginning the machine is mended; `null` is never."
    )

    @field_validator("kind")
    @classmethod
    def _known(cls, value: str) -> str:
        return one_of(value, FAULTS, "a simulated fault")


class SimulatedSource(Section):
    """A machine synthesised from first principles: for trying things out without a microphone."""

    simulated: str = text(MISSING, "Which kind of machine.", "a machine kind")
    seed: int = number(0, 0, 2**31 - 1, "", "Two machines of one kind and seed sound the same, sample for sample.")
    speed: Speed = 1.0
    fault: FaultSettings | None = Field(default=None, description="A fault that sets in; `null` is a healthy machine.")

    @field_validator("simulated")
    @classmethod
    def _known(cls, value: str) -> str:
        return one_of(value, SIMULATED, "a simulated machine")

    @model_validator(mode="after")
    def _possible(self) -> SimulatedSource:
        possible = SIMULATED[self.simulated]
        if self.fault is not None and self.fault.kind not in possible:
            allowed = ", ".join(possible)
            raise ValueError(f"has a fault that a {self.simulated} cannot have: {self.fault.kind}; allowed {allowed}")
        return self

    @property
    def factor(self) -> float | None:
        """Seconds of sound per second; None is as fast as possible."""
        return None if self.speed == "max" else float(self.speed)


class StreamSource(Section):
    """Sound over the network, such as of an IP camera; needs PyAV (the extra `stream`)."""

    stream: str = Field(
        min_length=1,
        description="Address of the stream, without a user and password.",
        json_schema_extra={"allowed": ADDRESS_ALLOWED, "pattern": ADDRESS_PATTERN},
    )
    username: str | None = text(None, "The user name; `null` is none.")
    password_file: str | None = password_file()
    password_env: str | None = password_env()
    channel: int = number(1, 1, 256, "", CHANNEL)

    @field_validator("stream")
    @classmethod
    def _address(cls, value: str) -> str:
        if not re.match(ADDRESS_PATTERN, value):
            raise ValueError(f"is not the address of a stream; allowed {ADDRESS_ALLOWED}")
        if without_credentials(value) != value.split("?", 1)[0]:
            raise ValueError("holds a user or password; allowed one without; they have keys of their own")
        return value

    @model_validator(mode="after")
    def _one_password(self) -> StreamSource:
        check_password(self.username, self.password_file, self.password_env)
        return self

    def address(self, folder: Path) -> str:
        """The address with the user and password, read now and to be shown nowhere.

        Args:
            folder: where a relative ``password_file`` begins: the configuration file's folder.

        Raises:
            ConfigurationError: the password cannot be read.
        """
        password = read_password("source", self.password_file, self.password_env, folder)
        return with_credentials(self.stream, self.username, password)


class PcmSettings(Section):
    """How samples lie in a byte stream."""

    rate_hz: int = number(MISSING, 4000, 384_000, "Hz", "Samples per second and channel.")
    channels: int = number(1, 1, 256, "", "How many channels lie side by side.")
    format: str = Field(
        default="s16le",
        description="What a sample looks like: 16 or 32 bits, or a float; little-endian.",
        json_schema_extra={"enum": list(PCM_FORMATS)},
    )

    @field_validator("format")
    @classmethod
    def _known(cls, value: str) -> str:
        return one_of(value, PCM_FORMATS, "a sample format")


class StdinSource(Section):
    """Raw samples from standard input, such as of another program in a pipe."""

    stdin: PcmSettings = Field(description="How the samples lie.")
    channel: int = number(1, 1, 256, "", CHANNEL)

    @model_validator(mode="after")
    def _there(self) -> StdinSource:
        if self.channel > self.stdin.channels:
            raise ValueError(f"has no channel {self.channel}; stdin.channels is {self.stdin.channels}")
        return self


SOURCES: dict[str, type[Section]] = {
    "microphone": MicrophoneSource,
    "recording": RecordingSource,
    "simulated": SimulatedSource,
    "stream": StreamSource,
    "stdin": StdinSource,
}
"""Each source by the key that tells it from the others."""


def _which(value: Any) -> str | None:  # noqa: ANN401  the raw value of the key `source`
    if isinstance(value, Section):
        return f"<{next(key for key, kind in SOURCES.items() if type(value) is kind)}>"
    named = [key for key in SOURCES if isinstance(value, dict) and key in value]
    return f"<{named[0]}>" if len(named) == 1 else None


Source = Annotated[
    Annotated[MicrophoneSource, Tag("<microphone>")]
    | Annotated[RecordingSource, Tag("<recording>")]
    | Annotated[SimulatedSource, Tag("<simulated>")]
    | Annotated[StreamSource, Tag("<stream>")]
    | Annotated[StdinSource, Tag("<stdin>")],
    Discriminator(
        _which,
        custom_error_type="source",
        custom_error_message="names no source",
    ),
]
"""One of these; which one is told by its first key. The tags are angled so that no key can look like one."""
