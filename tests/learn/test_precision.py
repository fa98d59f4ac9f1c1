"""Training in bfloat16: who does it, what it touches, and that nothing else is changed by it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook

from monitor.errors import DeviceError
from monitor.learn.dataset import Recording
from monitor.learn.precision import Arithmetic, Precision, Processor, choose, processor_of
from monitor.learn.progress import silent
from monitor.learn.spectra import Spectra
from monitor.learn.train import Plan, Trained, train
from monitor.memcae.memory import Memory, address
from monitor.memcae.preset import Addressing, NetworkSpec, Preset
from tests.memcae.small import SMALL, SMALL_PAPER

CPU = torch.device("cpu")
GPU = Processor("cuda", (9, 0))


@pytest.mark.parametrize(
    ("wanted", "processor", "chosen"),
    [
        ("auto", Processor("cpu"), "float32"),
        ("auto", GPU, "bfloat16"),
        ("auto", Processor("cuda", (8, 0)), "bfloat16"),
        ("auto", Processor("cuda", (7, 5)), "float32"),
        ("auto", Processor("cuda", (6, 1)), "float32"),
        ("auto", Processor("cuda", (8, 6), bfloat16=False), "float32"),
        ("auto", Processor("cuda", (12, 0)), "bfloat16"),
        ("float32", GPU, "float32"),
        ("float32", Processor("cpu"), "float32"),
        ("bfloat16", Processor("cpu"), "bfloat16"),
        ("bfloat16", GPU, "bfloat16"),
    ],
)
def test_the_processor_decides_unless_someone_does(wanted: Precision, processor: Processor, chosen: str) -> None:
    assert choose(wanted, processor) == chosen


def test_a_gpu_that_does_not_multiply_bfloat16_is_not_made_to() -> None:
    with pytest.raises(DeviceError, match=r"compute capability 7\.5, does not multiply it: that takes 8\.0"):
        choose("bfloat16", Processor("cuda", (7, 5)))


def test_the_cpu_trains_in_float32_unless_told_otherwise() -> None:
    assert choose("auto", processor_of(CPU)) == "float32"


def _train(arithmetic: Arithmetic, preset: Preset = SMALL, steps: int = 20) -> Trained:
    random = np.random.default_rng(0)
    sounds = [(0.1 * random.standard_normal(32_000)).astype(np.float32) for _ in range(3)]
    spectra = Spectra([Recording(Path("x.wav"), 0.0, each, "") for each in sounds], preset, 2.0, CPU)
    return train(spectra, Plan((0, 1), (2,), steps, 0, arithmetic), preset, CPU, silent)


@contextmanager
def _seen() -> Iterator[set[tuple[type[nn.Module], bool, torch.dtype]]]:
    """What kinds of layers put out, in training mode (True) and outside."""
    found: set[tuple[type[nn.Module], bool, torch.dtype]] = set()

    def look(module: nn.Module, given: tuple[Tensor, ...], out: Tensor | tuple[Tensor, ...]) -> None:
        del given
        outputs = out if isinstance(out, tuple) else (out,)
        found.update((type(module), module.training, each.dtype) for each in outputs)

    handle = register_module_forward_hook(look)
    try:
        yield found
    finally:
        handle.remove()


def test_gradient_steps_convolve_in_bfloat16_and_looks_at_the_held_out_loss_in_float32() -> None:
    with _seen() as layers:
        _train("bfloat16", steps=3)
    for kind in (nn.Conv2d, nn.ConvTranspose2d, nn.Linear):
        assert {(training, dtype) for each, training, dtype in layers if each is kind} == {
            (True, torch.bfloat16),
            (False, torch.float32),
        }


def test_float32_is_float32_in_every_layer() -> None:
    with _seen() as layers:
        _train("float32", steps=3)
    assert {dtype for _, _, dtype in layers} == {torch.float32}


@pytest.mark.parametrize("preset", [SMALL, SMALL_PAPER], ids=["default", "paper"])
def test_what_is_learnt_in_bfloat16_is_held_in_float32_and_close_to_what_float32_learns(preset: Preset) -> None:
    single, mixed = _train("float32", preset), _train("bfloat16", preset)
    states = single.network.state_dict(), mixed.network.state_dict()
    assert [value.dtype for value in states[0].values()] == [value.dtype for value in states[1].values()]
    assert torch.float32 in {value.dtype for value in states[1].values()}
    assert any(not torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert mixed.loss == pytest.approx(single.loss, rel=0.02)
    assert (single.arithmetic, mixed.arithmetic) == ("float32", "bfloat16")


def test_one_seed_gives_one_network_in_bfloat16_too() -> None:
    first, again = (_train("bfloat16").network.state_dict() for _ in range(2))
    assert all(torch.equal(first[name], again[name]) for name in first)


@pytest.mark.parametrize("addressing", ["dot", "cosine"])
def test_the_weights_of_two_thousand_slots_sum_to_one_in_bfloat16(addressing: Addressing) -> None:
    """Rounded to bfloat16 they would be wrong by up to 0.4 % each, alike for all that are alike."""
    torch.manual_seed(0)
    memory = Memory(NetworkSpec(addressing=addressing)).train()
    queries = torch.randn(64, memory.slots.shape[1])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        answers, weights = memory(queries)
    assert (answers.dtype, weights.dtype) == (torch.bfloat16, torch.float32)
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(64), rtol=0, atol=1e-5)


def test_addressing_in_float32_and_in_double_is_as_it_was() -> None:
    for dtype in (torch.float32, torch.float64):
        z, m = torch.randn(5, 8, dtype=dtype), torch.randn(7, 8, dtype=dtype)
        assert torch.equal(address(z, m), torch.softmax(z @ m.T, dim=1))
