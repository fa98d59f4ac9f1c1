"""Overlapping windows: going on from the last one gives what computing the whole window gives."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from monitor.audio.windows import Window
from monitor.memcae import overlap
from monitor.memcae.compiled import Compiled
from monitor.memcae.fleet import Fleet
from monitor.memcae.folded import Folded
from monitor.memcae.model import MachineModel
from monitor.memcae.parts import parts_of
from monitor.memcae.plain import PlainFleet
from monitor.memcae.preset import Preset
from monitor.memcae.sharing import shift
from tests.memcae.small import EIGHTS_PAPER, RATE_HZ, SMALL_PAPER, fitted, needs_kernels, noise

GRID = SMALL_PAPER.grid
BEGINNING = 16
"""Columns that would feel a window's beginning."""
SPEC = SMALL_PAPER.spectrogram


def _model(seed: int = 0, preset: Preset = SMALL_PAPER) -> MachineModel:
    """A model whose network brings something back, so that every column's error depends on its surroundings."""
    model = fitted("a", preset, seed)
    generator = torch.Generator().manual_seed(seed)
    for layer in model.network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            held = layer.state_dict()
            held["running_var"].uniform_(0.5, 2, generator=generator)
            held["bias"].normal_(0, 0.5, generator=generator)
    for weight in model.network.parameters():
        weight.data.mul_(2)
    return model


MODEL = _model()
NETWORK = Folded([parts_of(MODEL.network)])


def _sound(seconds: float = 9.0) -> Tensor:
    sound = noise(1, seconds, seed=3)[0]
    sound[20_000:24_000] *= 8
    sound[50_000:90_000] *= torch.linspace(1, 3, 40_000)
    return sound


SOUND = _sound()
LONG = _sound(12.0)


def _window(first: int, size: int = 2 * RATE_HZ, machine: str = "a", sound: Tensor = SOUND) -> Window:
    return Window(machine, 50.0 + first / RATE_HZ, RATE_HZ, 0, sound[first : first + size].numpy().copy())


def _folded() -> Folded:
    return NETWORK


def _compiled() -> Folded:
    return Compiled([parts_of(_model(preset=EIGHTS_PAPER).network)])


