"""Models to measure speed with: of a preset's exact make, from noise alone, as many different ones as are wanted.

Needs nothing but torch and numpy, so that it runs on a GPU machine as it is.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from monitor.memcae import explanation, fusion
from monitor.memcae.model import Knowledge, MachineModel, from_tensors
from monitor.memcae.network import MemCAE
from monitor.memcae.preset import Preset
from monitor.memcae.spectrogram import scaled
from monitor.memcae.views import VIEWS
from monitor.memcae.views.observation import Observation

WINDOW_S = 10.0
LEARNT = 120
"""Windows of noise that the views are fitted on, as many as twenty minutes of sound have: their statistics, and so the
model's size, grow with it."""
AT_ONCE = 8
"""Windows looked at together while fitting; bounds memory."""
PERTURBED = 1e-4
"""Relative change of every weight from machine to machine: other numbers to load and multiply, the same verdicts."""


def noise(preset: Preset, count: int, seed: int, device: str = "cpu") -> Tensor:
    """Windows of noise at -30 dBFS whose level differs a little, [count, n]."""
    samples = round(WINDOW_S * preset.spectrogram.rate_hz)
    rng = torch.Generator().manual_seed(seed)
    levels = 0.03 * (1 + 0.1 * torch.rand(count, 1, generator=rng))
    return (levels * torch.randn(count, samples, generator=rng)).to(device)


@torch.inference_mode()
def untrained(preset: Preset, learnt: int = LEARNT) -> MachineModel:
    """A model whose network has learnt nothing, and whose views know noise."""
    torch.manual_seed(0)
    network = MemCAE(preset.network, preset.spectrogram.bins).eval()
    sound = noise(preset, learnt, seed=0)
    if preset.spectrogram.standardise:
        seen = scaled(Observation(sound[:AT_ONCE], preset.spectrogram, network).power, preset.spectrogram)
        network.set_statistics(seen.mean(dim=(0, 2)), seen.std(dim=(0, 2)))
    parts = [Observation(part, preset.spectrogram, network) for part in torch.split(sound, AT_ONCE)]
    described = {name: [VIEWS[name].describe(part).double() for part in parts] for name in preset.views}
    views = {
        name: {key: value.float() for key, value in VIEWS[name].fit(described[name]).items()} for name in preset.views
    }
    distances = [
        torch.cat([VIEWS[name].distance(views[name], each.float()) for each in described[name]])
        for name in preset.views
    ]
    levels = torch.cat([explanation.band_levels(part.quiet_db, part.spec) for part in parts])
    reference = fusion.reference(torch.stack(distances, dim=1))
    knowledge = Knowledge(views, reference, explanation.normal_levels(levels))
    return MachineModel("noise", "", preset, WINDOW_S, network, knowledge)


def perturbed(model: MachineModel, machine: str, seed: int) -> MachineModel:
    """The model with every number moved by about ``PERTURBED`` of itself."""
    rng = torch.Generator().manual_seed(seed)
    tensors = {
        name: tensor * (1 + PERTURBED * torch.randn(tensor.shape, generator=rng, dtype=tensor.dtype))
        if tensor.is_floating_point()
        else tensor.clone()
        for name, tensor in model.tensors().items()
    }
    return from_tensors(machine, "", model.preset, model.window_s, tensors)


def models(preset: Preset, count: int, learnt: int = LEARNT) -> Iterator[tuple[str, MachineModel]]:
    """So many machines, each with a model of its own, on the CPU."""
    first = untrained(preset, learnt)
    for place in range(count):
        name = f"noise-{place:04d}"
        yield name, perturbed(first, name, place)


def size(model: MachineModel) -> int:
    """Bytes of the model's tensors."""
    return sum(each.numel() * each.element_size() for each in model.tensors().values())
