"""Overlapping windows of `default`: what its views see of a window is made of units of the sound, each computed once.

A unit is the 2^layers columns from one position of the latent to the next, a quarter of a second. The views average
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
from monitor.memcae import crowd
from monitor.memcae.crowd import Member
from monitor.memcae.model import ViewScores
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
    """[U - 1, d], the sum over each unit of the encoder's layer before the last, from unit 1 on."""
    missing: Tensor
    """[U - 2, F], the sum over each unit of target less reconstruction, from unit 1 on."""


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
        _sums((inside - network.decode(recalled, inside))[:, None], stride),
    )


def go_on(members: Sequence[Member], pasts: Sequence[Past], windows: Sequence[Window], by: int) -> list[Past]:
    """The windows that begin ``by`` samples after the past ones; only what is new is computed.

    Args:
        members: of one preset and different machines.
        pasts: of windows of one length.
        windows: that go on from them (`monitor.memcae.sharing.shift`).
        by: a multiple of the preset's grid.
    """
    preset = members[0].model.preset
    spec, new = preset.spectrogram, by // preset.grid
    frames, whole = pasts[0].loudness.shape[1], new * preset.unit_frames
    known = pasts[0].averaged.shape[1] * spec.average - whole  # frames of the new window whose columns are known
    end = (frames - 1) * spec.hop + spec.n_fft
    heard = InPieces(_samples([each.samples[known * spec.hop : end] for each in windows]), spec, members[0].network)
    fresh = heard.envelopes[:, frames - whole - known :]  # those of a column that was not whole are known
    envelopes = torch.cat([torch.cat([past.envelopes for past in pasts]), fresh], dim=1)
    movement = envelope.movement(envelopes, spec)
    rises = envelope.rises(envelopes[:, -fresh.shape[1] - 1 :])
    gone = whole // spec.average
    averaged = torch.cat(
        [torch.cat([past.averaged[:, gone:] for past in pasts]), heard.averaged.transpose(1, 2)], dim=1
    )
    past_units = frames // preset.unit_frames - new  # of the new window
    stride = 1 << len(preset.network.channels)
    columns = in_scale(averaged[:, past_units * stride : (past_units + new) * stride].transpose(1, 2), spec)
    segments = pasts[0].movement.shape[1]  # of a window; a far step brings one more, of before its beginning
    found = []
    for i, (member, past, window) in enumerate(zip(members, pasts, windows, strict=True)):
        row = slice(i, i + 1)
        target = torch.cat([past.target, member.network.standardise(columns[row])], dim=2)
        recalled, texture, missing = _through(member, past, target, new)
        found.append(
            Past(
                window,
                averaged[row],
                envelopes[row, movement.shape[1] * SEGMENT_STEP :].clone(),
                torch.cat([past.movement[:, movement.shape[1] :], movement[row]], dim=1)[:, -segments:],
                torch.cat([past.loudness[:, whole:], fresh[row].mean(dim=2)], dim=1),
                torch.cat([past.rises[:, whole:], rises[row]], dim=1),
                target[..., -past.target.shape[2] :].clone(),
                recalled[..., -1:].clone(),
                torch.cat([past.texture[new:], texture]),
                torch.cat([past.missing[new:], missing]),
            )
        )
    return found


def _through(member: Member, past: Past, target: Tensor, new: int) -> tuple[Tensor, Tensor, Tensor]:
    """The new units through the network, behind the last known one that ``target`` begins with."""
    layers = member.network.layers(target)
    stride = past.target.shape[2]
    # the known unit's own position feels where the target was cut, and so does what is mirrored behind the last unit
    recalled = torch.cat([past.recalled, member.network.recall(layers[-1][..., 1 : new + 1])], dim=3)
    texture = _sums(layers[-2][..., BY_UNIT : (new + 1) * BY_UNIT], BY_UNIT)
    inside = target[..., : new * stride]
    return recalled, texture, _sums((inside - member.network.decode(recalled, inside))[:, None], stride)


def judge(members: Sequence[Member], pasts: Sequence[Past]) -> ViewScores:
    """What each machine's model says of its window; members of one preset, windows of one length."""
    preset = members[0].model.preset
    stride = 1 << len(preset.network.channels)
    units = pasts[0].missing.shape[0]
    channels = preset.network.channels[-2]
    texture = torch.stack([past.texture[:units].sum(dim=0) for past in pasts]) / (units * BY_UNIT)
    seen = Observation(texture.new_empty(0), preset.spectrogram, members[0].network)
    vars(seen).update(
        averaged=torch.cat([past.averaged for past in pasts]).transpose(1, 2),
        movement=torch.cat([past.movement for past in pasts]).mean(dim=1),
        loudness=torch.cat([past.loudness for past in pasts]),
        rises=torch.cat([past.rises for past in pasts]),
        texture=texture.view(len(pasts), channels, -1),
        missing=torch.stack([past.missing.sum(dim=0) for past in pasts]) / (units * stride),
    )
    return crowd.judge_seen(members, seen)


def _sums(seen: Tensor, columns: int) -> Tensor:
    """Sums over every so many columns: [1, C, F, T] -> [T / columns, C * F]."""
    channels, bins, length = seen.shape[1:]
    by_unit: Tensor = seen[0].reshape(channels * bins, length // columns, columns).sum(dim=2)
    return by_unit.T.contiguous()


def _samples(rows: Sequence[np.ndarray[tuple[int], np.dtype[np.float32]]]) -> Tensor:
    return torch.from_numpy(np.stack(rows))
