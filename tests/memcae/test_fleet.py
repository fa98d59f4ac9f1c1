from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
import torch

from monitor.audio.windows import Window
from monitor.errors import DeviceError
from monitor.memcae import crowd, ways
from monitor.memcae import fleet as fleets
from monitor.memcae.crowd import Member, Stack
from monitor.memcae.fleet import Fleet, choose_device
from monitor.memcae.plain import PlainFleet
from monitor.memcae.score import Score
from monitor.memcae.ways import Choice, Way
from tests.memcae.small import EIGHTS, EIGHTS_PAPER, RATE_HZ, SMALL_PAPER, fitted, needs_kernels, noise


def _window(machine: str, seed: int, seconds: float = 2.0, *, lost: bool = False, rate_hz: int = RATE_HZ) -> Window:
    return Window(machine, 100.0 + seed, rate_hz, 0, noise(1, seconds, seed)[0].numpy(), lost)


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    return Fleet({"a": fitted("a"), "b": fitted("b", seed=1), "c": fitted("c", SMALL_PAPER)}, "cpu")


def test_scores_come_in_the_order_of_the_windows(fleet: Fleet) -> None:
    windows = [_window(machine, seed) for seed, machine in enumerate("bacabc")]
    together = fleet.score(windows)
    alone = [fleet.score([window])[0] for window in windows]
    assert [score.machine for score in together] == list("bacabc")
    assert [score.start_s for score in together] == [window.start_s for window in windows]
    assert [score.value for score in together] == pytest.approx([score.value for score in alone], rel=1e-3, abs=1e-3)


def test_windows_of_different_lengths_are_scored_together(fleet: Fleet) -> None:
    scores = fleet.score([_window("a", 1, 2.0), _window("a", 2, 3.0), _window("a", 3, 2.0)])
    assert all(math.isfinite(score.value) for score in scores)
    assert [score.end_s - score.start_s for score in scores] == pytest.approx([2.0, 3.0, 2.0])


def test_a_broken_window_stays_with_its_machine(fleet: Fleet) -> None:
    broken = _window("a", 1)
    broken.samples[17] = np.nan
    scores = fleet.score([_window("a", 0), broken, _window("b", 2)])
    assert [math.isfinite(score.value) for score in scores] == [True, False, True]
    assert scores[1].bands == ()


@pytest.mark.parametrize(
    "window",
    [
        _window("a", 1, lost=True),
        _window("nobody", 1),
        _window("a", 1, 0.5),
        _window("a", 1, rate_hz=48_000),
    ],
    ids=["lost", "no model", "too short", "other rate"],
)
def test_what_cannot_be_scored_is_unknown(fleet: Fleet, window: Window) -> None:
    unknown, known = fleet.score([window, _window("a", 2)])
    assert math.isnan(unknown.value)
    assert unknown.lost == window.lost
    assert math.isfinite(known.value)


def test_nothing_in_nothing_out(fleet: Fleet) -> None:
    assert fleet.score([]) == []


def test_replacing_and_removing_touch_one_machine() -> None:
    fleet = Fleet({"a": fitted("a"), "b": fitted("b")}, "cpu")
    before = {score.machine: score.value for score in fleet.score([_window("a", 1), _window("b", 1)])}
    fleet.replace("a", fitted("a", seed=5))
    after = {score.machine: score.value for score in fleet.score([_window("a", 1), _window("b", 1)])}
    assert after["a"] != before["a"]
    assert after["b"] == before["b"]
    fleet.remove("a")
    fleet.remove("a")
    assert set(fleet.models) == {"b"}
    assert math.isnan(fleet.score([_window("a", 1)])[0].value)


WAYS = {
    "one after another": Way(),
    "bfloat16": Way(brief=True),
    "stacked": Way(stacked=True),
    "abreast": Way(abreast=True),
    "bfloat16 abreast": Way(brief=True, abreast=True),
    "stacked abreast": Way(stacked=True, abreast=True),
}


