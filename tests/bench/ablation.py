"""What each part is worth: every view alone, fused, and all of it without its memories, on all the data.

`python tests/bench/ablation.py [--data toycar,fan,bldc,faults] [--splits 3] [--pairs 4] [--others latent] [--quick]`

Needs ../shared/data (or where MONITOR_TEST_DATA says) for all but `faults`.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # `make bench` runs this file by its path

from monitor.learn.evaluate import evaluate
from monitor.learn.evaluate_layout import read_layout
from monitor.learn.evaluate_section import Settings
from monitor.memcae.preset import Preset
from tests.bench import faults
from tests.bench.lab import real
from tests.bench.lab.separation import FUSED, mean
from tests.bench.lab.setup import DATA, chosen_preset, kept, parser, write
from tests.bench.lab.tables import table

FORGETFUL = {"recall": "spectrum"}
"""View that asks a memory -> what it is without one."""

Figures = dict[str, dict[str, str]]
"""View or FUSED -> column -> figure."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How much of everything."""

    splits: int
    pairs: int
    size: faults.Size
    out: Path


def variants(preset: Preset, others: Sequence[str] = ()) -> dict[str, Preset]:
    """The preset, the same without any memory, and, where asked for, the same with views that it does not have."""
    views = tuple(FORGETFUL.get(name, name) for name in preset.views)
    network = replace(preset.network, slots=0)
    found = {"": preset, "without memory": replace(preset, network=network, views=tuple(dict.fromkeys(views)))}
    if more := [name for name in others if name not in preset.views]:
        found["added"] = replace(preset, views=(*preset.views, *more))
    return found


def toycar(preset: Preset, plan: Plan) -> Figures:
    """AUC / pAUC of each view on the DCASE 2020 cars, whole clips."""
    found: Figures = {}
    for section in read_layout(DATA / "dcase").sections:
        settings = Settings(preset, kept(plan.out, preset))
        (result,) = evaluate([section], settings).results
        name = f"{section.machine}, AUC/pAUC"
        fused = result.figures["auc"].value, result.figures["pauc"].value
        each = {view: (figures.auc, figures.pauc) for view, figures in result.views.items()}
        for view, (whole, part) in (each | {FUSED: fused}).items():
            found.setdefault(view, {})[name] = f"{whole:.3f}/{part:.3f}"
    return found


def fan(preset: Preset, plan: Plan) -> Figures:
    """Mean AUC over random splits of the fan's recordings."""
    splits = [real.fan_split(DATA, seed) for seed in range(plan.splits)]
    found = [real.separate(split, preset, real.FAN_WINDOW_S, real.FAN_HOP_S).auc() for split in splits]
    return _column("fan", mean(found))


def bldc(preset: Preset, plan: Plan) -> Figures:
    """Mean AUC over pairs of unseen speeds of the motor, windows of 2 s."""
    window_s, hop_s = next(iter(real.BLDC_HOPS_S.items()))
    splits = real.bldc_splits(DATA, plan.pairs)
    return _column("bldc_m1", mean([real.separate(split, preset, window_s, hop_s).auc() for split in splits]))


def simulated(preset: Preset, plan: Plan) -> Figures:
    """Mean AUC over all cells of the fault bench."""
    cells = faults.bench(preset, plan.size, kept(plan.out, preset, plan.size.recordings))
    return _column("faults", faults.mean_auc(cells))


def _column(name: str, values: Mapping[str, float]) -> Figures:
    return {view: {name: f"{value:.3f}"} for view, value in values.items()}


SETS: Mapping[str, Callable[[Preset, Plan], Figures]] = {
    "toycar": toycar,
    "fan": fan,
    "bldc": bldc,
    "faults": simulated,
}


def ablation(preset: Preset, chosen: Sequence[str], plan: Plan, others: Sequence[str] = ()) -> Figures:
    """What each view is worth on each of the chosen data, and fused; then the same of every variant."""
    found: Figures = {}
    for variant, each in variants(preset, others).items():
        for name in chosen:
            for view, figures in SETS[name](each, plan).items():
                if not variant:
                    found.setdefault(view, {}).update(figures)
                elif variant != "added" or view not in preset.views:
                    found.setdefault(f"{view}, {variant}", {}).update(figures)
    return found


def main() -> int:
    options = parser("Every view alone, fused, and the MemCAE with and without its memory.")
    options.add_argument("--data", default=",".join(SETS), help="separated by commas")
    options.add_argument("--splits", type=int, default=3, help="random choices of the fan's recordings (default 3)")
    options.add_argument("--pairs", type=int, default=4, help="of the motor's 28 pairs of speeds (default 4)")
    options.add_argument("--others", default="", help="views that the preset does not have, separated by commas")
    given = options.parse_args()
    chosen = given.data.split(",")
    if not (DATA / "recordings").is_dir() and chosen != ["faults"]:
        print(f"no real recordings in {DATA}; --data faults needs none", file=sys.stderr)
        return 0
    preset = chosen_preset(given.preset, quick=given.quick)
    size = faults.QUICK if given.quick else faults.Size()
    splits, pairs = (1, 1) if given.quick else (given.splits, given.pairs)
    plan = Plan(splits, pairs, size, given.out)
    found = ablation(preset, chosen, plan, given.others.split(",") if given.others else ())
    columns = list(dict.fromkeys(name for figures in found.values() for name in figures))
    rows = [[view, *(figures.get(name, "") for name in columns)] for view, figures in found.items()]
    command = shlex.join(["python", "tests/bench/ablation.py", *sys.argv[1:]])
    write(given.out, "ablation", f"`{command}`\n\n{table(['view', *columns], rows)}", found)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
