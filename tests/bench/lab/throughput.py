"""How many windows a second a fleet scores, beside the plain reference and what the hardware could do, in one run.

Needs nothing but torch and numpy.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from monitor.audio.windows import Window
from monitor.memcae import crowd, plain, ways
from monitor.memcae.fleet import BATCH_SAMPLES, GPU_SAMPLES, Fleet
from monitor.memcae.model import MachineModel
from monitor.memcae.preset import Preset, SpectrogramSpec
from tests.bench.lab import untrained
from tests.bench.lab.untrained import WINDOW_S

SOUNDS = 32
"""Different windows of sound, used in turn: what the models do does not depend on what they hear."""
DRAIN_CPU = 64
"""Windows scored in one go on a CPU: what comes in while 64 are scored, at a load where many are."""
PRODUCT = 2048
"""Size of the square matrices whose product is the peak: large enough for every CPU and GPU to reach its best."""
COPIED = 1 << 28
"""Bytes copied to measure the memory's bandwidth; beyond every cache."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How long is measured."""

    least_s: float = 2.0
    """Every figure for so long at least, and once through all machines, seconds."""
    most_s: float = 30.0
    """But no longer than this: a thousand machines of a large preset are not gone through."""
    repeats: int = 3
    """The reference and the fleet take turns so often; the median counts, so that a moment's other load does not."""
    learnt: int = untrained.LEARNT
    """Windows that the views of the models are fitted on."""


QUICK = Effort(least_s=0.05, most_s=0.5, repeats=1, learnt=6)


@dataclass(frozen=True, slots=True)
class Speed:
    """One preset on one device with one number of machines."""

    preset: str
    device: str
    machines: int
    per_s: float
    """Windows a second, from samples in the host's memory to records of scores."""
    plain_per_s: float
    """Of the plain reference, in the same run."""
    apart: float
    """Greatest difference of a score from the reference's, as a share of it, over ``SOUNDS`` windows at most."""
    gflops: float
    """Achieved, 10^9 operations a second, counting products, convolutions and the transform."""
    model_mb: float
    """Size of a model, 10^6 bytes."""
    resident_mb: float
    """Growth of the process per machine, 10^6 bytes; 0 for too few machines to tell, and on a GPU."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the hardware could do, measured in the same run."""

    gflops: float
    """Of a product of large single-precision matrices, 10^9 operations a second."""
    gbytes: float
    """Of a copy in memory, reading and writing, 10^9 bytes a second."""


