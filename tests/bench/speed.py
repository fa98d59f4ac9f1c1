"""How fast it is: every figure in one command, written to tests/bench/RESULTS.md and results.json.

`python tests/bench/speed.py [--parts fleet,hop,start,training,plant] [--quick] [--device cpu] [--results DIR]`

The part `fleet` alone needs nothing but torch and numpy: `make bench GPU=1` runs it with the system's python3 on a GPU.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[2]))  # `make bench` runs this file by its path

from monitor.errors import DeviceError
from monitor.memcae.fleet import choose_device
from monitor.memcae.preset import DEFAULT, PAPER, Preset
from tests.bench.lab import hops, results, throughput, untrained
from tests.bench.lab.process import usage_here
from tests.bench.lab.results import number, speeds_table
from tests.bench.lab.tables import table

ROOT = Path(__file__).parents[2]
COUNTS = (1, 10, 32, 100, 1000)
GPU_COUNTS = (1000,)
PLANTS = "10:1,40:1,100:1,100:1:1,400:10"
"""Machines, minutes and hop: the largest is what must hold, for long enough to see memory and lag grow if they do; a
hop of a second beside one of ten shows what the daemon takes for alarms ten times as soon."""
SMALL = replace(PAPER, name="small", network=replace(PAPER.network, widths=(4,), slot_size=8, slots=16))
"""For a quick run."""
CLIP_S = 10.0
SAME_DB = 0.01
"""How far the challenge baseline's frames may differ by who computes them; single precision does by less."""
LEARNT_S = 300
"""Sound that is learnt to measure how long that takes: five minutes."""


def fleet(given: argparse.Namespace) -> None:
    """Windows a second against the number of machines, by preset."""
    device = choose_device(given.device)
    cuda = device.type == "cuda"
    peak = throughput.limits(device)
    effort = throughput.QUICK if given.quick else throughput.Effort()
    challenge = Baseline() if cuda else baseline(effort.least_s)
    presets: tuple[Preset, ...] = (SMALL,) if given.quick else (DEFAULT, PAPER)
    counts = (1, 2) if given.quick else GPU_COUNTS if cuda else COUNTS
    speeds = []
    for preset in presets:
        for speed in throughput.measure(preset, counts, device, lambda: usage_here().resident, effort):
            speeds.append(asdict(speed))
            print(f"{speed.preset}, {speed.machines} machines: {speed.per_s:.1f} windows/s", file=sys.stderr)
    resident = (
        [throughput.resident(each, counts[-1], device, effort) for each in presets] if cuda or given.quick else []
    )
    drain = counts[-1] if cuda else throughput.DRAIN_CPU
    text = [speeds_table(speeds, challenge.per_s, challenge.torch_per_s, peak.gflops)]
    text += [_made(speeds, drain), _limited(peak, challenge)]
    text += [_from_device(each, peak) for each in resident]
    text += _grown(speeds)
    values = {
        "speeds": speeds,
        "limits": asdict(peak),
        "baseline_per_s": challenge.per_s,
        "baseline_torch_per_s": challenge.torch_per_s,
        "resident": [asdict(each) for each in resident],
    }
    heading = "Scoring on a GPU" if cuda else "Scoring on the CPU"
    _keep(given, "gpu" if cuda else "fleet", device, {heading: "\n\n".join(text)}, values)


def _made(speeds: Sequence[Mapping[str, Any]], drain: int) -> str:
    sizes = {each["preset"]: each["model_mb"] for each in speeds}
    told = ", ".join(f"{name} {size:.2f} MB" for name, size in sizes.items())
    return (
        f"From samples in the host's memory to records of scores, up to {drain} windows at once; every machine has a "
        f"model of its own ({told}). Machines in real time: at a hop of 10 s."
    )


