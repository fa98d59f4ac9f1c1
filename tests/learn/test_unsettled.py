from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from monitor.learn.dataset import Recording, windows
from monitor.learn.references import describe
from monitor.learn.unsettled import Unsettled
from monitor.memcae.preset import Preset
from monitor.memcae.views import VIEWS
from monitor.memcae.views.observation import Observation
from tests.memcae.small import SMALL, SMALL_PAPER, network_of, noise

NETWORK = network_of(SMALL)
NORMAL = noise(24, 2.0)


def _targets(samples: Tensor, turn: int = 0, preset: Preset = SMALL) -> tuple[Tensor, Tensor]:
    network = network_of(preset)
    network.set_statistics(*_statistics(preset))
    plain = Observation(samples, preset.spectrogram, network)
    with torch.inference_mode():
        return plain.target, Unsettled(samples, preset.spectrogram, network, turn).target


def _statistics(preset: Preset) -> tuple[Tensor, Tensor]:
    seen = Observation(NORMAL, preset.spectrogram, NETWORK).scaled
    return seen.mean(dim=(0, 2)), seen.std(dim=(0, 2))


def _strangeness(gain_db: float, *, unsettled: bool) -> float:
    """How far a window that is louder by so much is from what texture learnt, in normal spreads."""
    network = network_of(SMALL)
    network.set_statistics(*_statistics(SMALL))
    texture = VIEWS["texture"]
    with torch.inference_mode():
        learnt = texture.describe(
            Unsettled(NORMAL, SMALL.spectrogram, network, 0)
            if unsettled
            else Observation(NORMAL, SMALL.spectrogram, network)
        ).double()
        known = texture.fit([row[None] for row in learnt])
        others = noise(24, 2.0, seed=9)
        heard = [Observation(gain * others, SMALL.spectrogram, network) for gain in (1.0, 10 ** (gain_db / 20))]
        normal, louder = (texture.distance(known, texture.describe(each).double()) for each in heard)
    return float((louder.median() - normal.median()) / normal.std())


def test_a_level_within_the_bound_is_not_heard_and_one_just_beyond_it_only_by_what_never_heard_any() -> None:
    assert abs(_strangeness(2.5, unsettled=False)) < 0.5
    assert _strangeness(3.5, unsettled=False) > 5.0
    assert _strangeness(3.5, unsettled=True) < 2.0
    assert _strangeness(9.0, unsettled=True) > 5.0


def test_four_windows_in_turn_have_the_mean_of_the_settled_ones() -> None:
    settled, unsettled = _targets(NORMAL[:1].repeat(4, 1), turn=5)
    apart = unsettled - settled
    assert float(apart.abs().min(dim=0).values.max()) > 0
    torch.testing.assert_close(apart.mean(dim=0), torch.zeros_like(apart[0]), rtol=0, atol=1e-4)


def test_a_network_that_forgives_nothing_hears_windows_as_they_are() -> None:
    for preset in (SMALL_PAPER, replace(SMALL, network=replace(SMALL.network, forgiven_db=0.0))):
        settled, unsettled = _targets(NORMAL[:4], preset=preset)
        assert torch.equal(settled, unsettled)


def test_recordings_of_one_window_each_take_turns_too() -> None:
    def vectors(turn: int | None) -> Tensor:
        return describe(NETWORK, SMALL, recording, 2.0, 1.0, turn).views["texture"]

    samples = NORMAL[0].numpy()
    recording = Recording(Path("one.flac"), 0.0, samples, "")
    assert len(windows(samples, 2.0, 1.0)) == 1
    assert not torch.equal(vectors(0), vectors(1))
    assert torch.equal(vectors(0), vectors(4))
    assert not torch.equal(vectors(0), vectors(None))
