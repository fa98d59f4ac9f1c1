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

MACHINES = (4, 32)
"""Their windows end together, as those of a plant's machines do."""
HOPS_S = (WINDOW_S, 1.0)
WINDOWS = 1
"""Of sound that is scored of every machine and timed: few, so that the hops take turns within the same second, on
a host that is busy now and idle then."""
GRID_S = 0.256
"""A window may begin half of this before the hop would have it."""
REPEATS = 15
"""The hops take turns so often; medians count, of the ratio that of the ratios of each turn."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a second of a machine's sound costs at either hop."""

    preset: str
    machines: int
    time: str
    """`wall`, or `processor`: of all threads, those that wait for each other awake included."""
    ms: tuple[float, float]
    """Milliseconds, by `HOPS_S`."""
    ratio: float
    """The second to the first."""


def measure(
    preset: Preset, machines: int, windows: int = WINDOWS, repeats: int = REPEATS, learnt: int = untrained.LEARNT
) -> tuple[Cost, Cost]:
    """The cost on the CPU, by the clock and by the processor."""
    fleet = Fleet(dict(untrained.models(preset, machines, learnt)), "cpu")
    fleet.prepare()
    noise = untrained.noise(preset, machines * (windows + 2), seed=4).numpy()
    sounds = dict(zip(fleet.models, noise.reshape(machines, -1), strict=True))
    took = np.array([[_seconds(fleet, preset, sounds, hop_s) for hop_s in HOPS_S] for _ in range(repeats)])
    ms = 1e3 / (machines * windows * WINDOW_S) * np.median(took, axis=0)  # [hops, kinds of time]
    ratios = np.median(took[:, 1] / took[:, 0], axis=0)
    wall, processor = (
        Cost(preset.name, machines, name, (float(ms[0, at]), float(ms[1, at])), float(ratios[at]))
        for at, name in enumerate(("wall", "processor"))
    )
    return wall, processor


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
