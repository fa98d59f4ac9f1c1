"""Real recordings: which train, which test, and the scores of their windows."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from monitor.audio.source import MODEL_RATE_HZ
from monitor.audio.windows import Window
from monitor.detect.alarm import AlarmPolicy
from monitor.detect.budget import Budget
from monitor.learn.dataset import parts, read, read_dataset, windows
from monitor.learn.fitting import fit
from monitor.learn.job import Job
from monitor.memcae.fleet import Fleet
from monitor.memcae.preset import Preset
from monitor.memcae.score import Score
from tests.bench.lab.separation import Sides

FAN_WINDOW_S, FAN_HOP_S = 10.0, 2.0
FAN_TRAIN = 8
"""Of the twelve normal recordings of the fan."""
BLDC_HOPS_S = {2.0: 1.0, 10.0: 10.0}
"""Hop for each length of window; the recordings are 10 s long."""


@dataclass(frozen=True, slots=True)
class Split:
    """Recordings to train on, and unseen ones."""

    train: tuple[Path, ...]
    normal: tuple[Path, ...]
    anomalous: tuple[Path, ...]


def fan_split(data: Path, seed: int) -> Split:
    """Eight of the fan's normal recordings, chosen at random, against the other four and all faulty ones."""
    normal = sorted((data / "recordings" / "fan" / "normal").glob("*.flac"))
    chosen = set(np.random.default_rng(seed).permutation(len(normal))[:FAN_TRAIN].tolist())
    return Split(
        tuple(path for i, path in enumerate(normal) if i in chosen),
        tuple(path for i, path in enumerate(normal) if i not in chosen),
        tuple(sorted((data / "recordings" / "fan" / "anomaly").glob("*.flac"))),
    )


def bldc_splits(data: Path, count: int) -> list[Split]:
    """Six of the motor's eight speeds against the two others and the damaged propeller at every speed it was run at.

    Args:
        data: the data folder.
        count: of the 28 pairs of unseen speeds, evenly spread.
    """
    folder = data / "recordings" / "bldc_m1"
    normal = sorted((folder / "normal").glob("*.flac"))
    anomalous = tuple(sorted((folder / "anomaly_propeller").glob("*.flac")))
    pairs = list(itertools.combinations(normal, 2))
    return [
        Split(tuple(path for path in normal if path not in pair), pair, anomalous)
        for pair in (pairs[place * len(pairs) // count] for place in range(count))
    ]


def heard(
    name: str, files: Iterable[Path], window_s: float, hop_s: float, fleet: Fleet, start_s: float = 0.0
) -> list[Score]:
    """The scores of the recordings' windows, one recording right after the other from ``start_s`` on."""
    found: list[Score] = []
    for path in files:
        samples = read(path).samples
        cut = windows(samples, window_s, hop_s)
        batch = [
            Window(name, start_s + place * hop_s, MODEL_RATE_HZ, 0, np.ascontiguousarray(each))
            for place, each in enumerate(cut)
        ]
        found += fleet.score(batch)
        start_s += len(cut) * hop_s  # the detector is to see windows a hop apart, as from one stream
    return found


def separate(split: Split, preset: Preset, window_s: float, hop_s: float) -> Sides:
    """Train without a calibration, which a handful of windows would not give, and score what is unseen."""
    job = Job("real", preset, window_s, hop_s, Budget(), AlarmPolicy(), device="cpu")
    model = fit(job, parts(read_dataset(split.train), window_s)).model
    fleet = Fleet({"real": model}, "cpu")
    return Sides(
        tuple(heard("real", split.normal, window_s, hop_s, fleet)),
        tuple(heard("real", split.anomalous, window_s, hop_s, fleet)),
    )


def compressor_days(data: Path) -> tuple[Sequence[Path], Sequence[Path]]:
    """The resting compressor, clips of 2 s in order of time: 2 and 27 March, and 28 March."""
    folder = data / "recordings" / "compressor" / "rest"
    by_day = {
        day: sorted(folder.glob(f"*{day}*.flac"), key=lambda path: path.name[path.name.index("2026") :])
        for day in ("20260302", "20260327", "20260328")
    }
    return [*by_day["20260302"], *by_day["20260327"]], by_day["20260328"]
