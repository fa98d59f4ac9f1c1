"""Overlapping windows of the default preset: going on gives what computing the whole window gives, many at a time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from monitor.audio.block import AudioBlock
from monitor.audio.windows import Window, WindowSpec, WindowState, fold
from monitor.memcae import continued, sharing, ways
from monitor.memcae.fleet import Fleet
from monitor.memcae.model import MachineModel
from monitor.memcae.plain import PlainFleet
from monitor.memcae.preset import DEFAULT, Preset
from monitor.memcae.ways import Choice, Way
from tests.memcae.small import EIGHTS, RATE_HZ, SMALL, fitted, needs_kernels, noise

GRID = SMALL.grid
SIZE = 3 * RATE_HZ
TWO_LAYERS = replace(
    SMALL, network=replace(SMALL.network, widths=(4,)), spectrogram=replace(SMALL.spectrogram, average=16)
)
"""Its units are as long, of half as many columns."""
ODD = replace(SMALL, spectrogram=replace(SMALL.spectrogram, n_fft=500))
"""Its 251 bins are none that three layers halve evenly."""
PRESETS = {"small": SMALL, "two layers": TWO_LAYERS, "odd": ODD}

KERNELS = Way(compiled=True, stacked=True, abreast=True)
COMPILED = {"small": EIGHTS, "two layers": replace(TWO_LAYERS, network=replace(EIGHTS.network, widths=(16,)))}


def _model(machine: str, seed: int = 0, preset: Preset = SMALL) -> MachineModel:
    """A model whose network brings something back, so that every unit depends on its neighbours."""
    model = fitted(machine, preset, seed)
    generator = torch.Generator().manual_seed(seed)
    for layer in model.network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            held = layer.state_dict()
            held["running_var"].uniform_(0.5, 2, generator=generator)
            held["bias"].normal_(0, 0.5, generator=generator)
    return model


MODELS = {name: _model(name, seed) for seed, name in enumerate("abc")}


def _sound(seconds: float = 12.0, seed: int = 3) -> Tensor:
    sound = noise(1, seconds, seed=seed)[0]
    sound[20_000:24_000] *= 8
    sound[50_000:90_000] *= torch.linspace(1, 3, 40_000)
    return sound


SOUNDS = {name: _sound(seed=seed) for seed, name in enumerate("abc")}


def _window(first: int, machine: str = "a", size: int = SIZE, sound: Tensor | None = None) -> Window:
    heard = SOUNDS[machine] if sound is None else sound
    return Window(machine, 50.0 + first / RATE_HZ, RATE_HZ, 0, heard[first : first + size].numpy().copy())


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Which way the windows went, and how many together."""
    told: list[tuple[str, int]] = []
    begin, go_on = continued.begin, continued.go_on

    def beginning(member: object, window: object) -> object:
        told.append(("begin", 1))
        return begin(member, window)  # type: ignore[arg-type]

    def going_on(preset: object, stack: object, pasts: list[object], *rest: object) -> object:
        told.append(("go on", len(pasts)))
        return go_on(preset, stack, pasts, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(continued, "begin", beginning)
    monkeypatch.setattr(continued, "go_on", going_on)
    return told


def _agree(fleet: Fleet, windows: list[Window]) -> None:
    plain = PlainFleet(fleet.models)
    for fast, slow in zip(fleet.score(windows), plain.score(windows), strict=True):
        assert fast.machine == slow.machine
        assert fast.value == pytest.approx(slow.value, rel=2e-4, abs=2e-4, nan_ok=True)
        assert dict(fast.views) == pytest.approx(dict(slow.views), rel=2e-4, abs=2e-4, nan_ok=True)
        assert [band.low_hz for band in fast.bands] == [band.low_hz for band in slow.bands]


def test_the_default_preset_shares_in_units_of_half_a_second() -> None:
    assert DEFAULT.grid == SMALL.grid == TWO_LAYERS.grid == 8192
    assert replace(DEFAULT, views=(*DEFAULT.views, "latent")).grid == 0
    assert replace(DEFAULT, network=replace(DEFAULT.network, widths=(8,))).grid == 0  # half a segment of movement


@settings(max_examples=15, deadline=None)
@given(
    st.integers(2 * RATE_HZ, 4 * RATE_HZ),
    st.lists(st.integers(1, 5), min_size=2, max_size=6),
    st.sampled_from(list(PRESETS)),
)
def test_going_on_scores_as_the_whole_window(size: int, steps: list[int], preset: str) -> None:
    fleet = Fleet({"a": _model("a", 5, PRESETS[preset])}, "cpu")
    first = 0
    for step in steps:
        _agree(fleet, [_window(first, size=size)])
        first += step * GRID


@needs_kernels
@settings(max_examples=10, deadline=None)
@given(
    st.integers(2 * RATE_HZ, 4 * RATE_HZ),
    st.lists(st.integers(1, 5), min_size=2, max_size=6),
    st.sampled_from([*COMPILED]),
)
def test_going_on_by_kernels_scores_as_the_whole_window(size: int, steps: list[int], preset: str) -> None:
    names = "ab"
    fleet = Fleet({name: _model(name, seed, COMPILED[preset]) for seed, name in enumerate(names)}, "cpu")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ways, "choose", lambda models, abreast, stopped: Choice(KERNELS, {}))
        fleet.prepare()
    first = 0
    for step in steps:
        _agree(fleet, [_window(first, name, size) for name in names])
        first += step * GRID


