"""Where each view wins and loses: simulated machines x faults x signal-to-noise, the AUC of every cell.

`python tests/bench/faults.py [--kinds fan,pump] [--seeds 1] [--snrs=-6,0,6] [--preset P] [--quick] [--out DIR]`

Ten minutes of normal sound train each machine, as a user would. Unseen healthy windows are held against windows with a
fault. A regression guard: simulated sound proves nothing about real machines.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))  # `make bench` runs this file by its path

from monitor.audio.level import rms_dbfs
from monitor.audio.simulated import MACHINES, FaultSpec, faults_of
from monitor.audio.windows import Window
from monitor.memcae.preset import Preset
from monitor.memcae.score import Score
from tests.bench.lab.machine import NOW_S, Listening, Machine, Recordings, windows
from tests.bench.lab.separation import FUSED, Sides, column, mean
from tests.bench.lab.setup import chosen_preset, kept, parser, write
from tests.bench.lab.tables import table
from tests.bench.lab.trained import Trained, train

SNRS_DB = (-6.0, 0.0, 6.0)
NORMAL = Recordings(count=20, seconds=30)
HEARD_DBFS = -41.0
"""Machines have -36 dBFS while they run: below this an intermittent one runs less than a third of the window, and what
a fault sounds like cannot be heard. Such windows are passed over."""
MOST_PASSED_OVER = 20
"""Windows looked at for each one wanted; the compressor needs two."""


@dataclass(frozen=True, slots=True)
class Size:
    """How large a bench is."""

    kinds: tuple[str, ...] = MACHINES
    seeds: tuple[int, ...] = (1,)
    snrs_db: tuple[float, ...] = SNRS_DB
    recordings: Recordings = NORMAL
    healthy: int = 60
    """Windows without a fault, per machine."""
    faulty: int = 16
    """Windows with a fault, per cell."""


QUICK = Size(kinds=("fan", "compressor"), snrs_db=(0.0,), recordings=Recordings(8, 20), healthy=20, faulty=6)


@dataclass(frozen=True, slots=True)
class Cell:
    """One fault of one kind of machine at one loudness."""

    kind: str
    fault: str
    snr_db: float
    auc: dict[str, float]
    """Of each view and `fused`; the mean over the seeds."""
    over: float
    """Share of the faulty windows above the calibrated threshold."""
    healthy_over: float
    """Share of the healthy windows above it."""


def bench(preset: Preset, size: Size, folder: Path) -> list[Cell]:
    """All cells."""
    return [cell for kind in size.kinds for cell in _cells(kind, preset, size, folder)]


def _cells(kind: str, preset: Preset, size: Size, folder: Path) -> list[Cell]:
    by_seed = [list(_of_individual(Machine(kind, seed), preset, size, folder)) for seed in size.seeds]
    return [_mean(cells) for cells in zip(*by_seed, strict=True)]


def _of_individual(machine: Machine, preset: Preset, size: Size, folder: Path) -> Iterator[Cell]:
    trained = train(machine, preset, size.recordings, folder)
    healthy = tuple(trained.scores(windows(Listening(machine, NOW_S, size.healthy, every_s=430))))
    for fault in faults_of(machine.kind):
        for snr_db in size.snrs_db:
            faulty = tuple(trained.scores(audible(machine, FaultSpec(fault, snr_db), size.faulty)))
            yield Cell(
                machine.kind,
                fault,
                snr_db,
                Sides(healthy, faulty).auc(),
                _over(trained, faulty),
                _over(trained, healthy),
            )


def audible(machine: Machine, fault: FaultSpec, count: int) -> Iterator[Window]:
    """Windows from the day after the healthy ones, in which the machine runs and so the fault can be heard."""
    # odd pauses, so that an intermittent machine is met in every state
    heard = windows(Listening(machine, NOW_S + 86_400, MOST_PASSED_OVER * count, every_s=433, fault=fault))
    return itertools.islice((window for window in heard if rms_dbfs(window.samples) > HEARD_DBFS), count)


def _over(trained: Trained, scores: Sequence[Score]) -> float:
    return float(np.mean(column(scores, FUSED) > trained.calibration.threshold))


def _mean(cells: Sequence[Cell]) -> Cell:
    over, healthy = (float(np.mean([getattr(cell, name) for cell in cells])) for name in ("over", "healthy_over"))
    return replace(cells[0], auc=mean_auc(cells), over=over, healthy_over=healthy)


def mean_auc(cells: Sequence[Cell]) -> dict[str, float]:
    """Of each view and `fused`, over all cells alike."""
    return mean([cell.auc for cell in cells])


def report(cells: Sequence[Cell]) -> str:
    """The cells, and their means per machine and per signal-to-noise ratio, as Markdown."""
    names = list(cells[0].auc)
    rows = [
        [cell.kind, cell.fault, f"{cell.snr_db:+.0f}", *(f"{cell.auc[name]:.3f}" for name in names), f"{cell.over:.0%}"]
        for cell in cells
    ]
    whole = table(["machine", "fault", "dB", *names, "over threshold"], rows)
    groups = {f"{kind}, all": [c for c in cells if c.kind == kind] for kind in dict.fromkeys(c.kind for c in cells)}
    groups |= {
        f"all, {snr:+.0f} dB": [c for c in cells if c.snr_db == snr] for snr in dict.fromkeys(c.snr_db for c in cells)
    }
    groups["all"] = list(cells)
    means = [
        [
            name,
            *(f"{value:.3f}" for value in mean_auc(group).values()),
            f"{np.mean([cell.over for cell in group]):.0%}",
            f"{np.mean([cell.healthy_over for cell in group]):.1%}",
        ]
        for name, group in groups.items()
    ]
    return f"{whole}\n\n{table(['mean AUC', *names, 'over threshold', 'healthy over'], means)}"


def main() -> int:
    options = parser("Simulated machines, faults and loudness: the AUC of each view.")
    options.add_argument("--kinds", default="", help="only these machines, separated by commas")
    options.add_argument("--seeds", type=int, default=1, help="individuals of each kind (default 1)")
    options.add_argument("--snrs", default="", help="only these loudnesses, dB, for example --snrs=-18,-12")
    given = options.parse_args()
    size = replace(QUICK if given.quick else Size(), seeds=tuple(range(1, given.seeds + 1)))
    if given.snrs:
        size = replace(size, snrs_db=tuple(map(float, given.snrs.split(","))))
    if given.kinds:
        size = replace(size, kinds=tuple(given.kinds.split(",")))
    preset = chosen_preset(given.preset, quick=given.quick)
    cells = bench(preset, size, kept(given.out, preset, size.recordings))
    write(given.out, "faults", report(cells), [asdict(cell) for cell in cells])
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
