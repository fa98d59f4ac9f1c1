from __future__ import annotations

import ctypes
import subprocess
import sys
from collections.abc import Callable
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from monitor.memcae import kernels
from monitor.memcae.fused_read import reader
from monitor.memcae.kernels import LANES, Beside, Layers, Slots
from monitor.memcae.memory import Memory
from monitor.memcae.native import library as native
from monitor.memcae.preset import DEFAULT, PAPER, NetworkSpec
from monitor.memcae.spectrogram import POWER_FLOOR, averages, hann, power
from monitor.memcae.views import envelope
from tests.memcae.small import NO_KERNELS

RUNS = native.BUILDS.get(torch.backends.cpu.get_cpu_capability(), ("plain",))
"""Builds that this processor can run."""


@pytest.fixture(params=["avx512", "avx2", "plain"])
def build(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> ctypes.CDLL:
    """Every build of the kernels in turn."""
    if request.param not in RUNS:
        pytest.skip(f"this processor cannot run the {request.param} kernels")
    paths = [Path(native.__file__).with_name(request.param + suffix) for suffix in EXTENSION_SUFFIXES]
    found = next((path for path in paths if path.is_file()), None)
    if found is None:
        pytest.skip(NO_KERNELS)
    opened = native.opened(found)
    assert opened is not None, f"{found.name} was built from other sources: install the package again"
    monkeypatch.setattr(kernels, "library", lambda: opened)
    return opened


def _random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def _layers(weight: Tensor, bias: Tensor) -> Layers:
    """Those of as many networks as the first dimension has."""
    return Layers(Beside([each.contiguous() for each in weight]), Beside([*bias]))


@pytest.mark.usefixtures("build")
@pytest.mark.parametrize("samples", [16_000, 16_000 + 1023, 40_321])
@pytest.mark.parametrize("average", [1, 3, 8])
def test_frames_are_transformed_averaged_and_added_up_over_bands(samples: int, average: int) -> None:
    spec = DEFAULT.spectrogram
    sound = 0.1 * _random(2, samples)
    frames, weights = spec.frames(samples), envelope.weights(spec)
    window = hann(spec.n_fft, sound.dtype, sound.device)
    columns, levels = kernels.hear(sound, window, spec.hop, average, frames, kernels.bands(weights))
    squared = power(sound, spec)
    torch.testing.assert_close(columns.transpose(1, 2), averages(squared, average), rtol=3e-5, atol=1e-5)
    torch.testing.assert_close(levels, squared.transpose(1, 2) @ weights, rtol=3e-5, atol=1e-5)


@pytest.mark.usefixtures("build")
@pytest.mark.parametrize("size", [8, 32, 128, 512, 2048])
def test_frames_of_any_size_that_is_two_times_a_power_of_four(size: int) -> None:
    sound = _random(1, 5 * size)
    window = torch.ones(size)
    columns, _ = kernels.hear(sound, window, size, 1, 5)
    transform = torch.fft.rfft(sound.view(5, size).double())
    torch.testing.assert_close(columns[0].double(), transform.abs().square(), rtol=1e-4, atol=1e-4)
    assert kernels.transforms(size)


def test_other_sizes_of_frames_are_said_to_be_impossible() -> None:
    assert [kernels.transforms(size) for size in (0, 2, 4, 16, 64, 256, 500, 1024)] == [False] * 8


@pytest.mark.usefixtures("build")
@given(
    count=st.integers(1, 200),
    width=st.integers(1, 40),
    far=st.sampled_from([0.0, 1.0, 20.0]),
    alike=st.booleans(),
    seed=st.integers(0, 99),
    data=st.data(),
)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_the_least_of_every_column_are_added_up(
    count: int, width: int, far: float, alike: bool, seed: int, data: st.DataObject
) -> None:
    least = data.draw(st.integers(1, count))
    rows = _random(2, count, width, seed=seed)
    rows = rows.sign() * (far * (rows.abs() - 1)).exp() if far else rows  # over up to a hundred powers of ten
    rows = rows.round(decimals=1) if alike else rows
    beside = Beside(rows.unbind())
    expected = np.sort(rows.double().numpy(), axis=1)[:, :least]
    largest = float(np.abs(expected).max())
    sums = kernels.quietest(beside, least).numpy()
    np.testing.assert_allclose(sums, expected.sum(axis=1), rtol=1e-5, atol=1e-6 * least * (largest if far else 10))
    power = rows.clamp(-1e9, 1e9).square()
    levels = np.log(np.sort(power.double().numpy(), axis=1)[:, :least] + POWER_FLOOR).sum(axis=1) / 2
    found = kernels.quietest(Beside(power.unbind()), least, POWER_FLOOR).numpy()
    np.testing.assert_allclose(found, levels, rtol=1e-5, atol=1e-5 * least)


def _drawn(networks: int, inputs: int, outputs: int) -> tuple[Tensor, Tensor, Layers]:
    """Weights [G, inputs, outputs, 3, 3] and bias [G, outputs] of a layer, and the layer."""
    weight, bias = _random(networks, inputs, outputs, 3, 3, seed=1) / 3, _random(networks, outputs, seed=2)
    return weight, bias, _layers(weight.permute(0, 3, 4, 1, 2), bias)


CHANNELS = [(1, 8), (8, 16), (16, 32), (3, 24), (32, 64), (5, 40)]


@pytest.mark.usefixtures("build")
@pytest.mark.parametrize(("inputs", "outputs"), CHANNELS)
@pytest.mark.parametrize(("height", "width"), [(1, 1), (5, 3), (33, 17), (18, 64), (7, 29)])
@pytest.mark.parametrize("networks", [1, 2])
def test_a_layer_down_is_a_convolution_of_stride_2(
    inputs: int, outputs: int, height: int, width: int, networks: int
) -> None:
    seen = _random(2, inputs, height, width)
    weight, bias, layers = _drawn(networks, inputs, outputs)
    weight = weight.transpose(1, 2)
    held = seen.permute(0, 2, 3, 1).contiguous()
    pairs = [(seen[i : i + 1], weight[i % networks], bias[i % networks]) for i in range(2)]
    plain = torch.cat([F.leaky_relu(F.conv2d(one, w, b, 2, 1), 0.2) for one, w, b in pairs])
    found = kernels.down(held, layers, 0.2)
    torch.testing.assert_close(found.permute(0, 3, 1, 2), plain, rtol=1e-5, atol=2e-5)
    if height % 2 and height > 1:  # without the row of zeros above
        ahead = torch.cat([F.leaky_relu(F.conv2d(F.pad(one, (1, 1, 0, 0)), w, b, 2), 0.2) for one, w, b in pairs])
        found = kernels.down(held, layers, 0.2, top=False)
        torch.testing.assert_close(found.permute(0, 3, 1, 2), ahead, rtol=1e-5, atol=2e-5)


@pytest.mark.usefixtures("build")
@pytest.mark.parametrize(("inputs", "outputs"), CHANNELS)
@pytest.mark.parametrize(("height", "width"), [(1, 1), (5, 3), (33, 20), (4, 31)])
@pytest.mark.parametrize("networks", [1, 2])
def test_a_layer_up_is_a_transposed_convolution_of_stride_2_with_a_border_of_zeros(
    inputs: int, outputs: int, height: int, width: int, networks: int
) -> None:
    seen = _random(2, inputs, height, width)
    weight, bias, layers = _drawn(networks, inputs, outputs)
    each = [
        F.leaky_relu(F.conv_transpose2d(seen[i : i + 1], weight[i % networks], bias[i % networks], 2, 1), 0.2)
        for i in range(2)
    ]
    bordered = _bordered(seen)
    found = kernels.up(bordered, layers, 0.2)
    torch.testing.assert_close(found.permute(0, 3, 1, 2), F.pad(torch.cat(each), (0, 1, 0, 1)), rtol=1e-5, atol=2e-5)


@pytest.mark.usefixtures("build")
@pytest.mark.parametrize("inputs", [8, 16, 24])
@pytest.mark.parametrize(("rows", "columns"), [(65, 39), (64, 38), (1, 2), (17, 30)])
def test_the_last_layer_is_a_transposed_convolution_to_one_channel(inputs: int, rows: int, columns: int) -> None:
    seen, weight, bias = _random(2, inputs, 33, 20), _random(2, inputs, 1, 3, 3, seed=1), _random(2, 1, seed=2)
    layers = _layers(F.pad(weight.flatten(start_dim=2), (0, LANES - 9)), bias)
    plain = torch.cat([F.conv_transpose2d(seen[i : i + 1], weight[i], bias[i], 2, 1) for i in range(2)])
    found = kernels.last(_bordered(seen), layers, rows, columns)
    torch.testing.assert_close(found, plain[:, 0, :rows, :columns], rtol=1e-5, atol=2e-5)


def _bordered(seen: Tensor) -> Tensor:
    """[B, C, H, W] with channels last and a row and a column more, whose numbers must not count."""
    wide = torch.full((len(seen), seen.shape[2] + 1, seen.shape[3] + 1, seen.shape[1]), 1e6)
    wide[:, :-1, :-1] = seen.permute(0, 2, 3, 1)
    return wide


@pytest.mark.usefixtures("build")
@pytest.mark.parametrize("spec", [DEFAULT.network, PAPER.network], ids=["cosine", "dot"])
@pytest.mark.parametrize("asked", [1, 13, 60])
@pytest.mark.parametrize("scale", [1.0, 100.0])
def test_memories_are_read_by_equations_three_and_four(spec: NetworkSpec, asked: int, scale: float) -> None:
    memories = []
    for seed in range(2):
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            memories.append(Memory(spec).eval().requires_grad_(requires_grad=False))
    readings = [reader(memory) for memory in memories]
    keys = [F.pad(each.keys[0].T, (0, -each.keys.shape[1] % LANES)).contiguous() for each in readings]
    centring = None
    if (first := readings[0].centring) and (second := readings[1].centring):
        offset, gain = (Beside([each[0, 0] for each in both]) for both in zip(first, second, strict=True))
        centring = offset, gain
    queries = scale * _random(2, asked, spec.slot_size, seed=9)
    found = kernels.attend(queries, Slots(Beside(keys), Beside([each.values[0] for each in readings]), centring))
    for memory, mine, answers in zip(memories, queries, found, strict=True):
        torch.testing.assert_close(answers, memory.recall(mine), rtol=1e-5, atol=1e-5)


@pytest.mark.usefixtures("build")
@given(
    st.lists(st.tuples(st.integers(1, 70), st.integers(1, 300)), min_size=1, max_size=4),
    st.integers(0, 5),
    st.integers(0, 99),
)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_vectors_are_projected_on_axes_of_their_own(shapes: list[tuple[int, int]], more: int, seed: int) -> None:
    axes = [_random(*shape, seed=i) for i, shape in enumerate(shapes)]
    vectors = _random(len(axes), max(rows for rows, _ in shapes) + more, seed=seed)
    found = kernels.project(vectors, Beside(axes))
    for vector, own, projected in zip(vectors, axes, found, strict=True):
        torch.testing.assert_close(projected[: own.shape[1]], vector[: len(own)] @ own, rtol=1e-5, atol=1e-4)
        assert not projected[own.shape[1] :].any()


@pytest.mark.usefixtures("build")
def test_every_bfloat16_number_is_raised_as_well_as_bfloat16_can_say() -> None:
    every = torch.arange(-(1 << 15), 1 << 15, dtype=torch.int16).view(torch.bfloat16)
    some = every[(every.float() > -86) & (every.float() < 88)].clone()
    raised = kernels.exponentials_(some.clone()).double()
    exact = some.double().exp()
    assert float(((raised - exact) / exact).abs().max()) < 2**-8 * 1.03  # half of the last place, and a little
    assert float((raised == some.exp().double()).double().mean()) > 0.97


def _zeros(*shape: int) -> Layers:
    return _layers(torch.zeros(1, *shape), torch.zeros(1, shape[-1]))


WRONG: dict[str, Callable[[], object]] = {
    "frames beyond the end": lambda: kernels.hear(torch.zeros(1, 600), torch.ones(512), 128, 1, 2),
    "frames of another size": lambda: kernels.hear(torch.zeros(1, 600), torch.ones(256), 128, 1, 2),
    "more than there are": lambda: kernels.quietest(Beside([torch.zeros(3, 5)]), 4),
    "not alike": lambda: kernels.quietest(Beside([torch.zeros(3, 5), torch.zeros(3, 6)]), 2),
    "double precision": lambda: Beside([torch.zeros(3, 5, dtype=torch.float64)]),
    "strides": lambda: kernels.down(torch.zeros(1, 5, 8, 5).mT, _zeros(3, 3, 8, 8), 0),
    "other inputs": lambda: kernels.down(torch.zeros(1, 5, 5, 4), _zeros(3, 3, 8, 8), 0),
    "odd outputs": lambda: kernels.up(torch.zeros(1, 5, 5, 4), _zeros(3, 3, 4, 9), 0),
    "too many rows": lambda: kernels.last(torch.zeros(1, 5, 5, 8), _zeros(8, 16), 8, 1),
    "fewer matrices": lambda: kernels.project(torch.zeros(2, 5), Beside([torch.zeros(5, 3)])),
    "longer matrices": lambda: kernels.project(torch.zeros(1, 5), Beside([torch.zeros(6, 3)])),
    "other slots": lambda: kernels.attend(
        torch.zeros(1, 5, 8), Slots(Beside([torch.zeros(16, 16)]), Beside([torch.zeros(9, 16)]))
    ),
}


@pytest.mark.usefixtures("build")
@pytest.mark.parametrize("call", WRONG.values(), ids=WRONG)
def test_what_does_not_fit_is_refused_before_it_is_computed(call: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"of|wanted|by"):
        call()


def test_a_library_of_other_sources_is_not_used(
    tmp_path: Path, build: ctypes.CDLL, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Path(build._name)
    assert native.opened(path) is not None
    broken = tmp_path / path.name
    broken.write_bytes(b"not a library")
    assert native.opened(broken) is None
    monkeypatch.setattr(native, "INTERFACE", native.INTERFACE + 1)
    assert native.opened(path) is None


def test_the_switch_leaves_the_kernels_out() -> None:
    code = "from monitor.memcae import kernels; print(kernels.available())"
    said = subprocess.run(
        [sys.executable, "-c", code], env={native.SWITCH: "off"}, capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == "False"
