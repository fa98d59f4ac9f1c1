from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from monitor.errors import TrainingError
from monitor.learn.dataset import Recording
from monitor.learn.memory_use import MemoryUse, measure, refuse_collapse
from monitor.learn.progress import Progress, silent
from monitor.learn.spectra import Spectra
from monitor.learn.train import CHECKS, Plan, Trained, held_out_loss, steps_for, train
from monitor.memcae.preset import DEFAULT, NetworkSpec, Preset
from tests.memcae.small import SMALL, SMALL_PAPER, network_of

CPU = torch.device("cpu")
TRAINED_PAPER = replace(SMALL_PAPER, training=replace(SMALL_PAPER.training, crop_columns=33))


def _spectra(preset: Preset, recordings: int = 3) -> Spectra:
    random = np.random.default_rng(0)
    sounds = [(0.1 * random.standard_normal(32_000)).astype(np.float32) for _ in range(recordings)]
    return Spectra([Recording(Path("x.wav"), 0.0, each, "") for each in sounds], preset, 2.0, CPU)


def _train(preset: Preset, steps: int = 20, seed: int = 0, held_out: tuple[int, ...] = ()) -> Trained:
    learn = tuple(i for i in range(3) if i not in held_out)
    return train(_spectra(preset), Plan(learn, held_out, steps, seed), preset, CPU, silent)


STEADY = replace(SMALL, training=replace(SMALL.training, speeds=(1.0,)))
"""Noise that is played slower has an empty top band, whose error would hide what is learnt in a few steps."""


@pytest.mark.parametrize("preset", [STEADY, TRAINED_PAPER], ids=["default", "paper"])
def test_training_lowers_the_loss(preset: Preset) -> None:
    losses = _train(preset, steps=80).losses
    assert np.mean([loss for _, loss, _ in losses[-5:]]) < np.mean([loss for _, loss, _ in losses[:5]])


def test_one_seed_gives_one_network() -> None:
    first, again, other = (_train(SMALL, seed=seed).network.state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


def test_training_leaves_the_callers_random_numbers_alone() -> None:
    torch.manual_seed(9)
    expected = torch.rand(1)
    torch.manual_seed(9)
    _train(SMALL, steps=2)
    assert torch.rand(1) == expected


def test_progress_counts_to_the_end() -> None:
    told: list[Progress] = []
    train(_spectra(SMALL), Plan((0, 1), (2,), 90, 0), SMALL, CPU, told.append)
    assert [each.done for each in told] == sorted({each.done for each in told})
    assert told[-1].done == told[-1].total == 90
    assert len(told) <= CHECKS
    assert all(each.loss is not None and each.held_out_loss is not None for each in told)


def test_ctrl_c_keeps_the_best_so_far() -> None:
    def stop(progress: Progress) -> None:
        if progress.done >= 10:
            raise KeyboardInterrupt

    trained = train(_spectra(SMALL), Plan((0, 1), (2,), 80, 0), SMALL, CPU, stop)
    assert trained.interrupted
    assert 0 < trained.steps <= 10
    pieces = _spectra(SMALL).held_out((2,))
    assert held_out_loss(trained.network, pieces, SMALL.training) == pytest.approx(trained.loss)


def test_ctrl_c_before_there_is_anything_goes_on_to_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Spectra, "draw", stop)
    with pytest.raises(KeyboardInterrupt):
        _train(SMALL)


def test_the_network_that_did_best_on_the_held_out_recordings_is_kept() -> None:
    trained = _train(TRAINED_PAPER, steps=60, held_out=(2,))
    best = min(trained.losses, key=lambda each: each[2])
    assert (trained.steps, trained.loss) == (best[0], best[2])
    pieces = _spectra(TRAINED_PAPER).held_out((2,))
    assert held_out_loss(trained.network, pieces, TRAINED_PAPER.training) == pytest.approx(trained.loss, rel=1e-5)


def test_patience_ends_a_training_that_no_longer_improves() -> None:
    hasty = replace(TRAINED_PAPER.training, patience=2, learning_rate=1e-12)
    trained = _train(replace(TRAINED_PAPER, training=hasty), steps=400, held_out=(2,))
    assert trained.losses[-1][0] < 400


def test_a_diverging_loss_is_an_error() -> None:
    wild = replace(TRAINED_PAPER, training=replace(TRAINED_PAPER.training, learning_rate=1e30))
    with pytest.raises(TrainingError, match="diverged"):
        _train(wild, steps=40)


def test_steps_follow_the_sound_between_their_bounds() -> None:
    a_second = DEFAULT.spectrogram.columns_per_s
    steps = [steps_for(round(minutes * 60 * a_second), 25, DEFAULT) for minutes in (1, 15, 100)]
    assert steps == [300, pytest.approx(8 * 15 * 60 * a_second / (25 * 8), rel=0.02), 750]


def test_loss_without_held_out_recordings_is_not_a_number() -> None:
    assert math.isnan(held_out_loss(network_of(SMALL), [], SMALL.training))


def test_the_use_of_a_memory_is_measured() -> None:
    network = network_of(SMALL_PAPER)
    use = measure(network, _spectra(SMALL_PAPER).held_out((0, 1)))
    assert use is not None
    assert use.slots == 12
    assert 1 <= use.perplexity <= 12 + 1e-6
    assert 1 <= use.per_query <= 12 + 1e-6
    assert use.dead_queries == 0
    without = replace(SMALL, network=replace(SMALL.network, decoder=False))
    assert measure(network_of(without), []) is None


def test_a_memory_whose_slots_are_all_alike_has_collapsed() -> None:
    network = network_of(SMALL_PAPER)
    assert network.memory is not None
    with torch.no_grad():
        network.memory.slots.copy_(network.memory.slots[:1].expand(12, 8).clone())
    with pytest.raises(TrainingError, match=r"memory collapsed: its answers vary"):
        refuse_collapse(measure(network, _spectra(SMALL_PAPER).held_out((0,))))


def test_a_memory_that_shrinkage_cut_off_has_collapsed() -> None:
    harsh = replace(SMALL_PAPER, network=NetworkSpec(widths=(4, 6), slot_size=8, slots=12, shrinkage=11.9))
    with pytest.raises(TrainingError, match="of the queries find no slot"):
        refuse_collapse(measure(network_of(harsh), _spectra(harsh).held_out((0,))))


def test_one_slot_for_everything_has_collapsed() -> None:
    with pytest.raises(TrainingError, match=r"1\.00 of 12 slots are in use"):
        refuse_collapse(MemoryUse(12, 1.0, 1.0, 11 / 12, 0.0, 0.5))


def test_a_memory_that_hardly_chooses_is_reported_and_not_refused() -> None:
    use = MemoryUse(2000, 1999.0, 1990.0, 0.0, 0.0, 3e-5)
    refuse_collapse(use)
    assert use.uniform
    assert not MemoryUse(2000, 1999.0, 40.0, 0.0, 0.0, 0.3).uniform


def test_a_memory_at_work_is_not_refused() -> None:
    refuse_collapse(MemoryUse(12, 8.0, 3.0, 0.1, 0.0, 0.5))
    refuse_collapse(None)