def _close(found: list[Score], plain: list[Score]) -> None:
    """The stated bounds: 1e-4 of the score, and of a calibrated view's value a thousandth of its normal deviation."""
    for fast, slow in zip(found, plain, strict=True):
        assert fast.value == pytest.approx(slow.value, rel=1e-4, abs=1e-3, nan_ok=True)
        assert dict(fast.views) == pytest.approx(dict(slow.views), rel=1e-4, abs=1e-3, nan_ok=True)
        assert [band.low_hz for band in fast.bands] == [band.low_hz for band in slow.bands]


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_every_way_scores_as_the_plain_one(monkeypatch: pytest.MonkeyPatch, way: Way) -> None:
    models = {"a": fitted("a"), "b": fitted("b", seed=1), "c": fitted("c", SMALL_PAPER), "d": fitted("d", SMALL_PAPER)}
    windows = [_window(machine, seed) for seed, machine in enumerate("abcdacbdda")]
    windows += [_window("a", 20, 3.0), _window("c", 21, lost=True), _window("b", 22)]
    windows[1].samples[99] = np.inf
    fleet = Fleet(models, "cpu")
    monkeypatch.setattr(ways, "choose", lambda models, abreast, stopped: Choice(way, {way: 1.0}))
    assert {choice.way for choice in fleet.prepare().values()} == {way}
    assert [fleet.cost_s(machine) for machine in ("a", "d", "nobody")] == [1.0, 1.0, 0.0]
    plain = PlainFleet(models)
    _close(fleet.score(windows), plain.score(windows))
    fleet.replace("b", fitted("b", seed=8))
    fleet.remove("d")
    changed = PlainFleet({**models, "b": fitted("b", seed=8)} | {"d": models["a"]})
    kept = [window for window in windows if window.machine != "d"]
    _close(fleet.score(kept), changed.score(kept))


@needs_kernels
@pytest.mark.parametrize(
    "way",
    [Way(compiled=True), Way(compiled=True, brief=True, abreast=True), Way(compiled=True, stacked=True, abreast=True)],
    ids=["one after another", "bfloat16 abreast", "stacked abreast"],
)
def test_kernels_score_as_the_plain_one(monkeypatch: pytest.MonkeyPatch, way: Way) -> None:
    presets = {"a": EIGHTS, "b": EIGHTS, "c": EIGHTS_PAPER, "d": EIGHTS_PAPER}
    models = {name: fitted(name, preset, seed) for seed, (name, preset) in enumerate(presets.items())}
    windows = [_window(machine, seed) for seed, machine in enumerate("abcdacbdda")]
    windows += [_window("a", 20, 3.0), _window("c", 21, lost=True), _window("b", 22)]
    windows[1].samples[99], windows[3].samples[:] = np.inf, 0.0
    fleet = Fleet(models, "cpu")
    monkeypatch.setattr(ways, "choose", lambda models, abreast, stopped: Choice(way, {way: 1.0}))
    fleet.prepare()
    _close(fleet.score(windows), PlainFleet(models).score(windows))


@needs_kernels
@pytest.mark.parametrize(("by_kernels_s", "tried"), [(0.5, "kernels"), (0.99, "both")])
def test_where_kernels_are_worth_it_no_other_way_of_torch_is_tried(by_kernels_s: float, tried: str) -> None:
    models = [fitted("a", EIGHTS), fitted("b", EIGHTS)]
    assert ways.compiled_candidates(models) == (Way(compiled=True), Way(compiled=True, stacked=True))
    assert ways.compiled_candidates([fitted("c")]) == ()
    moments = itertools.accumulate(
        itertools.chain.from_iterable((0.0, each) for each in [2.0] * 3 + [2 * by_kernels_s] * 3 + [2.0] * 9)
    )
    choice = ways.choose(models, clock=lambda: next(moments))
    kernels = [Way(compiled=True), Way(compiled=True, stacked=True)]
    assert list(choice.costs) == [Way(), *kernels, *([Way(stacked=True)] if tried == "both" else [])]
    assert choice.way == (kernels[0] if tried == "kernels" else Way())


def test_stacks_are_kept_until_they_hold_too_many_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    together = crowd.together

    def counted(members: Sequence[Member]) -> Stack:
        made.append(len(members))
        return together(members)

    monkeypatch.setattr(crowd, "together", counted)
    monkeypatch.setattr(ways, "choose", lambda models, abreast, stopped: Choice(Way(stacked=True), {}))
    monkeypatch.setattr(fleets, "STACKED", 4)
    fleet = Fleet({name: fitted(name) for name in "abc"}, "cpu")
    fleet.prepare()
    for machines in ("ab", "bc", "ab", "bc"):
        fleet.score([_window(name, 1) for name in machines])
    assert made == [2, 2]
    fleet.score([_window(name, 1) for name in "abc"])  # no room for it beside either
    fleet.score([_window(name, 1) for name in "ab"])
    assert made == [2, 2, 3, 2]
    fleet.replace("d", fitted("d"))
    fleet.replace("e", fitted("e"))  # five machines in turn would push each stack out before it is wanted again
    for _ in range(2):
        fleet.score([_window(name, 1) for name in "de"])
    assert made == [2, 2, 3, 2, 2, 2]


