from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from monitor.audio.windows import Window
from monitor.memcae.plain import PlainFleet
from tests.memcae.small import RATE_HZ, SMALL_PAPER, fitted, noise


def _window(machine: str, seed: int, *, lost: bool = False) -> Window:
    return Window(machine, 100.0 + seed, RATE_HZ, 0, noise(1, 2.0, seed)[0].numpy(), lost)


def test_the_plain_score_of_the_paper_is_equations_three_and_four_written_out() -> None:
    model = fitted("a", SMALL_PAPER)
    window = _window("a", 4)
    (score,) = PlainFleet({"a": model}).score([window])
    hann = torch.hann_window(512)
    seen = torch.stft(torch.from_numpy(window.samples), 512, 128, window=hann, return_complex=True).abs()[None]
    with torch.inference_mode():
        z = model.network.layers(seen)[-1]
        queries = z[0].flatten(start_dim=1).T
        slots = model.network.memory.slots  # type: ignore[union-attr]
        answers = torch.softmax(queries @ slots.T, dim=1) @ slots
        back = model.network.decode(answers.T.reshape(z.shape), seen)
    assert score.value == pytest.approx(float((back - seen).square().mean()), rel=1e-5)


def test_the_plain_fleet_knows_nothing_of_what_cannot_be_scored() -> None:
    fleet = PlainFleet({"a": fitted("a")})
    broken = _window("a", 1)
    broken.samples[17] = np.nan
    found = fleet.score([broken, _window("a", 2, lost=True), _window("nobody", 3), _window("a", 4)])
    assert [math.isfinite(score.value) for score in found] == [False, False, False, True]
    assert [score.lost for score in found] == [False, True, False, False]
