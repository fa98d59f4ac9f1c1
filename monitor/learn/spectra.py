"""Training material: the spectrograms of all recordings at every speed, and random crops of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import soxr
import torch
from torch import Tensor
from torch.nn import functional

from monitor.audio.block import Samples
from monitor.audio.source import MODEL_RATE_HZ
from monitor.learn.dataset import Recording
from monitor.memcae.preset import Preset
from monitor.memcae.spectrogram import spectrogram

PIECE_S = 60.0
"""Sound transformed at a time, so that a long recording never lies in memory as complex numbers all at once."""


def perturb_speed(samples: Samples, factor: float) -> Samples:
    """The same sound ``factor`` times as fast (pitch and tempo alike): [n] -> about [n / factor]."""
    if factor == 1:
        return samples
    # Playing at `factor` is to call the samples of a rate `factor` times as high what they were at the model's.
    faster: Samples = soxr.resample(samples, MODEL_RATE_HZ * factor, MODEL_RATE_HZ, quality="HQ")
    return faster


class Spectra:
    """The spectrograms of recordings, by speed, on the device that trains.

    Args:
        recordings: normal sound.
        preset: its spectrogram, and its training's speeds and crop.
        window_s: the crop where the preset names none.
        device: where they are kept.
    """

    def __init__(self, recordings: Sequence[Recording], preset: Preset, window_s: float, device: torch.device) -> None:
        self.speeds = preset.training.speeds
        window = preset.spectrogram.columns(round(window_s * MODEL_RATE_HZ))
        self.crop = preset.training.crop_columns or window
        self.window = window
        self._spectra = {
            speed: [_whole(perturb_speed(each.samples, speed), preset, device) for each in recordings]
            for speed in {*self.speeds, 1.0}
        }

    def columns(self, chosen: Sequence[int]) -> int:
        """Columns of the chosen recordings at their own speed, together."""
        return sum(self._spectra[1.0][i].shape[1] for i in chosen)

    def statistics(self, chosen: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Mean and deviation of every bin over the chosen recordings: [F] each."""
        count = self.columns(chosen)
        whole = [self._spectra[1.0][i] for i in chosen]
        mean = torch.stack([each.sum(dim=1, dtype=torch.float64) for each in whole]).sum(dim=0) / count
        squares = [(each.double() - mean[:, None]).square().sum(dim=1) for each in whole]
        return mean.float(), (torch.stack(squares).sum(dim=0) / count).sqrt().float()

    def draw(self, chosen: Sequence[int], batch: int, random: np.random.Generator) -> Tensor:
        """``batch`` random crops of the chosen recordings at random speeds: [batch, F, crop]."""
        lengths = np.array([self._spectra[1.0][i].shape[1] for i in chosen], dtype=np.float64)
        picked = random.choice(len(chosen), size=batch, p=lengths / lengths.sum())
        speeds = random.integers(len(self.speeds), size=batch)
        places = random.random(batch)
        crops = [
            _crop(self._spectra[self.speeds[speed]][chosen[pick]], self.crop, place)
            for pick, speed, place in zip(picked, speeds, places, strict=True)
        ]
        return torch.stack(crops)

    def held_out(self, chosen: Sequence[int]) -> list[Tensor]:
        """All of the chosen recordings at their own speed, in pieces of at most a window: [F, T] each."""
        return [piece for i in chosen for piece in torch.split(self._spectra[1.0][i], self.window, dim=1)]


def _crop(whole: Tensor, columns: int, place: float) -> Tensor:
    """``columns`` columns of [F, T], beginning at the share ``place`` of what is possible; repeated where T is less."""
    spare = whole.shape[1] - columns
    if spare < 0:
        return functional.pad(whole[None], (0, -spare), mode="replicate")[0]
    first = int(place * (spare + 1))
    return whole[:, first : first + columns]


def _whole(samples: Samples, preset: Preset, device: torch.device) -> Tensor:
    """The spectrogram of a recording, [F, T], made piece by piece."""
    spec = preset.spectrogram
    column = spec.hop * spec.average
    size = max(spec.n_fft, round(PIECE_S * spec.rate_hz) // column * column)
    pieces = []
    for first in range(0, len(samples), size):
        piece = samples[first : first + size + spec.n_fft - spec.hop]
        if len(piece) >= spec.n_fft + column:
            pieces.append(spectrogram(torch.from_numpy(np.ascontiguousarray(piece))[None].to(device), spec)[0])
    return torch.cat(pieces, dim=1)
