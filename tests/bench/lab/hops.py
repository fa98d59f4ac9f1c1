"""What overlapping windows cost: the same sound cut with a hop of a second and with a hop as long as the window.

Needs nothing but torch and numpy.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from monitor.audio.block import AudioBlock, Samples
from monitor.audio.windows import Window, WindowSpec, WindowState, fold
from monitor.memcae.fleet import Fleet
from monitor.memcae.preset import Preset
from tests.bench.lab import untrained
from tests.bench.lab.untrained import WINDOW_S

MACHINES = 4
"""Their windows end together, as those of a plant's machines do."""
HOPS_S = (WINDOW_S, 1.0)
WINDOWS = 6
"""Of sound that is scored of every machine, after one more that is not: it is computed whole at any hop."""
REPEATS = 3
"""The hops take turns so often; the median counts."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a second of a machine's sound costs at one hop."""

    preset: str
    hop_s: float
    ms: float
    """Wall time, milliseconds."""


def measure(
    preset: Preset, windows: int = WINDOWS, repeats: int = REPEATS, learnt: int = untrained.LEARNT
) -> list[Cost]:
    """The cost at each of ``HOPS_S``, on the CPU."""
    fleet = Fleet(dict(untrained.models(preset, MACHINES, learnt)), "cpu")
    fleet.prepare()
    noise = untrained.noise(preset, MACHINES * (windows + 1), seed=4).numpy()
    sounds = dict(zip(fleet.models, noise.reshape(MACHINES, -1), strict=True))
    found: dict[float, list[float]] = {hop_s: [] for hop_s in HOPS_S}
    for _ in range(repeats):
        for hop_s in HOPS_S:
            found[hop_s].append(_seconds(fleet, preset, sounds, hop_s) / (MACHINES * windows * WINDOW_S))
    return [Cost(preset.name, hop_s, 1e3 * float(np.median(took))) for hop_s, took in found.items()]


def _seconds(fleet: Fleet, preset: Preset, sounds: Mapping[str, Samples], hop_s: float) -> float:
    """Seconds for all the sound but the first window's, every machine's next window in one go."""
    turns = zip(*(_windows(preset, machine, sound, hop_s) for machine, sound in sounds.items()), strict=True)
    fleet.score(next(turns))
    ready = list(turns)
    began_s = time.perf_counter()
    for windows in ready:
        fleet.score(windows)
    return time.perf_counter() - began_s


def _windows(preset: Preset, machine: str, sound: Samples, hop_s: float) -> Iterator[Window]:
    rate = preset.spectrogram.rate_hz
    spec = WindowSpec(machine, 0, round(WINDOW_S * rate), round(hop_s * rate))
    _, windows = fold(spec, WindowState(), AudioBlock(sound[:, None], rate, 0.0, gap=True))
    return iter(windows)
