"""Overlapping windows: what the last window knows of the sound it shares with the next one is not computed again.

The network is convolutional, so that column by column its error is the same in every window that holds the column's
sound, but near the window's ends. There the transform mirrors the sound and the convolutions see zeros.

The rule for borders: columns near a window's end are computed with it and anew by the next window; those near its
beginning, 16 columns of 1251, are what they are in the sound that goes on before it, not in a window that begins there.
By that a score differs from the whole window's, 1e-3 of it at most (tests/memcae/test_overlap.py).

It holds for a preset whose score is the mean of the network's error over time (`monitor.memcae.preset.Preset.additive`)
and for windows that begin on one grid, `monitor.memcae.preset.Preset.grid` samples apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from monitor.audio.windows import Window
from monitor.memcae import explanation
from monitor.memcae.folded import Folded
from monitor.memcae.model import MachineModel, ViewScores
from monitor.memcae.preset import QUIET_BLOCK, SpectrogramSpec
from monitor.memcae.spectrogram import averages, power, scaled
from monitor.memcae.views import kernel_observation, quiet


def last_known(samples: int, spec: SpectrogramSpec, layers: int) -> int:
    """The last latent column of a window of so many samples that does not feel its end.

    The latent is that of ``layers`` convolutions 3 wide of stride 2.
    """
    reach = spec.n_fft // 2 if spec.centred else 0
    felt = min(spec.columns(samples), (samples - reach) // spec.hop + 1)  # the first frame that is mirrored
    for _ in range(layers):
        felt //= 2  # position p sees it, or what lies beyond, where 2p + 1 >= felt
    return felt - 1


@dataclass(frozen=True, slots=True, eq=False)
class Past:
    """What is kept of a window for the next one."""

    window: Window
    errors: Tensor
    """[T], squared error of every column, summed over the bins."""
    blocks: Tensor
    """[F, n], power of every block of `QUIET_BLOCK` frames."""
    recalled: Tensor
    """[1, C, F', 1], the memory's answer at the last latent column that does not feel the window's end."""


def begin(network: Folded, spec: SpectrogramSpec, window: Window) -> Past:
    """A window computed whole."""
    squared = _power(network, _samples(window), spec)
    target = network.standardise(scaled(squared, spec))
    recalled = network.recall(network.layers(target)[-1])
    edge = last_known(len(window.samples), spec, len(network.spec.channels))
    errors = (network.decode(recalled, target) - target).square().sum(dim=1)[0]
    return Past(window, errors, averages(squared, QUIET_BLOCK)[0], recalled[..., edge : edge + 1])


def go_on(network: Folded, spec: SpectrogramSpec, past: Past, window: Window, by: int) -> Past:
    """The window that begins ``by`` samples after the past one (`sharing.shift`); only what is new is computed."""
    samples = _samples(window)
    layers = len(network.spec.channels)
    columns, stride = by // spec.hop, 1 << layers  # of the shift, and from one latent column to the next
    since = stride * last_known(samples.shape[1], spec, layers) - columns  # where the last known latent column is
    reach = spec.n_fft // 2
    squared = _power(network, samples[:, since * spec.hop - (reach if spec.centred else 0) :], spec)
    squared = squared[:, :, reach // spec.hop :] if spec.centred else squared  # without those that the cut mirrored
    target = network.standardise(scaled(squared, spec))
    latent = network.layers(target)[-1]
    recalled = torch.cat([past.recalled, network.recall(latent[..., 1:])], dim=3)
    fresh = (network.decode(recalled, target) - target).square().sum(dim=1)[0]
    errors = torch.cat([past.errors[columns : columns + since], fresh])
    kept = columns // QUIET_BLOCK
    new = averages(squared, QUIET_BLOCK)[0]
    blocks = torch.cat([past.blocks[:, kept : since // QUIET_BLOCK + kept], new], dim=1)[:, : past.blocks.shape[1]]
    at = columns // stride
    return Past(window, errors, blocks, recalled[..., at : at + 1])


def judge(model: MachineModel, past: Past) -> ViewScores:
    """What the model says of the window, whose samples are finite, from its columns."""
    spec = model.preset.spectrogram
    value = past.errors.mean()[None] / spec.bins
    levels = explanation.band_levels(quiet.of_blocks(past.blocks[None]), spec)
    return ViewScores(value, {model.preset.views[0]: value}, levels - model.knowledge.levels.mean_db)


def _power(network: Folded, samples: Tensor, spec: SpectrogramSpec) -> Tensor:
    return kernel_observation.power(samples, spec) if network.compiled else power(samples, spec)


def _samples(window: Window) -> Tensor:
    """[1, n]; copied only where the window is a view of a whole recording, which torch does not take unwritable."""
    return torch.from_numpy(np.require(window.samples, requirements="W"))[None]
