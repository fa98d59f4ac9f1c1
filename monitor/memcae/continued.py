"""Overlapping windows of `default`: what its views see of a window is made of units of the sound, each computed once.

A unit is the 2^layers columns from one position of the latent to the next, half a second. The views average
over the units inside a window, which do not depend on where it ends (`monitor.memcae.network.inner`), and over the
frames of the transform. So a window that begins a few units after the last one of its machine takes over what the two
share, and its scores are those of the window computed whole, but for rounding (tests/memcae/test_continued.py).

It holds for a preset that says so (`monitor.memcae.preset.Preset.continued`) and for windows that begin on the grid of
the units. The windows of many machines go on together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from monitor.audio.windows import Window
from monitor.memcae.crowd import Member, Stack
from monitor.memcae.network import inner
from monitor.memcae.preset import SEGMENT_STEP, Preset
from monitor.memcae.spectrogram import in_scale
from monitor.memcae.views import envelope
from monitor.memcae.views.observation import InPieces, Observation

BY_UNIT = 2
"""Positions of the encoder's layer before the last in a unit: the last layer halves them."""


@dataclass(frozen=True, slots=True, eq=False)
class Past:
    """What is kept of a window for the next one; U is its number of whole units, counted from its beginning."""

    window: Window
    averaged: Tensor
    """[1, T, F], power averaged over the frames of every column."""
    envelopes: Tensor
    """[1, e, bands], of the frames from where the next segment would begin."""
    movement: Tensor
    """[1, segments, bands, octaves]."""
    loudness: Tensor
    """[1, frames]."""
    rises: Tensor
    """[1, frames - 1]."""
    target: Tensor
    """[1, F, 2^layers], the last whole unit as the network sees it."""
    recalled: Tensor
    """[1, C, F', 1], the memory's answer at the last unit's position of the latent."""
    texture: Tensor
    """[1, U - 1, d], the sum over each unit of the encoder's layer before the last, from unit 1 on."""
    missing: Tensor
    """[1, U - 2, F], the sum over each unit of target less reconstruction, from unit 1 on."""


def long_enough(preset: Preset, samples: int) -> bool:
    """Whether a window of so many samples has a unit inside, and a whole segment of movement."""
    spec = preset.spectrogram
    first, past = inner(spec.columns(samples), len(preset.network.channels))
    return past > first and samples >= envelope.segment_frames(spec) * spec.hop + spec.n_fft


def begin(member: Member, window: Window) -> Past:
    """A window computed whole; it must be `long_enough`."""
    preset, network = member.model.preset, member.network
    spec, layers = preset.spectrogram, len(preset.network.channels)
    stride = 1 << layers
    seen = InPieces(_samples([window.samples]), spec, network)
    units = seen.target.shape[2] // stride
    recalled = seen.recalled[..., 1:units]
    inside = seen.target[..., stride : (units - 1) * stride]
    moved = envelope.movement(seen.envelopes, spec)
    return Past(
        window,
        seen.averaged.transpose(1, 2),
        seen.envelopes[:, moved.shape[1] * SEGMENT_STEP :].clone(),
        moved,
        seen.loudness,
        seen.rises,
        seen.target[..., (units - 1) * stride : units * stride].clone(),
        recalled[..., -1:].clone(),
        _sums(seen.layers[-2][..., BY_UNIT : units * BY_UNIT], BY_UNIT),
        _sums(inside[:, None], stride) - network.unit_sums(recalled, inside),
    )