@torch.inference_mode()
@settings(max_examples=25, deadline=None)
@given(st.integers(RATE_HZ + GRID, 3 * RATE_HZ), st.lists(st.integers(1, 20), min_size=1, max_size=4))
@pytest.mark.parametrize("made", [_folded, pytest.param(_compiled, marks=needs_kernels)], ids=["torch", "kernels"])
def test_going_on_gives_every_column_of_the_whole_window(
    made: Callable[[], Folded], size: int, steps: list[int]
) -> None:
    network, first = made(), 0
    past = overlap.begin(network, SPEC, _window(0, size))
    for step in steps:
        first += step * GRID
        window = _window(first, size)
        by = shift(past.window, window, SMALL_PAPER.grid)
        assert by == (step * GRID if size - step * GRID >= RATE_HZ else 0)
        whole = overlap.begin(network, SPEC, window)
        past = overlap.go_on(network, SPEC, past, window, by) if by else whole
        torch.testing.assert_close(past.errors[BEGINNING:], whole.errors[BEGINNING:], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(past.blocks[:, 2:], whole.blocks[:, 2:], rtol=1e-5, atol=1e-7)
        torch.testing.assert_close(past.recalled, whole.recalled, rtol=1e-4, atol=1e-5)


@torch.inference_mode()
def test_the_beginning_as_in_endless_sound_moves_a_score_by_less_than_a_thousandth() -> None:
    first, following = _window(0, 10 * RATE_HZ, sound=LONG), _window(16 * GRID, 10 * RATE_HZ, sound=LONG)
    past = overlap.begin(NETWORK, SPEC, first)
    gone_on = overlap.go_on(NETWORK, SPEC, past, following, 16 * GRID)
    whole = overlap.begin(NETWORK, SPEC, following)
    assert float(gone_on.errors.mean()) == pytest.approx(float(whole.errors.mean()), rel=1e-3)
    differ = (gone_on.errors / whole.errors - 1).abs()
    assert differ[:BEGINNING].max() > 1e-3
    assert differ[BEGINNING:].max() < 1e-4


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which way each window went."""
    told: list[str] = []
    for name in ("begin", "go_on"):
        honest = getattr(overlap, name)

        def watched(*given: object, name: str = name, honest: object = honest) -> object:
            told.append(name)
            return honest(*given)  # type: ignore[operator]

        monkeypatch.setattr(overlap, name, watched)
    return told


def _agree(fleet: Fleet, windows: list[Window]) -> None:
    plain = PlainFleet(fleet.models)
    for window in windows:
        (fast,), (slow,) = fleet.score([window]), plain.score([window])
        assert fast.value == pytest.approx(
            slow.value, rel=5e-3, nan_ok=True
        )  # 2 s: the beginning is five times as much
        assert dict(fast.views) == pytest.approx(dict(slow.views), rel=5e-3, nan_ok=True)
        assert [band.low_hz for band in fast.bands] == [band.low_hz for band in slow.bands]


def test_a_fleet_goes_on_where_windows_overlap(calls: list[str]) -> None:
    _agree(Fleet({"a": MODEL}, "cpu"), [_window(k * 5 * GRID) for k in range(6)])
    assert calls == ["begin", "go_on", "go_on", "go_on", "go_on"]  # the first could not know


def test_machines_go_on_beside_each_other_each_on_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    fleet = Fleet({name: _model(seed) for seed, name in enumerate("abc")}, "cpu")
    seen: set[str] = set()
    go_on = overlap.go_on

    def going_on(*given: object) -> object:
        seen.add(threading.current_thread().name)
        return go_on(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(overlap, "go_on", going_on)
    for k in range(5):
        _agree(fleet, [_window(k * 5 * GRID, machine=name) for name in "abc"])
    assert seen
    assert (threading.main_thread().name in seen) == (torch.get_num_threads() == 1)


def test_windows_that_do_not_overlap_keep_nothing(calls: list[str]) -> None:
    fleet = Fleet({"a": MODEL}, "cpu")
    _agree(fleet, [_window(k * 2 * RATE_HZ) for k in range(3)])
    assert calls == []
    assert fleet.kept == frozenset()


@pytest.mark.parametrize("spoil", ["gap", "off the grid", "other sound", "reload", "other length"])
def test_what_is_not_the_same_sound_is_computed_whole(calls: list[str], spoil: str) -> None:
    fleet = Fleet({"a": MODEL, "b": _model(4)}, "cpu")
    _agree(fleet, [_window(k * 5 * GRID) for k in range(3)])
    at = 15 * GRID
    following = {
        "gap": [_window(at + 2 * RATE_HZ)],
        "off the grid": [_window(at + 100)],
        "other sound": [_window(at, sound=SOUND + 0.01)],
        "reload": [_window(at)],
        "other length": [_window(at, size=2 * RATE_HZ + 640)],
    }[spoil]
    if spoil == "reload":
        fleet.replace("a", _model(9))
    calls.clear()
    _agree(fleet, following)
    assert "go_on" not in calls
    _agree(fleet, [_window(at + 2 * RATE_HZ + 5 * GRID)])


def test_a_broken_sample_is_in_the_windows_that_hold_it_and_in_no_other(calls: list[str]) -> None:
    sound = SOUND.clone()
    sound[40_000] = torch.nan
    fleet = Fleet({"a": MODEL, "b": _model(4)}, "cpu")
    values = []
    for k in range(14):
        windows = [_window(k * 5 * GRID, sound=sound), _window(k * 5 * GRID, machine="b")]
        mine, other = fleet.score(windows)
        values.append(mine.value)
        assert np.isfinite(other.value)
        assert np.isnan(mine.value) == np.isnan(windows[0].samples).any()
    assert np.isnan(values).sum() == 6
    assert calls.count("go_on") == 17  # all but the first two of each, the six that hold the broken sample, one after


def test_a_preset_that_averages_frames_has_no_grid() -> None:
    assert replace(SMALL_PAPER, spectrogram=replace(SPEC, average=4)).grid == 0
