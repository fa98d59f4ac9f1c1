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
"""Of sound that is scored of every machine and timed."""
GRID_S = 0.256
"""A window may begin half of this before the hop would have it."""
REPEATS = 3
"""The hops take turns so often; the median counts."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a second of a machine's sound costs at one hop."""

    preset: str
    hop_s: float
    ms: float
    """Wall time, milliseconds."""
    processor_ms: float
    """Processor time of all threads, milliseconds; those that wait for each other awake count."""


def measure(
    preset: Preset, windows: int = WINDOWS, repeats: int = REPEATS, learnt: int = untrained.LEARNT
) -> list[Cost]:
    """The cost at each of ``HOPS_S``, on the CPU."""
    fleet = Fleet(dict(untrained.models(preset, MACHINES, learnt)), "cpu")
    fleet.prepare()
    noise = untrained.noise(preset, MACHINES * (windows + 2), seed=4).numpy()
    sounds = dict(zip(fleet.models, noise.reshape(MACHINES, -1), strict=True))
    found: dict[float, list[tuple[float, float]]] = {hop_s: [] for hop_s in HOPS_S}
    for _ in range(repeats):
        for hop_s in HOPS_S:
            found[hop_s].append(_seconds(fleet, preset, sounds, hop_s))
    scale = 1e3 / (MACHINES * windows * WINDOW_S)
    return [Cost(preset.name, hop_s, *(scale * np.median(took, axis=0)).tolist()) for hop_s, took in found.items()]


def _seconds(fleet: Fleet, preset: Preset, sounds: Mapping[str, Samples], hop_s: float) -> tuple[float, float]:
    """Seconds, on the clock and of the processor, for the windows of all the sound but the first and the last window's.

    They come as in service: every machine's next window is scored in one go. Those that begin in the first window's
    sound are not timed: the first is computed whole at any hop, and so is the second, the first seen to overlap.
    """
    turns = zip(*(_windows(preset, machine, sound, hop_s) for machine, sound in sounds.items()), strict=True)
    last_s = len(next(iter(sounds.values()))) / preset.spectrogram.rate_hz - WINDOW_S
    spent_s = processor_s = 0.0
    for windows in turns:
        began_s, before_s = time.perf_counter(), time.process_time()
        fleet.score(windows)
        if WINDOW_S <= windows[0].start_s + GRID_S < last_s:
            spent_s += time.perf_counter() - began_s
            processor_s += time.process_time() - before_s
    return spent_s, processor_s


def _windows(preset: Preset, machine: str, sound: Samples, hop_s: float) -> Iterator[Window]:
    rate = preset.spectrogram.rate_hz
    window, hop = round(WINDOW_S * rate), round(hop_s * rate)
    spec = WindowSpec(machine, 0, window, hop, preset.grid_of(window, hop))
    _, windows = fold(spec, WindowState(), AudioBlock(sound[:, None], rate, 0.0, gap=True))
    return iter(windows)