def limits(device: torch.device) -> Limits:
    """Measure them."""
    a, b = (torch.randn(PRODUCT, PRODUCT, device=device) for _ in range(2))
    held = torch.zeros(COPIED // 4, device=device)
    product_s = min(_timed(lambda: a @ b, device) for _ in range(5))
    copy_s = min(_timed(held.clone, device) for _ in range(5))
    return Limits(2 * PRODUCT**3 / product_s / 1e9, 2 * COPIED / copy_s / 1e9)


def operations(model: MachineModel, spec: SpectrogramSpec) -> float:
    """Floating-point operations of one window: products and convolutions as torch counts them, and the transform."""
    sound = untrained.noise(model.preset, 1, seed=1, device=str(model.device))[0]
    with FlopCounterMode(display=False) as counter:
        plain.judge(model, sound)
    frames = len(sound) // spec.hop
    transform = frames * 2.5 * spec.n_fft * math.log2(spec.n_fft)  # of real numbers: half of 5 n log2 n
    return float(counter.get_total_flops()) + transform


def measure(
    preset: Preset, counts: Sequence[int], device: torch.device, resident: Callable[[], int], effort: Effort
) -> Iterator[Speed]:
    """The speeds for each number of machines, ascending; ``resident`` gives the process's memory in bytes."""
    sounds = untrained.noise(preset, SOUNDS, seed=2).numpy()
    made = untrained.models(preset, max(counts), effort.learnt)
    models: dict[str, MachineModel] = {}
    before = resident()
    for count in counts:
        models |= dict(itertools.islice(made, count - len(models)))
        fleet, slow = Fleet(models, str(device)), plain.PlainFleet(models, str(device))
        fleet.prepare()
        windows = [_window(name, sounds[place % SOUNDS]) for place, name in enumerate(models)]
        drain = DRAIN_CPU if device.type == "cpu" else count
        fast_s, plain_s = _turns(fleet, slow, windows, drain, device, effort)
        apart = _apart(fleet, slow, windows[:SOUNDS])
        first = next(iter(models.values()))
        work = operations(first, preset.spectrogram)
        grown = (resident() - before) / count if device.type == "cpu" and count >= 100 else 0.0
        yield Speed(
            preset.name,
            str(device),
            count,
            1 / fast_s,
            1 / plain_s,
            apart,
            work / fast_s / 1e9,
            untrained.size(first) / 1e6,
            grown / 1e6,
        )


@dataclass(frozen=True, slots=True)
class Resident:
    """One preset, from samples in the device's memory to scores."""

    preset: str
    machines: int
    per_s: float
    """Windows a second."""
    gflops: float
    gbytes: float
    """10^9 bytes a second at least: every model and every sample read once."""


def resident(preset: Preset, count: int, device: torch.device, effort: Effort) -> Resident:
    """Measure ``count`` different models, a window each, sound and models on the device beforehand."""
    models = [model.to(device) for _, model in untrained.models(preset, count, effort.learnt)]
    way = ways.choose(models).way
    members = [ways.member(model, way) for model in models]
    sounds = untrained.noise(preset, SOUNDS, seed=2, device=str(device))
    length = sounds.shape[1]
    step = max(1, (GPU_SAMPLES if device.type == "cuda" else BATCH_SAMPLES) // length)
    passes = []
    for first in range(0, count, step):
        part = members[first : first + step]
        together = crowd.together(part) if way.stacked and len(part) > 1 else None
        samples = sounds[torch.arange(first, first + len(part)) % SOUNDS]
        passes.append((part, samples, together))

    def once() -> None:
        for part, samples, together in passes:
            crowd.judge(part, samples, together)

    seconds = min(_timed(once, device) for _ in range(effort.repeats)) / count
    read = untrained.size(models[0]) + length * sounds.element_size()
    work = operations(models[0], preset.spectrogram)
    return Resident(preset.name, count, 1 / seconds, work / seconds / 1e9, read / seconds / 1e9)


def _turns(
    fleet: Fleet, slow: plain.PlainFleet, windows: Sequence[Window], drain: int, device: torch.device, effort: Effort
) -> tuple[float, float]:
    """Seconds per window of both, measured in turns."""
    fleet.score(windows[:drain])  # chooses its way, compiles, warms up
    slow.score(windows[:2])
    fast: list[float] = []
    slowly: list[float] = []
    while not fast or (len(fast) < effort.repeats and fast[0] * len(windows) < effort.most_s / effort.repeats):
        slowly.append(
            _seconds(lambda part: len(slow.score(part)), windows, 8, device, replace(effort, most_s=effort.least_s))
        )
        fast.append(_seconds(lambda part: len(fleet.score(part)), windows, drain, device, effort))
    return float(np.median(fast)), float(np.median(slowly))


def _apart(fleet: Fleet, slow: plain.PlainFleet, windows: Sequence[Window]) -> float:
    both = zip(fleet.score(windows), slow.score(windows), strict=True)
    return max(abs(fast.value - known.value) / abs(known.value) for fast, known in both)


def _seconds(
    score: Callable[[Sequence[Window]], int],
    windows: Sequence[Window],
    drain: int,
    device: torch.device,
    effort: Effort,
) -> float:
    """Seconds per window: through all of them in drains, again and again, until it has taken long enough."""
    done = 0
    began_s = time.perf_counter()
    for first in itertools.cycle(range(0, len(windows), drain)):
        took_s = time.perf_counter() - began_s
        if done and (took_s > effort.most_s or (took_s > effort.least_s and done >= len(windows))):
            return took_s / done
        done += score(windows[first : first + drain])
        _wait(device)
    raise ValueError("no windows")


def _timed(work: Callable[[], object], device: torch.device) -> float:
    work()
    _wait(device)
    began_s = time.perf_counter()
    work()
    _wait(device)
    return time.perf_counter() - began_s


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _window(machine: str, samples: np.ndarray[tuple[int], np.dtype[np.float32]]) -> Window:
    return Window(machine, 0.0, round(len(samples) / WINDOW_S), 0, samples)
