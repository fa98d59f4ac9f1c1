"""Small models of a made-up machine: fitted in a fraction of a second, whole in every part."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from monitor.memcae import explanation, fusion, kernels
from monitor.memcae.fusion import Reference
from monitor.memcae.model import Knowledge, MachineModel
from monitor.memcae.network import MemCAE
from monitor.memcae.preset import DEFAULT, PAPER, NetworkSpec, Preset
from monitor.memcae.views import VIEWS
from monitor.memcae.views.observation import Observation

RATE_HZ = 16_000

SMALL = replace(DEFAULT, network=replace(DEFAULT.network, widths=(4, 6), slot_size=8))
"""The default preset with a network of a few hundred weights."""

SMALL_PAPER = replace(PAPER, network=NetworkSpec(widths=(4, 6), slot_size=8, slots=12))


EIGHTS = replace(SMALL, network=replace(SMALL.network, widths=(8, 16), slot_size=16))
"""The same for the compiled kernels, which want channels in eights."""

EIGHTS_PAPER = replace(PAPER, network=NetworkSpec(widths=(8, 16), slot_size=16, slots=20))

NO_KERNELS = "no compiled kernels: there was no C++ compiler when the package was installed"

needs_kernels = pytest.mark.skipif(not kernels.available(), reason=NO_KERNELS)


def noise(count: int, seconds: float, seed: int = 0, level: float = 0.1) -> Tensor:
    """Windows of white noise, [count, n]: the normal sound of the made-up machine."""
    generator = torch.Generator().manual_seed(seed)
    return level * torch.randn(count, round(seconds * RATE_HZ), generator=generator)


def network_of(preset: Preset, seed: int = 0) -> MemCAE:
    """An untrained network in evaluation mode, the same for the same seed."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return MemCAE(preset.network, preset.spectrogram.bins).eval()


def fitted(machine: str = "fan-1", preset: Preset = SMALL, seed: int = 0, windows: int = 12) -> MachineModel:
    """A model whose views are fitted to noise, its network untrained; references in sample."""
    network = network_of(preset, seed)
    seen = Observation(noise(windows, 2.0, seed), preset.spectrogram, network)
    with torch.inference_mode():
        described = {name: VIEWS[name].describe(seen) for name in preset.views}
        levels = explanation.band_levels(seen.quiet_db, preset.spectrogram)
    found = {name: VIEWS[name].fit([row[None] for row in each.double()]) for name, each in described.items()}
    views = {name: {key: value.float() for key, value in each.items()} for name, each in found.items()}
    distances = torch.stack([VIEWS[name].distance(views[name], described[name]) for name in preset.views], dim=1)
    known = fusion.reference(distances.double())
    reference = Reference(known.location.float(), known.spread.float())
    return MachineModel(
        machine, "", preset, 2.0, network, Knowledge(views, reference, explanation.normal_levels(levels))
    )
