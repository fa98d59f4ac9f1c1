"""Overlapping windows of `default`: what its views see of a window is made of units of the sound, each computed once.

A unit is the 2^layers columns from one position of the latent to the next, half a second. The views average
over the units inside a window, which do not depend on where it ends (`monitor.memcae.network.inner`), and over the
frames of the transform. So a window that begins a few units after the last one of its machine takes over what the two
share, and its scores are those of the window computed whole, but for rounding (tests/memcae/test_continued.py).

It holds for a preset that says so (`monitor.memcae.preset.Preset.continued`) and for windows that begin on the grid of
the units. The windows of many machines go on together. What the views average over has no order: what is new takes the
place of what is oldest (`monitor.memcae.ring`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from monitor.audio.block import Samples
from monitor.audio.windows import Window
from monitor.memcae import crowd
from monitor.memcae.crowd import Member, Stack
from monitor.memcae.folded import Folded
from monitor.memcae.kernels import Beside
from monitor.memcae.network import inner
from monitor.memcae.onward import Edge, edge
from monitor.memcae.preset import QUIET_BLOCK, SEGMENT_STEP, Preset, SpectrogramSpec
from monitor.memcae.ring import Ring, Rows, Total
from monitor.memcae.spectrogram import averages, in_scale, levels
from monitor.memcae.views import envelope, quiet
from monitor.memcae.views.observation import Observation


@dataclass(slots=True, eq=False)
class Past:
    """What is kept of a machine's last window; `go_on` makes it that of the next one."""

    window: Window
    kept: Tensor
    """Where what is to come joins on, in one piece: `monitor.memcae.onward.Edge.pieces` at the last whole unit; the
    standardised columns of the unit that is not whole yet, [r, F]; the envelopes from where the next segment of
    movement begins, [frames, bands]."""
    shapes: Sequence[torch.Size]
    """Of the pieces."""
    rings: Mapping[str, Ring]
    """What the views order: `levels` [n, F] of the blocks of the quiet level, nepers; `loudness` [frames]; `rises`
    [frames - 1]."""
    totals: Mapping[str, Total]
    """What they average over: `movement` [segments, bands, octaves]; `units` [U, F' * C + F], over every inner unit the
    sums of the encoder's layer before the last and of target less reconstruction."""


def long_enough(preset: Preset, samples: int) -> bool:
    """Whether a window of so many samples has a unit inside, and a whole segment of movement."""
    spec = preset.spectrogram
    first, past = inner(spec.columns(samples), len(preset.network.channels))
    return past > first and samples >= envelope.segment_frames(spec) * spec.hop + spec.n_fft


def begin(member: Member, window: Window) -> Past:
    """A window computed whole; it must be `long_enough`."""
    preset, network = member.model.preset, member.network
    spec, stride = preset.spectrogram, _stride(preset)
    seen = _heard([window.samples], preset, network)
    units = seen.target.shape[2] // stride
    target, inside = seen.target[..., : units * stride], seen.target[..., stride : (units - 1) * stride]
    inputs = [target[:, None], *(layer[..., : units * stride >> at] for at, layer in enumerate(seen.layers[:-1], 1))]
    texture = _by_unit(inputs[-1], units)
    moved = envelope.movement(seen.envelopes, spec)
    last = Edge(
        tuple(_column(layer, layer.shape[3] - 1) for layer in inputs),
        _column(seen.recalled, units - 1),
        texture[:, -1],
        target[..., -stride:].sum(dim=2),
    )
    kept, shapes = _packed(
        [
            *last.pieces(),
            seen.target[..., units * stride :].transpose(1, 2),
            seen.envelopes[:, moved.shape[1] * SEGMENT_STEP :],
        ]
    )
    reconstructed = network.unit_sums(seen.recalled[..., 1:units], inside)
    missing = _by_unit(inside[:, None], units - 2)[..., 0] - reconstructed
    units_of = torch.cat([texture[:, 1:-1].flatten(start_dim=2), missing], dim=2)
    rings = {
        "levels": Ring(_own_levels(_levels(seen.averaged, spec)[0], network)),
        "loudness": Ring(_own(seen.loudness)),
        "rises": Ring(_own(seen.rises)),
    }
    totals = {"movement": Total(_own(moved)), "units": Total(_own(units_of))}
    return Past(window, kept[0], shapes, rings, totals)