def _limited(peak: throughput.Limits, challenge: Baseline) -> str:
    size = throughput.PRODUCT
    told = f"In the same run: a product of {size} x {size} matrices {number(peak.gflops)} GFLOP/s, a copy in memory "
    told += f"{number(peak.gbytes)} GB/s"
    if challenge.per_s:
        told += f", the challenge baseline's scoring path {number(challenge.per_s)} windows/s"
    if challenge.torch_per_s:
        told += f", the same with its frames by torch instead of librosa {number(challenge.torch_per_s)} windows/s"
    return told + "."


def _from_device(found: throughput.Resident, peak: throughput.Limits) -> str:
    return (
        f"`{found.preset}` from samples in the device's memory to scores, {found.machines} different models: "
        f"{number(found.per_s)} windows/s; {found.gflops / peak.gflops:.0%} of the product's peak, "
        f"{found.gbytes / peak.gbytes:.0%} of the copy's bandwidth, were models and samples read but once."
    )


def _grown(speeds: Sequence[Mapping[str, Any]]) -> list[str]:
    grown = {each["preset"]: each["resident_mb"] for each in speeds if each["resident_mb"] > 0}
    told = ", ".join(f"{name} {value:.1f} MB" for name, value in grown.items())
    return [f"Resident memory per machine, model and all: {told}."] if grown else []


@dataclass(frozen=True, slots=True)
class Baseline:
    """Clips of 10 s a second through the challenge baseline's scoring path, one at a time as its own code does.

    Log-mel frames and the autoencoder's mean squared error; 0 where something that it needs is not there.
    """

    per_s: float = 0.0
    """The frames by librosa, as its own code has them."""
    torch_per_s: float = 0.0
    """The frames by torch in single precision, which is faster."""


def baseline(least_s: float) -> Baseline:
    """Measure it, each way for ``least_s`` seconds."""
    try:
        from tests.bench import baseline as challenge  # needs scipy for its thresholds, though nobody asks for them
    except ImportError:
        return Baseline()

    filters = challenge.mel_filters().float()
    by_torch = _clips_per_s(lambda samples: challenge.vectors(samples, filters), challenge.network(), least_s)
    try:
        from threadpoolctl import threadpool_limits  # comes with librosa

        clip = untrained.noise(DEFAULT, 1, seed=3)[0].numpy()
        found = challenge.vectors_by_librosa(clip)
        torch.testing.assert_close(found, challenge.vectors(clip, filters), rtol=0, atol=SAME_DB)
        with threadpool_limits(1, user_api="blas"):  # NumPy's threads and torch's wait for each other, twice as long
            by_librosa = _clips_per_s(challenge.vectors_by_librosa, challenge.network(), least_s)
    except ImportError:
        by_librosa = 0.0
    return Baseline(by_librosa, by_torch)


def _clips_per_s(
    vectors: Callable[[NDArray[np.float32]], torch.Tensor], network: torch.nn.Module, least_s: float
) -> float:
    sounds = untrained.noise(DEFAULT, 8, seed=3).numpy()
    network.eval()

    def once(place: int) -> None:
        with torch.inference_mode():
            clip = vectors(sounds[place % len(sounds)])
            float(torch.nn.functional.mse_loss(network(clip), clip))

    once(0)
    began_s, done = time.perf_counter(), 0
    while (took_s := time.perf_counter() - began_s) < least_s:
        once(done)
        done += 1
    return done / took_s


def hop(given: argparse.Namespace) -> None:
    """A hop of a second beside a hop of ten."""
    presets, sizes = ((SMALL,), (1, 1, throughput.QUICK.learnt)) if given.quick else ((DEFAULT, PAPER), ())
    many = hops.MACHINES[:1] if given.quick else hops.MACHINES
    costs = [cost for preset in presets for machines in many for cost in hops.measure(preset, machines, *sizes)]
    rows = [
        [each.preset, str(each.machines), each.time, *(f"{ms:.2f}" for ms in each.ms), f"{each.ratio:.2f}"]
        for each in costs
    ]
    body = table(["preset", "machines", "time", "hop 10 s, ms", "hop 1 s, ms", "ratio"], rows)
    body += "\n\nPer second of a machine's sound, of machines whose windows end together. What is new of a window of "
    body += "`default` is scored by one thread, all else by all. The hops take turns; all are medians."
    values = [asdict(cost) for cost in costs]
    _keep(given, "hop", None, {"Overlapping windows": body}, values)


