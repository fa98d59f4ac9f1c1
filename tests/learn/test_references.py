from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from monitor.learn.references import Described, doubt_network, held_out_distances, temper
from monitor.memcae.fusion import Reference
from monitor.memcae.preset import DEFAULT
from monitor.memcae.views import VIEWS
from tests.memcae.small import SMALL

ONE_VIEW = replace(SMALL, views=("spectrum",))


def _described(seed: int, offset: float = 0.0, windows: int = 3) -> Described:
    generator = torch.Generator().manual_seed(seed)
    return Described({"spectrum": offset + torch.randn(windows, 20, generator=generator)}, torch.zeros(windows, 24))


def test_a_held_out_recording_is_strange_to_what_was_learnt_without_it() -> None:
    recordings = {i: _described(i) for i in range(9)} | {9: _described(9, offset=8.0)}
    rounds = tuple((i,) for i in range(10))
    alone = held_out_distances(ONE_VIEW, rounds, recordings, recordings.__getitem__)
    everything = held_out_distances(ONE_VIEW, ((),), recordings, recordings.__getitem__)
    assert everything == {}
    assert alone[9].min() > 3 * max(alone[i].max() for i in range(9))


def test_recordings_of_one_round_do_not_know_each_other() -> None:
    recordings = {i: _described(i) for i in range(8)} | {i: _described(i, offset=8.0) for i in (8, 9)}
    apart = held_out_distances(ONE_VIEW, tuple((i,) for i in range(10)), recordings, recordings.__getitem__)
    together = held_out_distances(ONE_VIEW, ((8, 9), *((i,) for i in range(8))), recordings, recordings.__getitem__)
    assert together[8].min() > 1.5 * apart[8].max()


def test_windows_to_learn_and_windows_to_judge_may_differ() -> None:
    learnt = {i: _described(i, windows=2) for i in range(6)}
    judged = {i: _described(100 + i, windows=5) for i in range(6)}
    found = held_out_distances(ONE_VIEW, ((0, 3), (1, 4), (2, 5)), learnt, judged.__getitem__)
    assert sorted(found) == list(range(6))
    assert all(each.shape == (5, 1) for each in found.values())


def _scores(*middles: float) -> list[np.ndarray[tuple[int], np.dtype[np.float64]]]:
    random = np.random.default_rng(0)
    return [middle + 0.5 * random.standard_normal(6) for middle in middles]


def test_the_only_recording_of_its_kind_counts_as_just_unlike() -> None:
    scores = _scores(0, 0, 0.5, 90.0, -0.5, 0, 0.2, 0.1)
    tempered, outlying = temper(scores)
    assert outlying == (3,)
    assert scores[3].min() > 80
    others = np.concatenate([each for i, each in enumerate(scores) if i != 3])
    assert others.max() < tempered[3].max() < 20
    assert all(np.array_equal(tempered[i], scores[i]) for i in range(8) if i != 3)


@pytest.mark.parametrize("middles", [(0, 0.5, 1, -0.5, 0.2), (0, 0, 1, 2, 3, 2.5, 1.5, 0.5), (0, 0, 0, 0), (5,)])
def test_recordings_that_merely_differ_count_as_they_are(middles: tuple[float, ...]) -> None:
    scores = _scores(*middles)
    tempered, outlying = temper(scores)
    assert outlying == ()
    assert all(map(np.array_equal, tempered, scores))


def test_what_is_not_an_exception_counts_as_it_is() -> None:
    assert temper(_scores(*([0.0] * 14 + [90.0] * 3)))[1] == ()
    assert temper(_scores(*([0.0] * 14 + [90.0] * 2)))[1] == (14, 15)


def test_few_recordings_widen_the_spread_of_what_the_network_says_and_nothing_else() -> None:
    known = Reference(torch.ones(4), torch.ones(4))
    few = doubt_network(DEFAULT, known, 6)
    expected = [4.0 if VIEWS[name].network else 1.0 for name in DEFAULT.views]
    assert few.spread.tolist() == expected
    assert set(expected) == {1.0, 4.0}
    assert torch.equal(doubt_network(DEFAULT, known, 100).spread, known.spread)
