"""From the configuration to ears: one source per sound device or recording, and the machines heard on its channels."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from monitor.audio.address import without_credentials
from monitor.audio.cards import read_cards, same_device
from monitor.audio.microphone import MicrophoneSource as Microphone
from monitor.audio.pcm import PcmFormat, pcm_source
from monitor.audio.recording import NamedRecordings
from monitor.audio.recording import RecordingSource as Playback
from monitor.audio.simulated import FaultSpec
from monitor.audio.simulated import SimulatedSource as Simulation
from monitor.audio.source import MODEL_RATE_HZ, Source
from monitor.audio.stream import stream_source
from monitor.audio.windows import WindowSpec
from monitor.config import (
    Config,
    FaultSettings,
    MicrophoneSource,
    RecordingSource,
    SimulatedSource,
    StdinSource,
    StreamSource,
)
from monitor.errors import ConfigurationError
from monitor.memcae.preset import PRESETS
from monitor.service.ears import Ear

AnySource: TypeAlias = MicrophoneSource | RecordingSource | SimulatedSource | StreamSource | StdinSource
"""As it is configured."""


def build_ears(config: Config) -> tuple[Ear, ...]:
    """An ear per source; machines on one microphone share it, whichever selectors they name it by.

    Raises:
        ConfigurationError: a stream's password cannot be read, or a simulated machine cannot have its fault.
    """
    shared: dict[str, tuple[str, list[WindowSpec]]] = {}
    streams: dict[str, list[WindowSpec]] = {}
    pipes: dict[PcmFormat, list[WindowSpec]] = {}
    cards = read_cards()
    ears: list[Ear] = []
    for machine, settings in config.machines.items():
        source = settings.source
        channel = getattr(source, "channel", 1)
        spec = window_spec(config, machine, channel)
        if isinstance(source, MicrophoneSource):
            _, specs = shared.setdefault(same_device(source.microphone, cards), (source.microphone, []))
            specs.append(spec)
        elif isinstance(source, StreamSource):
            streams.setdefault(config.stream_address(source), []).append(spec)
        elif isinstance(source, StdinSource):
            pcm = PcmFormat(source.stdin.rate_hz, source.stdin.channels, source.stdin.format)
            pipes.setdefault(pcm, []).append(spec)
        else:
            ears.append(Ear(machine, _own_source(source), (spec,)))
    for url, specs in streams.items():
        ears.append(Ear(without_credentials(url), stream_source(url, _channels(specs)), tuple(specs)))
    for pcm, specs in pipes.items():
        ears.append(Ear("standard input", pcm_source(pcm, _channels(specs)), tuple(specs)))
    for selector, specs in shared.values():
        ears.append(Ear(selector, Microphone(selector, _channels(specs)), tuple(specs)))
    return tuple(ears)


def _channels(specs: Sequence[WindowSpec]) -> int:
    """How many channels of a source are needed, counted from the first."""
    return 1 + max(spec.channel for spec in specs)


def window_spec(config: Config, machine: str, channel: int) -> WindowSpec:
    """The windows of one machine, in samples at the model's rate; ``channel`` counts from 1, as people do."""
    window, hop = round(config.window_s * MODEL_RATE_HZ), round(config.hop_s * MODEL_RATE_HZ)
    grid = PRESETS[config.machine(machine).preset].grid_of(window, hop)  # where overlapping windows share their work
    return WindowSpec(machine, channel - 1, window, hop, grid)


def replay_ears(config: Config, recordings: Mapping[str, Sequence[Path]], speed: float | None) -> tuple[Ear, ...]:
    """Ears that hear ``recordings`` (files per machine) in place of the configured sources.

    Args:
        config: says how windows are cut, and on which channel a machine is heard.
        recordings: machine -> files, at least one each.
        speed: seconds of sound per second; None is as fast as it can be scored.
    """
    ears = []
    for machine, files in recordings.items():
        channel = getattr(config.machine(machine).source, "channel", 1)
        ears.append(Ear(machine, Playback(files, speed, channels=channel), (window_spec(config, machine, channel),)))
    return tuple(ears)


def _own_source(source: RecordingSource | SimulatedSource) -> Source:
    if isinstance(source, RecordingSource):
        return NamedRecordings(source.recording, source.factor, loop=source.loop, channels=source.channel)
    fault = source.fault
    spec = None if fault is None else _fault(fault)
    try:
        return Simulation(source.simulated, source.seed, source.factor, spec)
    except ValueError as error:
        raise ConfigurationError((f"simulated {source.simulated}: {error}",)) from error


def _fault(fault: FaultSettings) -> FaultSpec:
    lasts_s = math.inf if fault.lasts_s is None else fault.lasts_s
    return FaultSpec(fault.kind, fault.snr_db, fault.after_s, fault.ramp_s, lasts_s)


def ear_alone(config: Config, machine: str, changes: Mapping[str, object]) -> Ear:
    """One machine's ear as the daemon would have it, but for ``changes`` of its source's keys.

    Raises:
        ConfigurationError: as `build_ears`.
    """
    settings = config.machine(machine)
    source = settings.source.model_copy(update=changes)
    (ear,) = build_ears(
        config.model_copy(update={"machines": {machine: settings.model_copy(update={"source": source})}})
    )
    return ear


def describe(source: AnySource) -> str:
    """The source in a few words, for `info` and the log; no passwords."""
    if isinstance(source, StreamSource):
        return f"stream {without_credentials(source.stream)} channel {source.channel}"
    if isinstance(source, StdinSource):
        return f"standard input channel {source.channel}"
    if isinstance(source, MicrophoneSource):
        return f"microphone {source.microphone} channel {source.channel}"
    if isinstance(source, RecordingSource):
        return f"recording {', '.join(source.recording)}"
    return f"simulated {source.simulated} seed {source.seed}"
