"""Overlapping windows: what the last window knows of the sound it shares with the next one is not computed again.

The network is convolutional, so that column by column its error is the same in every window that holds the column's
sound, but near the window's ends. There the transform mirrors the sound and the convolutions see zeros: those columns
are computed anew for every window, so that a score is that of the whole window, borders included.

The rule: this holds for a preset whose score is the mean of the network's error over time, `paper`'s, and for windows
that begin on one grid, `monitor.memcae.preset.Preset.grid` samples apart. Everything else is computed whole: a preset
that brings every window to a level of its own has nothing in common between two windows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from monitor.audio.windows import Window
from monitor.memcae import explanation
from monitor.memcae.folded import Folded
from monitor.memcae.model import MachineModel, ViewScores, finite
from monitor.memcae.preset import SpectrogramSpec
from monitor.memcae.spectrogram import averages, power, scaled
from monitor.memcae.views import quiet


@dataclass(frozen=True, slots=True)
class Borders:
    """Which of a window's columns and latent columns are as they would be in endless sound."""

    columns: int
    """Columns of the window's spectrogram."""
    stride: int
    """Columns from one latent column to the next."""
    first: int
    """First latent column that does not feel the window's beginning."""
    last: int
    """Last latent column that does not feel its end."""


def borders(samples: int, spec: SpectrogramSpec, layers: int) -> Borders:
    """The borders of a window of so many samples, through ``layers`` convolutions 3 wide of stride 2."""
    columns = spec.columns(samples)
    reach = spec.n_fft // 2 if spec.centred else 0
    first = (reach - 1) // spec.hop if reach else -1  # the last frame that is mirrored at the beginning
    last = min(columns, (samples - reach) // spec.hop + 1)  # the first that is mirrored at the end
    for _ in range(layers):
        first = (first + 1) // 2  # 2p - 1 <= first: position p sees it, or the zeros before it
        last = last // 2  # 2p + 1 >= last
    return Borders(columns, 1 << layers, first + 1, last - 1)


@dataclass(frozen=True, slots=True, eq=False)
class Past:
    """What is kept of a window for the next one."""

    window: Window
    errors: Tensor
    """[T], squared error of every column, summed over the bins."""
    blocks: Tensor
    """[F, n], power of every block of `quiet.BLOCK` frames."""
    recalled: Tensor
    """[1, C, F', 1], the memory's answer at the last latent column that does not feel the window's end."""


def begin(network: Folded, spec: SpectrogramSpec, window: Window) -> Past:
    """A window computed whole."""
    squared = power(torch.from_numpy(window.samples)[None], spec)
    target = network.standardise(scaled(squared, spec))
    recalled = network.recall(network.layers(target)[-1])
    edge = borders(len(window.samples), spec, len(network.spec.channels)).last
    errors = (network.decode(recalled, target) - target).square().sum(dim=1)[0]
    return Past(window, errors, averages(squared, quiet.BLOCK)[0], recalled[..., edge : edge + 1])


def shift(past: Past, window: Window, spec: SpectrogramSpec, grid: int) -> int:
    """Samples by which ``window`` goes on from the past one; 0 where the two do not share enough, or not one grid.

    The time stamps only say where to look: what counts is that the shared sound is the same, sample for sample.
    """
    before = past.window
    steps = round((window.start_s - before.start_s) * window.rate_hz / grid)
    by, size = steps * grid, len(window.samples)
    shared = size - by
    if window.rate_hz != before.rate_hz or size != len(before.samples) or by <= 0 or shared < spec.rate_hz:
        return 0
    return by if np.array_equal(before.samples[by:], window.samples[:shared]) else 0


def go_on(network: Folded, spec: SpectrogramSpec, past: Past, window: Window, by: int) -> Past:
    """The window that begins ``by`` samples, from `shift`, after the past one.

    Computed are the columns near its beginning, those that are new, and those near its end.
    """
    samples = torch.from_numpy(window.samples)[None]
    edge = borders(samples.shape[1], spec, len(network.spec.channels))
    columns = by // spec.hop  # of the shift
    errors = past.errors.new_empty(edge.columns)
    errors[: edge.columns - columns] = past.errors[columns:]
    _first(network, spec, samples, edge, errors)
    since = edge.stride * edge.last - columns  # the column of the last latent column that is known
    reach = spec.n_fft // 2
    squared = power(samples[:, since * spec.hop - (reach if spec.centred else 0) :], spec)
    squared = squared[:, :, reach // spec.hop :] if spec.centred else squared  # those that the cut mirrored
    target = network.standardise(scaled(squared, spec))
    latent = network.layers(target)[-1]
    recalled = torch.cat([past.recalled, network.recall(latent[..., 1:])], dim=3)
    errors[since:] = (network.decode(recalled, target) - target).square().sum(dim=1)[0]
    fresh = averages(squared, quiet.BLOCK)[0]
    kept = columns // quiet.BLOCK
    blocks = torch.cat([past.blocks[:, kept : since // quiet.BLOCK + kept], fresh], dim=1)[:, : past.blocks.shape[1]]
    blocks[:, :1] = averages(_beginning(samples, spec, quiet.BLOCK), quiet.BLOCK)[0]
    at = columns // edge.stride
    return Past(window, errors, blocks, recalled[..., at : at + 1])


def _first(network: Folded, spec: SpectrogramSpec, samples: Tensor, edge: Borders, errors: Tensor) -> None:
    """Write the errors of the columns that feel the window's beginning."""
    felt = edge.stride * edge.first
    squared = _beginning(samples, spec, felt + edge.stride + 1)  # one latent column more than is asked for
    target = network.standardise(scaled(squared, spec))
    latent = network.layers(target)[-1][..., : edge.first + 1]
    seen = target[:, :, : felt + 1]
    errors[:felt] = (network.decode(network.recall(latent), seen) - seen).square().sum(dim=1)[0, :felt]


def _beginning(samples: Tensor, spec: SpectrogramSpec, frames: int) -> Tensor:
    """The power of the window's first frames: [1, F, frames]."""
    # centred frames want half a frame of sound after the last; what is mirrored beyond it is cut off
    enough = (frames - 1) * spec.hop + (spec.n_fft // 2 if spec.centred else spec.n_fft)
    return power(samples[:, :enough], spec)[:, :, :frames]


def judge(model: MachineModel, past: Past) -> ViewScores:
    """What the model says of the window, from its columns."""
    spec = model.preset.spectrogram
    value = past.errors.mean()[None] / spec.bins
    levels = explanation.band_levels(quiet.of_blocks(past.blocks[None]), spec)
    heard = finite(torch.from_numpy(past.window.samples)[None])
    excess = (levels - model.knowledge.levels.mean_db).where(heard[:, None], torch.nan)
    return ViewScores(value.where(heard, torch.nan), {model.preset.views[0]: value}, excess)