def start(given: argparse.Namespace) -> None:
    """From the start to READY=1."""
    from tests.bench import start as starting

    found = starting.started((1,) if given.quick else (1, 100), 1 if given.quick else 3, given.out)
    body = starting.report(found)
    _keep(given, "start", None, {"Start": body}, [asdict(each) for each in found])


def training(given: argparse.Namespace) -> None:
    """Seconds of training per minute of sound."""
    from tests.bench.lab.machine import Machine, Recordings, record
    from tests.bench.lab.setup import quickly
    from tests.bench.lab.trained import train_files

    preset = quickly(DEFAULT) if given.quick else DEFAULT
    recordings = Recordings(4, 30) if given.quick else Recordings(LEARNT_S // 30, 30)
    with tempfile.TemporaryDirectory() as scratch:
        machine = Machine("fan", 1)
        files = record(Path(scratch) / "recordings", machine, recordings)
        began_s = time.perf_counter()
        train_files(machine.name, files, preset, (CLIP_S, CLIP_S), Path(scratch))
        took_s = time.perf_counter() - began_s
    minutes = recordings.count * recordings.seconds / 60
    body = (
        f"`{preset.name}`, {minutes:g} minutes of sound: {took_s:.0f} s, {took_s / minutes:.1f} s a minute, with the "
    )
    body += "calibration. Steps are bounded, so that an hour of sound does not take twelve times as long."
    _keep(given, "training", None, {"Training": body}, {"minutes": minutes, "seconds": took_s})


def plant(given: argparse.Namespace) -> None:
    """The daemon with many machines in real time."""
    from tests.bench import plant as plants

    wanted = [plants.QUICK] if given.quick else plants.loads(given.plants)
    found = [plants.Run.read(each) for each in results.values(given.results, "plant") or ()]
    found += plants.runs(wanted, 20.0, given.out)
    latest = {(each.machines, -each.hop_s): each for each in found}
    runs = [latest[key] for key in sorted(latest)]
    body = f"{plants.report(runs)}\n\n{plants.NOTE}"
    _keep(given, "plant", None, {"A plant in real time": body}, [asdict(each) for each in runs])


PARTS: Mapping[str, Callable[[argparse.Namespace], None]] = {
    "fleet": fleet,
    "hop": hop,
    "start": start,
    "training": training,
    "plant": plant,
}


def _keep(
    given: argparse.Namespace, part: str, device: torch.device | None, tables: Mapping[str, str], values: object
) -> None:
    command = "make bench GPU=1" if part == "gpu" else f"python tests/bench/speed.py --parts {part}"
    results.keep(given.results, part, command, results.here(device), tables, values)
    for heading, body in tables.items():
        print(f"## {heading}\n\n{body}\n")


def main(arguments: list[str] | None = None) -> int:
    options = argparse.ArgumentParser(description="How fast it is.")
    options.add_argument("--parts", default=",".join(PARTS), help="separated by commas (default: all)")
    options.add_argument("--device", default="cpu", help="of the part fleet: cpu, cuda, auto (default cpu)")
    options.add_argument("--plants", default=PLANTS, help=f"machines:minutes[:hop in seconds] (default {PLANTS})")
    options.add_argument("--quick", action="store_true", help="a small part of each, to see that it runs")
    options.add_argument("--out", type=Path, default=ROOT / "build" / "bench", help="keeps models for next time")
    options.add_argument("--results", type=Path, help="where results go (default tests/bench; quick ones to --out)")
    given: Any = options.parse_args(arguments)
    given.results = given.results or (given.out / "quick" if given.quick else ROOT / "tests" / "bench")
    try:
        for name in given.parts.split(","):
            print(f"== {name}", file=sys.stderr)
            PARTS[name](given)
    except DeviceError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