@pytest.mark.parametrize("units", [1, 3, 4, 16, 17])
def test_ten_seconds_go_on_by_a_little_and_by_as_much_as_leaves_a_second_in_common(
    calls: list[tuple[str, int]], units: int
) -> None:
    fleet = Fleet(MODELS, "cpu")
    sound = _sound(40.0)
    for k in range(4):
        _agree(fleet, [_window(k * units * GRID, size=10 * RATE_HZ, sound=sound)])
    assert calls == [("begin", 1), ("go on", 1), ("go on", 1)]


def test_windows_of_one_stretch_go_on_by_their_place_in_it_and_those_of_another_do_not(
    calls: list[tuple[str, int]],
) -> None:
    sound = np.concatenate([SOUNDS["a"].numpy(), SOUNDS["b"].numpy()])
    spec = WindowSpec("a", 0, SIZE, 2 * GRID, GRID)
    first = AudioBlock(sound[: SIZE + 6 * GRID, None], RATE_HZ, 50.0, gap=True)
    state, windows = fold(spec, WindowState(), first)
    follows = AudioBlock(sound[SIZE + 6 * GRID : SIZE + 10 * GRID, None], RATE_HZ, first.end_s + 0.01, gap=False)
    state, more = fold(spec, state, follows)  # its clock was a little off, which the fold passes on
    fleet = Fleet(MODELS, "cpu")
    for window in [*windows, *more]:
        _agree(fleet, [window])
    assert calls == [("begin", 1), *[("go on", 1)] * 4]
    assert fleet.kept == {"a"}
    other = AudioBlock(sound[SIZE + 4 * GRID :, None], RATE_HZ, more[-1].start_s + 2 * GRID / RATE_HZ, gap=True)
    _, after = fold(spec, state, other)
    calls.clear()
    _agree(fleet, [after[0]])
    assert ("go on", 1) not in calls


def test_the_machines_of_a_drain_go_on_together(calls: list[tuple[str, int]]) -> None:
    fleet = Fleet(MODELS, "cpu")
    for k in range(4):
        _agree(fleet, [_window(2 * k * GRID, name) for name in MODELS])
    assert calls == [*[("begin", 1)] * 3, ("go on", 3), ("go on", 3)]  # the first could not know
    assert fleet.kept == frozenset("abc")


def test_more_machines_than_go_on_at_once_do_so_in_equal_parts(
    calls: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sharing, "AT_ONCE", 3)
    fleet = Fleet(dict.fromkeys("pqrs", MODELS["a"]), "cpu")
    for k in range(3):
        fleet.score([replace(_window(2 * k * GRID), machine=name) for name in fleet.models])
    assert calls == [*[("begin", 1)] * 4, ("go on", 2), ("go on", 2)]


def test_a_backlog_of_one_machine_goes_on_in_turn(calls: list[tuple[str, int]]) -> None:
    fleet = Fleet(MODELS, "cpu")
    _agree(fleet, [_window(0), _window(0, "b")])
    _agree(fleet, [_window(k * GRID, name) for k in (2, 4, 6) for name in ("a", "b")])
    assert calls == [("begin", 1), ("begin", 1), ("go on", 2), ("go on", 2)]


def test_a_broken_sample_is_in_the_windows_that_hold_it_and_in_no_other(calls: list[tuple[str, int]]) -> None:
    sound = SOUNDS["a"].clone()
    sound[60_000] = torch.inf
    fleet = Fleet(MODELS, "cpu")
    for k in range(9):
        windows = [_window(2 * k * GRID, sound=sound), _window(2 * k * GRID, "b")]
        mine, other = fleet.score(windows)
        assert np.isfinite(other.value)
        assert np.isfinite(mine.value) == np.isfinite(windows[0].samples).all()
    assert ("go on", 2) in calls


@pytest.mark.parametrize("spoil", ["gap", "off the grid", "other sound", "reload", "other length"])
def test_what_is_not_the_same_sound_is_computed_whole(calls: list[tuple[str, int]], spoil: str) -> None:
    fleet = Fleet(MODELS, "cpu")
    for k in range(3):
        fleet.score([_window(k * 3 * GRID)])
    at = 9 * GRID
    following = {
        "gap": _window(at + SIZE),
        "off the grid": _window(at + 100),
        "other sound": _window(at, sound=SOUNDS["a"] + 0.01),
        "reload": _window(at),
        "other length": _window(at, size=SIZE + 640),
    }[spoil]
    if spoil == "reload":
        fleet.replace("a", _model("a", 9))
    calls.clear()
    _agree(fleet, [following])
    assert ("go on", 1) not in calls


def test_a_window_without_a_unit_inside_or_a_segment_of_movement_is_scored_whole(calls: list[tuple[str, int]]) -> None:
    fleet = Fleet(MODELS, "cpu")
    for k in range(3):
        _agree(fleet, [_window(k * GRID, size=20_000)])
    assert calls == []
    assert fleet.kept == frozenset()
