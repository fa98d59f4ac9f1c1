"""Training material: the spectrograms of all recordings at every speed, and random crops of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

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

BLOCK = 16 << 20
"""Values in a block, 64 MB: the C library maps blocks of more than 32 MB apart and gives them back when they are freed,
and what is not filled takes no memory."""


def perturb_speed(samples: Samples, factor: float) -> Iterator[Samples]:
    """The same sound ``factor`` times as fast (pitch and tempo alike): [n] -> about [n / factor], in pieces."""
    if factor == 1:
        yield samples
        return
    # Playing at `factor` is to call the samples of a rate `factor` times as high what they were at the model's.
    stream = soxr.ResampleStream(MODEL_RATE_HZ * factor, MODEL_RATE_HZ, 1, dtype="float32", quality="HQ")
    size = round(PIECE_S * MODEL_RATE_HZ)
    for first in range(0, len(samples), size):
        yield stream.resample_chunk(samples[first : first + size], last=first + size >= len(samples))


def bytes_per_s(preset: Preset) -> float:
    """What a second of sound takes here: its spectrogram in single precision, at every speed."""
    speeds = {*preset.training.speeds, 1.0}
    return 4 * preset.spectrogram.bins * preset.spectrogram.columns_per_s * sum(1 / speed for speed in speeds)


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
        shelf = _Shelf(device)
        self._spectra = {
            speed: [shelf.keep(_whole(each.samples, speed, preset, device)) for each in recordings]
            for speed in {*self.speeds, 1.0}
        }

    def columns(self, chosen: Sequence[int]) -> int:
        """Columns of the chosen recordings at their own speed, together."""
        return sum(self._spectra[1.0][i].shape[1] for i in chosen)

    def statistics(self, chosen: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Mean and deviation of every bin over the chosen recordings: [F] each."""
        count = self.columns(chosen)
        whole = [self._spectra[1.0][i] for i in chosen]
        # One place for all, in double precision: each made anew could leave a gap of memory as large as itself.
        room = whole[0].new_empty(max(each.numel() for each in whole), dtype=torch.float64)
        exact = (room[: each.numel()].view(each.shape).copy_(each) for each in whole)
        mean = torch.stack([each.sum(dim=1) for each in exact]).sum(dim=0) / count
        exact = (room[: each.numel()].view(each.shape).copy_(each) for each in whole)
        squares = [each.sub_(mean[:, None]).square_().sum(dim=1) for each in exact]
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


class _Shelf:
    """Keeps thousands of tensors side by side in a few large blocks.

    Among what is computed between them they would leave gaps of memory, 0.3 GB of them in four hours of sound.
    """

    def __init__(self, device: torch.device) -> None:
        self._free = torch.empty(0, device=device)

    def keep(self, tensor: Tensor) -> Tensor:
        """The same values, of the same shape."""
        count = tensor.numel()
        if count > len(self._free):
            self._free = self._free.new_empty(max(count, BLOCK))
        kept, self._free = self._free[:count].view(tensor.shape), self._free[count:]
        return kept.copy_(tensor)


def _crop(whole: Tensor, columns: int, place: float) -> Tensor:
    """``columns`` columns of [F, T], beginning at the share ``place`` of what is possible; repeated where T is less."""
    spare = whole.shape[1] - columns
    if spare < 0:
        return functional.pad(whole[None], (0, -spare), mode="replicate")[0]
    first = int(place * (spare + 1))
    return whole[:, first : first + columns]


def _whole(samples: Samples, speed: float, preset: Preset, device: torch.device) -> Tensor:
    """The spectrogram of a recording at a speed, [F, T], made piece by piece."""
    spec = preset.spectrogram
    column = spec.hop * spec.average
    size = max(spec.n_fft, round(PIECE_S * spec.rate_hz) // column * column)
    return torch.cat(
        [
            spectrogram(torch.from_numpy(piece)[None].to(device), spec)[0]
            for piece in _overlapping(perturb_speed(samples, speed), size, size + spec.n_fft - spec.hop)
            if len(piece) >= spec.n_fft + column
        ],
        dim=1,
    )


def _overlapping(chunks: Iterator[Samples], hop: int, size: int) -> Iterator[Samples]:
    """Pieces of ``size`` samples every ``hop`` of a sound that comes in chunks of any length; the last are shorter."""
    held = np.zeros(0, np.float32)
    for chunk in chunks:
        whole = np.concatenate([held, chunk]) if len(held) else chunk
        first = 0
        while len(whole) - first >= size:
            yield whole[first : first + size].copy()  # a copy: what lies in a file must not be written to
            first += hop
        held = whole[first:].copy()
    for first in range(0, len(held), hop):
        yield held[first : first + size]
