from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from monitor.memcae.compiled import Compiled, can
from monitor.memcae.folded import Folded
from monitor.memcae.network import MemCAE
from monitor.memcae.parts import parts_of
from monitor.memcae.preset import Preset
from tests.memcae.small import EIGHTS, EIGHTS_PAPER, SMALL, SMALL_PAPER, needs_kernels, network_of

SHRINKING = replace(SMALL, network=replace(SMALL.network, shrinkage=1.0))
FORGETFUL = replace(SMALL_PAPER, network=replace(SMALL_PAPER.network, slots=0))
PRESETS = {"default": SMALL, "paper": SMALL_PAPER, "shrinking": SHRINKING, "no memory": FORGETFUL}


def _lived_in(preset: Preset, seed: int) -> MemCAE:
    """A network whose normalisations have statistics, as after a training."""
    network = network_of(preset, seed)
    generator = torch.Generator().manual_seed(seed)
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            held = layer.state_dict()
            held["running_mean"].normal_(0, 0.1, generator=generator)
            held["running_var"].uniform_(0.5, 2, generator=generator)
            if layer.affine:
                held["weight"].uniform_(0.5, 1.5, generator=generator)
                held["bias"].normal_(0, 0.1, generator=generator)
    network.set_statistics(torch.randn(network.bins, generator=generator), torch.ones(network.bins))
    return network


def _everything(network: MemCAE | Folded, seen: Tensor) -> list[Tensor]:
    """All that a network says of scaled spectrograms."""
    target = network.standardise(seen)
    layers = network.layers(target)
    recalled = network.recall(layers[-1])
    said = [target, *layers, recalled, network.decode(recalled, target), network.mean_decoded(recalled, target)]
    return [*said, network.answers(layers[-1])] if network.spec.asked_bands else said


@torch.inference_mode()
@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
@pytest.mark.parametrize("columns", [61, 64, 65, 72])
def test_a_folded_network_says_what_the_network_says(preset: Preset, columns: int) -> None:
    network = _lived_in(preset, 1)
    seen = torch.randn(2, 257, columns, generator=torch.Generator().manual_seed(columns))
    for plain, fast in zip(_everything(network, seen), _everything(Folded([parts_of(network)]), seen), strict=True):
        torch.testing.assert_close(fast, plain, rtol=1e-4, atol=2e-5)


@torch.inference_mode()
@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
def test_stacked_networks_each_see_their_own_window(preset: Preset) -> None:
    networks = [_lived_in(preset, seed) for seed in range(3)]
    seen = torch.randn(3, 257, 65, generator=torch.Generator().manual_seed(7))
    together = _everything(Folded([parts_of(each) for each in networks]), seen)
    for i, network in enumerate(networks):
        for plain, fast in zip(_everything(network, seen[i : i + 1]), together, strict=True):
            torch.testing.assert_close(fast[i : i + 1], plain, rtol=1e-4, atol=2e-5)


COMPILED = {
    "default": EIGHTS,
    "paper": EIGHTS_PAPER,
    "shrinking": replace(EIGHTS, network=replace(EIGHTS.network, shrinkage=1.0)),
    "no memory": replace(EIGHTS_PAPER, network=replace(EIGHTS_PAPER.network, slots=0)),
    "two layers": replace(EIGHTS, network=replace(EIGHTS.network, widths=(8,), slot_size=24)),
}


@needs_kernels
@torch.inference_mode()
@pytest.mark.parametrize("preset", COMPILED.values(), ids=COMPILED)
@pytest.mark.parametrize("columns", [61, 64, 65, 72])
def test_kernels_say_what_the_network_says(preset: Preset, columns: int) -> None:
    assert can(preset)
    networks = [_lived_in(preset, seed) for seed in range(3)]
    seen = torch.randn(3, 257, columns, generator=torch.Generator().manual_seed(columns))
    together = _everything(Compiled([parts_of(each) for each in networks]), seen)
    alone = _everything(Compiled([parts_of(networks[0])]), seen)
    for plain, fast in zip(_everything(networks[0], seen), alone, strict=True):
        torch.testing.assert_close(fast, plain, rtol=1e-4, atol=2e-5)
    for i, network in enumerate(networks):
        for plain, fast in zip(_everything(network, seen[i : i + 1]), together, strict=True):
            torch.testing.assert_close(fast[i : i + 1], plain, rtol=1e-4, atol=2e-5)


def test_kernels_are_only_for_what_they_can() -> None:
    assert not can(SMALL)  # channels are not in eights
    assert not can(replace(EIGHTS, network=replace(EIGHTS.network, decoder=False)))
    assert not can(replace(EIGHTS, spectrogram=replace(EIGHTS.spectrogram, n_fft=500)))


def test_what_a_network_does_not_have_is_said() -> None:
    folded = Folded([parts_of(network_of(SMALL_PAPER))])
    with pytest.raises(RuntimeError, match="no head"):
        folded.answers(torch.zeros(1, 8, 33, 8))
    blind = replace(SMALL, network=replace(SMALL.network, decoder=False))
    with pytest.raises(RuntimeError, match="no decoder"):
        Folded([parts_of(network_of(blind))]).decode(torch.zeros(1, 8, 33, 8), torch.zeros(1, 257, 61))