def test_the_fastest_way_is_taken_and_told() -> None:
    fleet = Fleet({"a": fitted("a"), "b": fitted("b"), "c": fitted("c", SMALL_PAPER)}, "cpu")
    choices = fleet.prepare()
    assert set(choices) == {"default", "paper"}
    assert set(choices["default"].costs) == {Way(), Way(stacked=True)}
    assert set(choices["paper"].costs) == {Way(), Way(brief=True)}
    for choice in choices.values():
        assert choice.way == ways.fastest(choice.costs)
        assert min(choice.costs.values()) > 0


@pytest.mark.parametrize(("stacked_s", "taken"), [(0.004, Way()), (0.0019, Way()), (0.0017, Way(stacked=True))])
def test_another_way_is_taken_only_where_it_is_worth_it(stacked_s: float, taken: Way) -> None:
    assert ways.fastest({Way(): 0.002, Way(stacked=True): stacked_s}) == taken


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
def test_several_processors_are_divided_either_way_but_a_hopeless_way_is_run_once() -> None:
    models = [fitted("a"), fitted("b")]
    assert ways.candidates(models) == (Way(), Way(stacked=True), Way(abreast=True), Way(stacked=True, abreast=True))
    took_s = iter([2.0, 2.0, 2.0, 5.0, 1.0, 1.0, 1.0])  # stacked is run once, and not abreast
    moments = itertools.accumulate(itertools.chain.from_iterable((0.0, each) for each in took_s))
    choice = ways.choose(models, clock=lambda: next(moments))
    assert dict(choice.costs) == {Way(): 1.0, Way(stacked=True): 2.5, Way(abreast=True): 0.5}
    assert choice.way == Way(abreast=True)


@pytest.mark.usefixtures("two_threads")
def test_who_waits_for_the_fastest_way_no_more_gets_what_was_tried() -> None:
    models, asked = [fitted("a"), fitted("b")], iter([False, True])
    assert list(ways.choose(models, stopped=lambda: True).costs) == [Way()]
    assert list(ways.choose(models, stopped=lambda: next(asked)).costs) == [Way(), Way(stacked=True)]


@pytest.mark.usefixtures("two_threads")
def test_windows_beside_each_other_on_threads_score_as_the_plain_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    models = {name: fitted(name, seed=seed) for seed, name in enumerate("abcde")}
    fleet = Fleet(models, "cpu")
    way = Way(stacked=True, abreast=True)
    monkeypatch.setattr(ways, "choose", lambda models, abreast, stopped: Choice(way, {way: 1.0}))
    fleet.prepare()
    windows = [_window(machine, seed) for seed, machine in enumerate("abcdeeba")]
    windows[3].samples[5] = np.nan
    _close(fleet.score(windows), PlainFleet(models).score(windows))


def test_a_fleet_without_models_is_ready_at_once() -> None:
    assert Fleet({}, "cpu").prepare() == {}


def test_auto_and_cpu_are_always_there() -> None:
    assert choose_device("cpu") == torch.device("cpu")
    assert choose_device("auto").type in {"cpu", "cuda"}


@pytest.mark.parametrize("name", ["gpu", "cuda:x", "", "cuda:99", "mps"])
def test_a_device_that_is_not_there_is_named(name: str) -> None:
    with pytest.raises(DeviceError, match=repr(name)):
        choose_device(name)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine")
def test_a_gpu_scores_as_the_cpu_does() -> None:
    windows = [_window("a", seed) for seed in range(4)]
    models = {"a": fitted("a")}
    on_cpu, on_gpu = (Fleet(models, device).score(windows) for device in ("cpu", "cuda"))
    for plain, fast in zip(on_cpu, on_gpu, strict=True):
        assert fast.value == pytest.approx(plain.value, rel=2e-2, abs=2e-2)
