"""Simulated machines for the benches: their sound at any moment, and recordings of it to learn from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from monitor.audio.block import Samples
from monitor.audio.simulated import DriftSpec, FaultSpec, render
from monitor.audio.source import MODEL_RATE_HZ
from monitor.audio.windows import Window

NOW_S = 1_700_000_000
"""The moment at which recording has ended and listening begins, whole seconds UTC; any other would do."""
WINDOW_S = 10
APART_S = 900
"""From one recording to the next: they then hold different moments of the machine's load."""
AT_ONCE = 6
"""Neighbouring windows rendered at a time: a minute, so that few seconds are rendered twice."""


@dataclass(frozen=True, slots=True)
class Machine:
    """One individual of a kind."""

    kind: str
    seed: int

    @property
    def name(self) -> str:
        """Its id."""
        return f"{self.kind}-{self.seed}"


@dataclass(frozen=True, slots=True)
class Recordings:
    """How much normal sound is recorded before listening begins."""

    count: int
    seconds: int
    """Length of each."""


@dataclass(frozen=True, slots=True)
class Listening:
    """When a machine is listened to, and what happens to it meanwhile."""

    machine: Machine
    start_s: int
    """Start of the first window, UTC."""
    count: int
    """Windows."""
    every_s: int = WINDOW_S
    """From one window to the next; WINDOW_S is without a pause."""
    fault: FaultSpec | None = None
    """Its onset is in UTC."""
    drift: DriftSpec | None = None
    """Likewise."""


def record(folder: Path, machine: Machine, recordings: Recordings) -> list[Path]:
    """Write the machine's normal sound of the hours before NOW_S, newest first, as FLAC files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for number in range(recordings.count):
        start_s = NOW_S - (number + 1) * APART_S
        files.append(folder / f"normal-{number + 1:02d}.flac")
        soundfile.write(files[-1], _sound(machine, start_s, recordings.seconds), MODEL_RATE_HZ)
    return files


def windows(heard: Listening) -> Iterator[Window]:
    """The windows, in order."""
    neighbours = AT_ONCE if heard.every_s == WINDOW_S else 1
    size = WINDOW_S * MODEL_RATE_HZ
    for first in range(0, heard.count, neighbours):
        many = min(neighbours, heard.count - first)
        start_s = heard.start_s + first * heard.every_s
        sound = _sound(heard.machine, start_s, many * WINDOW_S, heard.fault, heard.drift)
        for place in range(many):
            at_s = float(start_s + place * WINDOW_S)
            piece = np.ascontiguousarray(sound[place * size :][:size])
            yield Window(heard.machine.name, at_s, MODEL_RATE_HZ, 0, piece)


def _sound(
    machine: Machine, start_s: int, seconds: int, fault: FaultSpec | None = None, drift: DriftSpec | None = None
) -> Samples:
    faults = () if fault is None else (fault,)
    rate = MODEL_RATE_HZ
    return render(machine.kind, machine.seed, start_s * rate, seconds * rate, faults, drift)