def go_on(
    preset: Preset, stack: Stack, pasts: Sequence[Past], windows: Sequence[Window], by: int
) -> tuple[list[Past], Observation]:
    """The windows that begin ``by`` samples after the past ones; only what is new is computed.

    Args:
        preset: of all machines.
        stack: the machines, all different, as one.
        pasts: of windows of one length, one of each machine.
        windows: that go on from them (`monitor.memcae.sharing.shift`).
        by: a multiple of the preset's grid.

    Returns:
        What is kept of each window, and what all the views look at.
    """
    spec, new = preset.spectrogram, by // preset.grid
    frames, whole = pasts[0].loudness.shape[1], new * preset.unit_frames
    known = pasts[0].averaged.shape[1] * spec.average - whole  # frames of the new window whose columns are known
    end = (frames - 1) * spec.hop + spec.n_fft
    heard = InPieces(_samples([each.samples[known * spec.hop : end] for each in windows]), spec, stack.network)
    fresh = heard.envelopes[:, frames - whole - known :]  # those of a column that was not whole are known
    envelopes = _followed([past.envelopes for past in pasts], fresh)
    moved = envelope.movement(envelopes, spec)
    segments = pasts[0].movement.shape[1]  # of a window; a far step brings one more, of before its beginning
    gone = whole // spec.average
    averaged = _followed([past.averaged[:, gone:] for past in pasts], heard.averaged.transpose(1, 2))
    movement = _followed([past.movement[:, moved.shape[1] :] for past in pasts], moved)
    loudness = _followed([past.loudness[:, whole:] for past in pasts], fresh.mean(dim=2))
    rises = envelope.rises(envelopes[:, -fresh.shape[1] - 1 :])
    target, recalled, texture, missing = _through(preset, stack, pasts, averaged, new)
    seen = _seen(
        preset,
        stack,
        averaged=averaged,
        movement=movement[:, -segments:],
        loudness=loudness,
        rises=_followed([past.rises[:, whole:] for past in pasts], rises),
        texture=texture,
        missing=missing,
    )
    found = []
    for i, window in enumerate(windows):
        row = slice(i, i + 1)
        found.append(
            Past(
                window,
                averaged[row],
                envelopes[row, moved.shape[1] * SEGMENT_STEP :],
                movement[row, -segments:],
                seen.loudness[row],
                seen.rises[row],
                target[row, :, -pasts[0].target.shape[2] :],
                recalled[row, ..., -1:],
                texture[row],
                missing[row],
            )
        )
    return found, seen


def _through(
    preset: Preset, stack: Stack, pasts: Sequence[Past], averaged: Tensor, new: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The new units through the network, behind the last known one: target, recalled, and the sums over all units."""
    network, stride = stack.network, pasts[0].target.shape[2]
    first = pasts[0].loudness.shape[1] // preset.unit_frames - new
    columns = averaged[:, first * stride : (first + new) * stride].transpose(1, 2)
    fresh = network.standardise(in_scale(columns, preset.spectrogram))
    target = _followed([past.target for past in pasts], fresh, dim=2)
    layers = network.layers(target)
    # the known unit's own position feels where the target was cut, and so does what is mirrored behind the last unit
    answers = network.recall(layers[-1][..., 1 : new + 1])
    recalled = _followed([past.recalled for past in pasts], answers, dim=3)
    inside = target[..., : new * stride]
    missing = _sums(inside[:, None], stride) - network.unit_sums(recalled, inside)
    texture = _sums(layers[-2][..., BY_UNIT : (new + 1) * BY_UNIT], BY_UNIT)
    return (
        target,
        recalled,
        _followed([past.texture[:, new:] for past in pasts], texture),
        _followed([past.missing[:, new:] for past in pasts], missing),
    )


def observe(preset: Preset, stack: Stack, pasts: Sequence[Past]) -> Observation:
    """What the views look at of windows that were computed whole, one of each machine of the stack."""
    rows = {
        name: torch.cat([getattr(past, name) for past in pasts])
        for name in ("averaged", "movement", "loudness", "rises", "texture", "missing")
    }
    return _seen(preset, stack, **rows)


def _seen(preset: Preset, stack: Stack, **known: Tensor) -> Observation:
    """An observation of which everything that is asked for is ``known``, by the names of `Past`."""
    stride, units = 1 << len(preset.network.channels), known["missing"].shape[1]
    channels = preset.network.channels[-2]
    texture = known["texture"][:, :units].sum(dim=1) / (units * BY_UNIT)
    seen = Observation(texture.new_empty(0), preset.spectrogram, stack.network)
    vars(seen).update(
        averaged=known["averaged"].transpose(1, 2),
        movement=known["movement"].mean(dim=1),
        loudness=known["loudness"],
        rises=known["rises"],
        texture=texture.view(len(texture), channels, -1),
        missing=known["missing"].sum(dim=1) / (units * stride),
    )
    return seen


def _followed(kept: Sequence[Tensor], fresh: Tensor, dim: int = 1) -> Tensor:
    """What is kept of each window, [1, ...], and behind it, along ``dim``, what is new of all, [B, ...]."""
    return torch.cat([torch.cat(list(kept)), fresh], dim=dim)


def _sums(seen: Tensor, columns: int) -> Tensor:
    """Sums over every so many columns: [B, C, F, T] -> [B, T / columns, C * F]."""
    batch, channels, bins, length = seen.shape
    by_unit: Tensor = seen.reshape(batch, channels * bins, length // columns, columns).sum(dim=3)
    return by_unit.transpose(1, 2)


def _samples(rows: Sequence[np.ndarray[tuple[int], np.dtype[np.float32]]]) -> Tensor:
    return torch.from_numpy(np.stack(rows))
