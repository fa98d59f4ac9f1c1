"""Whether networks trained in mixed precision detect as those trained in float32, and what a gradient step takes.

`python tests/bench/precision.py [--seeds 0,1,2] [--machines ToyCar1] [--device cpu] [--preset paper --steps 50]`

Of each seed everything but the precision is the same: the first weights, the sound, and all that follows the training.
How far rounding alone moves a figure shows the same on another processor, or what torch takes for one
(ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2).
Needs ../shared/data (or where MONITOR_TEST_DATA says).
"""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import get_args

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))  # `make bench` runs this file by its path

from monitor.learn.evaluate import evaluate
from monitor.learn.evaluate_layout import Section, read_layout
from monitor.learn.evaluate_section import Settings
from monitor.learn.precision import Arithmetic
from monitor.learn.progress import Progress
from monitor.memcae import artifact
from monitor.memcae.preset import Preset
from tests.bench.lab.setup import DATA, chosen_preset, kept, parser, write
from tests.bench.lab.tables import table

ARITHMETICS: tuple[Arithmetic, ...] = get_args(Arithmetic)


@dataclass(frozen=True, slots=True)
class Run:
    """One training and what it detects."""

    machine: str
    seed: int
    precision: Arithmetic
    auc: float
    pauc: float
    loss: float
    """Of the last gradient steps (a fortieth of them), in training mode."""
    step_ms: float
    """A gradient step, with the drawing of its crops and its share of the looks at the held-out loss."""


class Stopwatch:
    """Told of a training's progress, knows how long its steps took."""

    def __init__(self) -> None:
        self._seen: list[tuple[float, int]] = []

    def __call__(self, name: str, progress: Progress) -> None:
        del name
        if progress.stage == "training":
            self._seen.append((time.perf_counter(), progress.done))

    @property
    def step_ms(self) -> float:
        """Milliseconds a step, in the median over the checks but the first, which waits for a GPU's kernels."""
        moments, done = np.array(self._seen, dtype=np.float64).T
        return 1000 * float(np.median(np.diff(moments) / np.diff(done)))


def run(section: Section, preset: Preset, seed: int, precision: Arithmetic, device: str, out: Path) -> Run:
    """Train and test anew: a result that was kept would tell no time."""
    settings = Settings(preset, out / f"{precision}-{seed}", seed=seed, device=device, precision=precision)
    watch = Stopwatch()
    done = evaluate([section], settings, fresh=True, progress=watch)
    if done.failures:
        raise SystemExit("\n".join(done.failures))
    (result,) = done.results
    versions = artifact.list_versions(settings.state_dir, section.id)
    training = {each.version: each.metadata["training"] for each in versions}[result.version]
    if training["precision"] != precision:
        raise SystemExit(f"trained in {training['precision']} where {precision} was asked for")
    figures = result.figures
    loss = training["losses"][-1][1]
    return Run(section.machine, seed, precision, figures["auc"].value, figures["pauc"].value, loss, watch.step_ms)


def rows(runs: Sequence[Run]) -> list[list[str]]:
    """One row a machine and seed, one of their means; in each column both precisions."""
    found = [
        [f"{machine}, seed {seed}", *_figures([each for each in runs if (each.machine, each.seed) == (machine, seed)])]
        for machine, seed in dict.fromkeys((each.machine, each.seed) for each in runs)
    ]
    return [*found, ["mean", *_figures(runs)]]


def apart(runs: Sequence[Run]) -> str:
    """How far the precisions of one seed lie apart at most, and how far the seeds of one machine in float32."""
    single = [each for each in runs if each.precision == "float32"]
    pairs = [_gap(runs, name, "seed") for name in ("auc", "pauc")]
    seeds = [_gap(single, name, "precision") for name in ("auc", "pauc")]
    return (
        f"The precisions of one seed are {pairs[0]:.3f} AUC and {pairs[1]:.3f} pAUC apart at most, the seeds of one "
        f"machine in float32 {seeds[0]:.3f} and {seeds[1]:.3f}."
    )


def _gap(runs: Sequence[Run], name: str, by: str) -> float:
    """The widest range of a figure among runs of one machine that have ``by`` in common."""
    alike: dict[tuple[str, object], list[float]] = {}
    for each in runs:
        alike.setdefault((each.machine, getattr(each, by)), []).append(getattr(each, name))
    return max(max(values) - min(values) for values in alike.values())


def _figures(runs: Sequence[Run]) -> list[str]:
    """The mean of each figure in the one precision and in the other."""
    found = []
    for form in ("{auc:.3f} / {pauc:.3f}", "{loss:.4g}", "{step_ms:.0f}"):
        for precision in ARITHMETICS:
            alike = [asdict(each) for each in runs if each.precision == precision]
            names = ("auc", "pauc", "loss", "step_ms")
            found.append(form.format(**{name: float(np.mean([each[name] for each in alike])) for name in names}))
    return found


def main() -> int:
    options = parser("Mixed precision against float32: AUC, pAUC, loss and time.")
    options.add_argument("--seeds", default="0,1,2", help="separated by commas")
    options.add_argument("--machines", default="", help="only these of the data set, separated by commas")
    options.add_argument("--device", default="auto")
    options.add_argument("--steps", type=int, help="gradient steps instead of the preset's")
    given = options.parse_args()
    if not (DATA / "dcase").is_dir():
        print(f"no real recordings in {DATA}", file=sys.stderr)
        return 0
    preset = chosen_preset(given.preset, quick=given.quick)
    if given.steps:
        preset = replace(preset, training=replace(preset.training, least_steps=given.steps, most_steps=given.steps))
    seeds = [0] if given.quick else [int(seed) for seed in given.seeds.split(",")]
    layout = read_layout(DATA / "dcase", tuple(filter(None, given.machines.split(","))))
    out = kept(given.out, preset, "precision")
    runs = [
        run(section, preset, seed, precision, given.device, out)
        for section in layout.sections
        for seed in seeds
        for precision in ARITHMETICS
    ]
    head = [f"{name}, {each}" for name in ("AUC / pAUC", "last loss", "ms a step") for each in ARITHMETICS]
    command = shlex.join(["python", "tests/bench/precision.py", *sys.argv[1:]])
    text = f"`{command}`\n\n{table(['', *head], rows(runs))}\n\n{apart(runs)}"
    write(given.out, "precision", text, [asdict(each) for each in runs])
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
