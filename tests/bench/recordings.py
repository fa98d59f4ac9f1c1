"""Real machines: a fan with faults, a motor at speeds it was not trained at, a compressor on another day.

`python tests/bench/recordings.py [--parts fan,bldc,compressor] [--splits 5] [--pairs 7] [--preset P] [--out DIR]`

Reads ../shared/data, or where MONITOR_TEST_DATA says. Every score goes through the code that runs live.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))  # `make bench` runs this file by its path

from monitor.detect.kinds import AlarmKind
from monitor.memcae.preset import Preset
from monitor.memcae.score import Score
from tests.bench.lab import real
from tests.bench.lab.separation import FUSED, Sides, column, mean
from tests.bench.lab.setup import DATA, chosen_preset, parser, write
from tests.bench.lab.tables import table
from tests.bench.lab.trained import Trained, raised, train_files

WANTED_AUC = 0.95
"""Of unseen speeds of the motor against the damaged propeller."""
COMPRESSOR_S = 2.0
"""Length of the compressor's clips, and so of its windows."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How much of everything."""

    preset: Preset
    data: Path
    splits: int = 5
    """Random choices of the fan's recordings."""
    pairs: int = 7
    """Of the motor's 28 pairs of unseen speeds."""


Rows = list[dict[str, str]]


def fan(plan: Plan) -> Rows:
    """Eight of twelve normal recordings train; AUC of the windows, and alarms of the recordings."""
    rows: Rows = []
    window_s, hop_s = real.FAN_WINDOW_S, real.FAN_HOP_S
    for seed in range(plan.splits):
        split = real.fan_split(plan.data, seed)
        with tempfile.TemporaryDirectory() as folder:
            trained = train_files("fan-1", split.train, plan.preset, (window_s, hop_s), Path(folder))
        sides = Sides(
            *(tuple(_scores(trained, files, window_s, hop_s)) for files in (split.normal, split.anomalous)),
        )
        alarms = [_alarms(trained, path) for path in (*split.normal, *split.anomalous)]
        false, true = alarms[: len(split.normal)], alarms[len(split.normal) :]
        rows.append(
            {
                "split": str(seed),
                **_aucs(sides.auc()),
                "alarms": f"{sum(true)} of {len(true)}",
                "false alarms": f"{sum(false)} of {len(false)}",
                "normal windows over": f"{np.mean(column(sides.normal, FUSED) > trained.calibration.threshold):.0%}",
            }
        )
    return rows


def _alarms(trained: Trained, path: Path) -> bool:
    """Whether the live path raises an alarm while this recording is played."""
    transitions, _ = trained.replay(_scores(trained, [path], real.FAN_WINDOW_S, real.FAN_HOP_S))
    return bool(raised(transitions, AlarmKind.ANOMALY))


def _scores(trained: Trained, files: Sequence[Path], window_s: float, hop_s: float) -> Sequence[Score]:
    return real.heard(trained.name, files, window_s, hop_s, trained.fleet)


def bldc(plan: Plan) -> Rows:
    """Six of eight speeds train; are the two unseen ones told from a damaged propeller?"""
    rows: Rows = []
    for window_s, hop_s in real.BLDC_HOPS_S.items():
        splits = real.bldc_splits(plan.data, plan.pairs)
        found = [real.separate(split, plan.preset, window_s, hop_s).auc() for split in splits]
        fused = [each[FUSED] for each in found]
        worst = splits[int(np.argmin(fused))].normal
        rows.append(
            {
                "window, s": f"{window_s:g}",
                "pairs": f"{len(found)} of 28",
                **_aucs(mean(found)),
                "lowest fused": f"{min(fused):.3f} ({', '.join(path.stem for path in worst)})",
                f"at least {WANTED_AUC:g}": f"{sum(each >= WANTED_AUC for each in fused)} of {len(fused)}",
            }
        )
    return rows


def compressor(plan: Plan) -> Rows:
    """2 and 27 March train and calibrate; 28 March is replayed through the live path as one stream."""
    known, fresh = real.compressor_days(plan.data)
    with tempfile.TemporaryDirectory() as folder:
        trained = train_files("compressor-1", known, plan.preset, (COMPRESSOR_S, COMPRESSOR_S), Path(folder))
    scores = _scores(trained, fresh, COMPRESSOR_S, COMPRESSOR_S)
    transitions, _ = trained.replay(scores)
    calibration, values = trained.calibration, column(scores, FUSED)
    return [
        {
            "trained on": f"{len(known)} clips",
            "replayed": f"{len(scores)} clips",
            "false alarms": str(len(raised(transitions, AlarmKind.ANOMALY))),
            "drift events": str(len(raised(transitions, AlarmKind.DRIFT))),
            "over threshold": str(int((values > calibration.threshold).sum())),
            "threshold": f"{calibration.threshold:.2f}",
            "median": f"{np.median(values):.2f}",
            "highest": f"{values.max():.2f}",
            "stated, per week": f"{calibration.promise.low:.2g} to {calibration.promise.high:.2g}",
        }
    ]


def _aucs(found: Mapping[str, float]) -> dict[str, str]:
    return {f"AUC {name}": f"{value:.3f}" for name, value in found.items()}


PARTS: Mapping[str, tuple[str, Callable[[Plan], Rows]]] = {
    "compressor": ("Compressor at rest: 28 March after 2 and 27 March, windows of 2 s", compressor),
    "fan": ("Fan: 8 of 12 normal recordings train, windows of 10 s every 2 s", fan),
    "bldc": ("Brushless motor: two unseen speeds against the damaged propeller at all speeds", bldc),
}


def main() -> int:
    options = parser("Real machines: a fan, a motor at unseen speeds, a compressor on another day.")
    options.add_argument("--parts", default=",".join(PARTS), help="separated by commas")
    options.add_argument("--splits", type=int, default=5, help="random choices of the fan's recordings (default 5)")
    options.add_argument("--pairs", type=int, default=7, help="of the motor's 28 pairs of speeds (default 7)")
    given = options.parse_args()
    if not (DATA / "recordings").is_dir():
        print(f"no real recordings in {DATA}; MONITOR_TEST_DATA can name another folder", file=sys.stderr)
        return 0
    preset = chosen_preset(given.preset, quick=given.quick)
    splits, pairs = (1, 1) if given.quick else (given.splits, given.pairs)
    plan = Plan(preset, DATA, splits, pairs)
    found = {name: PARTS[name][1](plan) for name in given.parts.split(",")}
    texts = [
        f"{PARTS[name][0]}\n\n{table(list(rows[0]), [list(row.values()) for row in rows])}"
        for name, rows in found.items()
    ]
    write(given.out, "recordings", "\n\n".join(texts), found)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