def go_on(preset: Preset, stack: Stack, pasts: Sequence[Past], windows: Sequence[Window], by: int) -> None:
    """Make the pasts those of windows that begin ``by`` samples after them; only what is new is computed.

    Args:
        preset: of all machines.
        stack: the machines, all different, as one.
        pasts: of windows of one length, one of each machine; what is left of them after an error is of no use.
        windows: that go on from them (`monitor.memcae.sharing.shift`).
        by: a multiple of the preset's grid.
    """
    spec, frames = preset.spectrogram, preset.spectrogram.frames(len(windows[0].samples))
    whole, block = by // spec.hop, _block(spec)
    known = frames // block * block - whole  # frames of the new window whose blocks, and so columns, are known
    end = (frames - 1) * spec.hop + spec.n_fft
    heard = _heard([each.samples[known * spec.hop : end] for each in windows], preset, stack.network)
    *pieces, columns, envelopes = _unpacked(pasts)
    fresh = heard.averaged[..., frames // spec.average - (known + whole) // spec.average :].transpose(1, 2)
    ahead = torch.cat([columns, stack.network.standardised(in_scale(fresh, spec))], dim=1)
    count = whole // spec.average
    last, texture, missing = stack.onward.go_on(edge(pieces), ahead[:, :count])
    new = heard.envelopes[:, frames - whole - known :]  # those of a block that was not whole are known
    envelopes = torch.cat([envelopes, new], dim=1)
    moved = envelope.movement(envelopes, spec)
    kept, shapes = _packed([*last.pieces(), ahead[:, count:], envelopes[:, moved.shape[1] * SEGMENT_STEP :]])
    ordered = {
        "levels": _levels(heard.averaged, spec).transpose(1, 2).numpy(),
        "loudness": new.mean(dim=2).numpy(),
        "rises": envelope.rises(envelopes[:, -new.shape[1] - 1 :]).numpy(),
    }
    averaged = {
        "movement": moved.contiguous().numpy(),
        "units": torch.cat([texture.flatten(start_dim=2), missing], dim=2).numpy(),
    }
    for i, (past, window) in enumerate(zip(pasts, windows, strict=True)):
        past.window, past.kept, past.shapes = window, kept[i], shapes
        for name, rows in ordered.items():
            past.rings[name].put(rows[i])
        for name, rows in averaged.items():
            past.totals[name].put(rows[i])


def observe(preset: Preset, stack: Stack, pasts: Sequence[Past]) -> Observation:
    """What the views look at of the last windows of the machines of the stack."""
    stride, bins = _stride(preset), preset.spectrogram.bins
    units = _mean(pasts, "units")
    positions = stride >> (len(preset.network.channels) - 1)  # of the layer before the last, in a unit
    texture = units[:, :-bins].view(len(pasts), -1, preset.network.channels[-2]) / positions
    seen = Observation(texture.new_empty(0), preset.spectrogram, stack.network)
    vars(seen).update(
        quiet_db=_quiet_db(stack, [past.rings["levels"] for past in pasts]),
        movement=_mean(pasts, "movement"),
        loudness=_all(pasts, "loudness"),
        rises=_all(pasts, "rises"),
        texture=texture.transpose(1, 2),
        missing=units[:, -bins:] / stride,
    )
    return seen


def _quiet_db(stack: Stack, levels: Sequence[Ring]) -> Tensor:
    """The quiet level of every bin, of the levels of each machine: [B, F]."""
    if stack.network.compiled:
        return quiet.of_rows(Beside([ring.tensor for ring in levels]))
    return quiet.of_levels([ring.tensor.T for ring in levels])


def _stride(preset: Preset) -> int:
    """Columns of a unit."""
    return 1 << len(preset.network.channels)


def _block(spec: SpectrogramSpec) -> int:
    """Frames of a block of the quiet level."""
    return max(spec.average, QUIET_BLOCK)


def _levels(averaged: Tensor, spec: SpectrogramSpec) -> Tensor:
    """The level of every block of the columns' power [B, F, T]: [B, F, n], nepers."""
    return levels(averages(averaged, _block(spec) // spec.average))


def _column(layer: Tensor, at: int) -> Tensor:
    """One position of [B, C, F', T'] as `monitor.memcae.onward` has them: [B, F', C]."""
    return layer[..., at].transpose(1, 2)


def _by_unit(layer: Tensor, units: int) -> Tensor:
    """Sums over every unit of [B, C, F', T'] as `monitor.memcae.onward` has them: [B, units, F', C]."""
    batch, channels, bins, columns = layer.shape
    return layer.reshape(batch, channels, bins, units, columns // units).sum(dim=4).transpose(1, 3)


def _mean(pasts: Sequence[Past], name: str) -> Tensor:
    """The mean over what is kept of each machine."""
    totals = [past.totals[name] for past in pasts]
    return torch.from_numpy(np.stack([each.total for each in totals])) / len(totals[0].rows)


def _own(rows: Tensor) -> Rows:
    """The rows of one machine, [1, ...], in memory of their own."""
    return rows[0].numpy().copy()


def _own_levels(levels: Tensor, network: Folded) -> Rows:
    """The levels [F, n] as rows [n, F], as they are in memory sorted fastest, for that is done again and again."""
    if network.compiled:
        return levels.T.contiguous().numpy()
    return levels.contiguous().numpy().T  # a bin's levels together


def _all(pasts: Sequence[Past], name: str) -> Tensor:
    """What a ring of each machine holds."""
    return torch.stack([past.rings[name].tensor for past in pasts])


def _packed(pieces: Sequence[Tensor]) -> tuple[Tensor, list[torch.Size]]:
    """Pieces [B, ...] as one, [B, n], and the shapes of a machine's."""
    return torch.cat([piece.flatten(start_dim=1) for piece in pieces], dim=1), [piece.shape[1:] for piece in pieces]


def _unpacked(pasts: Sequence[Past]) -> list[Tensor]:
    """The pieces of all machines, [B, ...] each."""
    shapes = pasts[0].shapes
    parts = torch.split(torch.stack([past.kept for past in pasts]), [shape.numel() for shape in shapes], dim=1)
    return [part.view(len(pasts), *shape) for part, shape in zip(parts, shapes, strict=True)]


def _heard(rows: Sequence[Samples], preset: Preset, network: Folded) -> Observation:
    return crowd.observe(torch.from_numpy(np.stack(rows)), preset, network)
