from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from monitor.learn.dataset import Recording, windows
from monitor.learn.references import describe
from monitor.learn.varied import Varied
from monitor.memcae import forgiveness
from monitor.memcae.preset import Preset
from monitor.memcae.spectrogram import DB_PER_NEPER
from monitor.memcae.views import VIEWS
from monitor.memcae.views.observation import Observation
from tests.memcae.small import SMALL, SMALL_PAPER, network_of, noise

NETWORK = network_of(SMALL)
NORMAL = noise(96, 4.0)
BOUND_DB = SMALL.training.forgiven_db


def _statistics(preset: Preset) -> tuple[Tensor, Tensor]:
    seen = Observation(NORMAL, preset.spectrogram, NETWORK).scaled
    return seen.mean(dim=(0, 2)), seen.std(dim=(0, 2))


def _targets(samples: Tensor, turn: int = 0, preset: Preset = SMALL) -> tuple[Tensor, Tensor]:
    network = network_of(preset)
    network.set_statistics(*_statistics(preset))
    with torch.inference_mode():
        return Observation(samples, preset.spectrogram, network).target, Varied(samples, preset, network, turn).target


def _strangeness(gain_db: float, *, varied: bool) -> float:
    """How far windows that are louder by so much are from what texture learnt, in normal spreads."""
    network = network_of(SMALL)
    network.set_statistics(*_statistics(SMALL))
    texture = VIEWS["texture"]
    with torch.inference_mode():
        learnt = texture.describe(
            Varied(NORMAL, SMALL, network, 0) if varied else Observation(NORMAL, SMALL.spectrogram, network)
        ).double()
        known = texture.fit([row[None] for row in learnt])
        others = noise(96, 4.0, seed=9)
        heard = [Observation(gain * others, SMALL.spectrogram, network) for gain in (1.0, 10 ** (gain_db / 20))]
        normal, louder = (texture.distance(known, texture.describe(each).double()) for each in heard)
    return float((louder.median() - normal.median()) / normal.std())


def test_a_level_within_the_bound_is_not_heard_by_what_learnt_it_and_one_far_beyond_is() -> None:
    for gain_db in (-2.5, 2.5):
        assert _strangeness(gain_db, varied=False) > 10.0
        assert abs(_strangeness(gain_db, varied=True)) < 0.25 * _strangeness(gain_db, varied=False)
    assert _strangeness(12.0, varied=True) > 5.0


def test_windows_are_varied_as_a_whole_by_a_level_and_a_tilt_within_the_bounds() -> None:
    plain, varied = _targets(NORMAL, turn=5)
    apart = (varied - plain) * _statistics(SMALL)[1][:, None] * DB_PER_NEPER
    torch.testing.assert_close(apart, apart[..., :1].expand_as(apart), rtol=0, atol=1e-3)
    octave = forgiveness.octaves(0.0, 257, SMALL.spectrogram.bin_hz)
    at_pivot = apart[:, int((octave == 0).nonzero()[0, 0]), 0]
    assert at_pivot.abs().max() <= BOUND_DB
    assert at_pivot.max() > 0.8 * BOUND_DB
    assert at_pivot.min() < -0.8 * BOUND_DB


def test_a_preset_that_forgives_nothing_learns_windows_as_they_are() -> None:
    for preset in (SMALL_PAPER, replace(SMALL, training=replace(SMALL.training, forgiven_db=0.0))):
        plain, varied = _targets(NORMAL[:4], preset=preset)
        assert torch.equal(plain, varied)


def test_recordings_of_one_window_each_take_turns_too() -> None:
    def vectors(turn: int | None) -> Tensor:
        return describe(NETWORK, SMALL, recording, 2.0, 1.0, turn).views["texture"]

    samples = NORMAL[0, :32_000].numpy()
    recording = Recording(Path("one.flac"), 0.0, samples, "")
    assert len(windows(samples, 2.0, 1.0)) == 1
    assert not torch.equal(vectors(0), vectors(1))
    assert not torch.equal(vectors(0), vectors(None))
    assert torch.equal(vectors(3), vectors(3))
