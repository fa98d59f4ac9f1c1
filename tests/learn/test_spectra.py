from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soxr
import torch

from monitor.audio.block import Samples
from monitor.learn import spectra as module
from monitor.learn.dataset import Recording
from monitor.learn.spectra import Spectra, perturb_speed
from monitor.memcae.preset import DEFAULT, PAPER, Preset
from monitor.memcae.spectrogram import spectrogram

RATE_HZ = 16_000
CPU = torch.device("cpu")


def _recording(samples: Samples) -> Recording:
    return Recording(Path("x.wav"), 0.0, samples, "")


def _noise(seconds: float, seed: int = 0) -> Samples:
    return (0.1 * np.random.default_rng(seed).standard_normal(round(seconds * RATE_HZ))).astype(np.float32)


def _spectra(*recordings: Samples, preset: Preset = DEFAULT) -> Spectra:
    return Spectra([_recording(each) for each in recordings], preset, 2.0, CPU)


@pytest.mark.parametrize("factor", [0.9, 1.0, 1.1])
def test_faster_sound_is_shorter_and_higher_by_the_factor(factor: float) -> None:
    tone = np.sin(2 * np.pi * 1000.0 * np.arange(RATE_HZ) / RATE_HZ).astype(np.float32)
    found = np.concatenate(list(perturb_speed(tone, factor)))
    assert len(found) == pytest.approx(RATE_HZ / factor, abs=2)
    peak = np.abs(np.fft.rfft(found)).argmax() * RATE_HZ / len(found)
    assert peak == pytest.approx(1000.0 * factor, abs=2.0)


@pytest.mark.parametrize("factor", [0.9, 1.1])
def test_faster_sound_in_pieces_is_the_whole_made_at_once(factor: float, monkeypatch: pytest.MonkeyPatch) -> None:
    samples = _noise(5.3)
    monkeypatch.setattr(module, "PIECE_S", 1.0)
    pieces = list(perturb_speed(samples, factor))
    assert len(pieces) == 6
    assert np.array_equal(np.concatenate(pieces), soxr.resample(samples, RATE_HZ * factor, RATE_HZ, quality="HQ"))


@pytest.mark.parametrize("preset", [DEFAULT, PAPER])
def test_a_second_takes_as_much_memory_as_is_said(preset: Preset) -> None:
    spectra = _spectra(_noise(30.0), preset=preset)
    values = sum(whole.numel() for kept in spectra._spectra.values() for (whole,) in [kept])
    assert 4 * values / 30.0 == pytest.approx(module.bytes_per_s(preset), rel=0.01)


def test_many_recordings_keep_their_own_spectrograms(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK", 257 * 100)  # columns of three recordings do not fit in one
    sounds = [_noise(2.0 + 0.1 * seed, seed) for seed in range(6)]
    together = _spectra(*sounds)
    for place, each in enumerate(sounds):
        for one, alone in zip(together.held_out((place,)), _spectra(each).held_out((0,)), strict=True):
            assert torch.equal(one, alone)


def test_a_long_recording_is_transformed_in_pieces_without_a_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = _noise(5.0)
    whole = spectrogram(torch.from_numpy(samples)[None], DEFAULT.spectrogram)[0]
    monkeypatch.setattr(module, "PIECE_S", 1.0)
    pieces = _spectra(samples).held_out((0,))
    torch.testing.assert_close(torch.cat(pieces, dim=1), whole[:, : sum(each.shape[1] for each in pieces)])
    assert sum(each.shape[1] for each in pieces) >= whole.shape[1] - 1


def test_statistics_are_those_of_the_chosen_recordings_alone() -> None:
    quiet, loud, other = _noise(2.0), 3 * _noise(3.0, 1), 100 * _noise(2.0, 2)
    mean, deviation = _spectra(quiet, loud, other).statistics((0, 1))
    columns = torch.cat(
        [spectrogram(torch.from_numpy(each)[None], DEFAULT.spectrogram)[0] for each in (quiet, loud)], dim=1
    )
    torch.testing.assert_close(mean, columns.mean(dim=1), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(deviation, columns.std(dim=1, correction=0), rtol=1e-3, atol=1e-4)


def test_crops_come_from_the_chosen_recordings_alone() -> None:
    spectra = _spectra(_noise(3.0), 1000 * _noise(3.0, 1))
    crops = spectra.draw((0,), 32, np.random.default_rng(0))
    assert crops.shape == (32, 257, DEFAULT.training.crop_columns)
    assert crops.max() < 5.0


def test_one_seed_draws_the_same_crops() -> None:
    spectra = _spectra(_noise(3.0), _noise(3.0, 1))
    first, again, other = (spectra.draw((0, 1), 8, np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_recording_shorter_than_a_crop_is_drawn_whole_with_its_end_held() -> None:
    plain = replace(DEFAULT, training=replace(DEFAULT.training, speeds=(1.0,)))
    spectra = _spectra(_noise(1.0), preset=plain)
    (crop,) = spectra.draw((0,), 1, np.random.default_rng(0))
    present = spectra.columns((0,))
    assert crop.shape[1] == DEFAULT.training.crop_columns > present
    assert torch.equal(crop[:, present:], crop[:, present - 1 : present].expand(-1, crop.shape[1] - present))


def test_held_out_pieces_are_a_window_at_most() -> None:
    spectra = _spectra(_noise(5.0))
    assert max(piece.shape[1] for piece in spectra.held_out((0,))) == DEFAULT.spectrogram.columns(2 * RATE_HZ)
