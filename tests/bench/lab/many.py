"""A plant of any size for the benches: a model of its own for every machine, and the configuration to run them.

A few individuals are trained; every machine has the model of one of them with weights that differ a little from all
others', so that nothing can be shared between machines that could not be in a real plant.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monitor.detect.calibration import Calibration
from monitor.memcae import artifact
from monitor.memcae.preset import Preset
from tests.bench.lab.machine import NOW_S, Machine, Recordings
from tests.bench.lab.trained import train
from tests.bench.lab.untrained import perturbed

INDIVIDUALS = tuple(Machine(kind, seed) for seed in (1, 2, 3, 4) for kind in ("fan", "pump"))
"""Every machine has the sound and, but for small changes of its weights, the model of one of these in turn."""
RECORDED = Recordings(count=10, seconds=60)
"""Ten minutes of each."""
RESTLESS = 10
"""Every so-manieth machine has its levels in the midst of its normal scores, so that it raises and clears alarms; in a
plant of no more than this, every machine: events would be too few to tell how late they are."""


@dataclass(frozen=True, slots=True)
class Plant:
    """Machines that have a model in ``state_dir``."""

    state_dir: Path
    machines: tuple[str, ...]
    restless: int
    """Every so-manieth machine is."""

    def sources(self) -> dict[str, Any]:
        """The machines as the configuration names them, each with a simulated source."""
        return {name: _settings(place, self.restless) for place, name in enumerate(self.machines)}


def individual(place: int) -> Machine:
    """Whose model and sound the machine at ``place`` has."""
    return INDIVIDUALS[place % len(INDIVIDUALS)]


def machine_name(place: int) -> str:
    """The id of the machine at ``place``."""
    return f"{individual(place).name}-{place:04d}"


def build(preset: Preset, kept: Path, count: int) -> Plant:
    """A state directory in ``kept`` with at least ``count`` machines, each with model and calibration."""
    every = RESTLESS if count > RESTLESS else 1
    state_dir = kept / f"plant-{every}"
    originals = [train(each, preset, RECORDED, kept) for each in INDIVIDUALS[:count]]
    names = tuple(machine_name(place) for place in range(count))
    for place, name in enumerate(names):
        if (state_dir / "models" / name / artifact.CURRENT).exists():
            continue
        original = originals[place % len(originals)]
        model = perturbed(original.fleet.models[original.name], name, place)
        calibration = original.calibration if place % every else restless(original.calibration)
        artifact.save_version(
            state_dir,
            name,
            model,
            created_s=float(NOW_S),
            code_version="bench",
            training={},
            calibration=calibration.to_dict(),
        )
    return Plant(state_dir, names, every)


def restless(calibration: Calibration) -> Calibration:
    """With the levels where every other normal window passes them."""
    level = calibration.location + 0.1 * calibration.spread
    return dataclasses.replace(calibration, threshold=level, warning_level=level, clear_level=level)


def _settings(place: int, restless_every: int) -> dict[str, Any]:
    own = individual(place)
    settings: dict[str, Any] = {"source": {"simulated": own.kind, "seed": own.seed}}
    if place % restless_every == 0:
        settings["alarm"] = {"raise": "1 of 1", "clear_after_s": 1}
    return settings
