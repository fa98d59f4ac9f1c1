"""A trained network computed by the compiled kernels, on one processor: the same numbers as `Folded`, but for rounding.

A kernel computes alone. Several processors are kept busy by windows beside each other (`monitor.memcae.abreast`), for
which a kernel is made: it lets go of the interpreter.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from monitor.memcae import fused_read, kernels
from monitor.memcae.folded import Folded
from monitor.memcae.fused_read import Reading
from monitor.memcae.kernels import LANES, OUTPUTS, Layers, Slots
from monitor.memcae.network import padding
from monitor.memcae.onward import Edge, Onward, followed, heightened
from monitor.memcae.parts import Layer, Parts
from monitor.memcae.preset import Preset

BRIEF_BLOCK = 256
"""Queries read in bfloat16 at a time: their 1 MB of weights fit the second cache. Measured on one core: 9.9 ms a window
of `paper`, 10.9 with 512, 12.0 with 1024."""


def can(preset: Preset) -> bool:
    """Whether there are kernels here and they compute all of ``preset``."""
    spec = preset.network
    sizes = all(size % OUTPUTS == 0 for size in spec.channels) and kernels.transforms(preset.spectrogram.n_fft)
    return sizes and spec.decoder and 0 <= spec.leak <= 1 and kernels.available()


class Compiled(Folded):
    """One network for a batch of any size, or G networks for batches of exactly G windows; of a preset that we `can`.

    Args:
        parts: of networks of one specification.
        brief: as `Folded` has it.
    """

    compiled = True

    def _arrange(self, *, brief: bool) -> None:
        parts = self.parts
        self._down = [beside(each) for each in zip(*(part.encoder for part in parts), strict=True)]
        self._up = [beside(each, up=True) for each in zip(*(_ups(part) for part in parts), strict=True)]
        taps = self._last.flatten(start_dim=2)
        self._outermost = Layers(F.pad(taps, (0, LANES - taps.shape[2])), self._last_bias)
        readings = [part.reading for part in parts if part.reading is not None]
        self._slots = _slots(readings) if readings else None
        memory = self._networks[0].memory if brief and readings and len(parts) == 1 else None
        self._brief = None
        if memory is not None:
            self._brief = fused_read.brief_reader(memory, kernels.exponentials_, BRIEF_BLOCK)

    def layers(self, target: Tensor) -> tuple[Tensor, ...]:
        """As `MemCAE.layers`."""
        count = len(self._down)
        wide = (0, padding(target.shape[2], count), 0, padding(target.shape[1], count))
        seen = F.pad(target[:, None], wide, mode="replicate")[:, 0, :, :, None] if any(wide) else target[..., None]
        found = []
        for layer in self._down:
            seen = kernels.down(seen, layer, self.spec.leak)
            found.append(seen.permute(0, 3, 1, 2))
        return tuple(found)

    def decode(self, recalled: Tensor, target: Tensor) -> Tensor:
        """As `MemCAE.decode`."""
        hidden = self._hidden(recalled).permute(0, 2, 3, 1)
        return kernels.last(hidden, self._outermost, target.shape[1], target.shape[2])

    def _recalled(self, queries: Tensor) -> Tensor | None:
        if self._slots is None:
            return None
        if self._brief is not None:
            return torch.stack([self._brief(each) for each in queries])
        return kernels.attend(queries, self._slots)

    def _hidden(self, recalled: Tensor) -> Tensor:
        seen = F.pad(recalled.permute(0, 2, 3, 1), (0, 0, 0, 1, 0, 1))
        for layer in self._up:
            seen = kernels.up(seen, layer, self.spec.leak)
        return seen.permute(0, 3, 1, 2)


class CompiledOnward(Onward):
    """G networks for the columns that follow those they have seen."""

    def _arrange(self) -> None:
        parts = self._network.parts
        self._down = [beside(each, time_first=True) for each in zip(*(part.encoder for part in parts), strict=True)]
        self._up = [
            beside(each, up=True, time_first=True) for each in zip(*(_ups(part) for part in parts), strict=True)
        ]

    def _encoded(self, before: Edge, columns: Tensor) -> tuple[list[Tensor], Tensor]:
        inputs, seen = [], columns[..., None]
        above = padding(columns.shape[2], self._layers)
        for kept, layer in zip(before.inputs, self._down, strict=True):
            inputs.append(followed(kept, seen))
            seen = kernels.down(heightened(inputs[-1], above), layer, self._leak, top=False)
            above = 0
        return inputs, seen

    def _hidden(self, recalled: Tensor) -> Tensor:
        seen = F.pad(recalled, (0, 0, 0, 1, 0, 1))
        for layer in self._up:
            seen = kernels.up(seen, layer, self._leak)
        return seen[:, :-1, :-1]


def beside(layers: Sequence[Layer], *, up: bool = False, time_first: bool = False) -> Layers:
    """One layer of several networks, as the kernels want it.

    Args:
        layers: weights [outputs, inputs, 3, 3], frequency before time, and bias.
        up: weights of transposed convolutions, [inputs, outputs, 3, 3].
        time_first: for what has time before frequency.
    """
    order = [3, 2] if time_first else [2, 3]
    weights = [weight.permute(*order, *((0, 1) if up else (1, 0))) for weight, _ in layers]
    return Layers(torch.stack(weights).contiguous(), torch.stack([bias for _, bias in layers]))


def _ups(part: Parts) -> list[Layer]:
    """The decoder's layers but the last as they stand."""
    return [(weight, bias[: weight.shape[1]]) for weight, (_, bias) in zip(part.ups, part.inner, strict=True)]


def _slots(readings: Sequence[Reading]) -> Slots:
    together = fused_read.beside(readings)
    keys = F.pad(together.keys.transpose(1, 2), (0, -together.keys.shape[1] % LANES))
    centring = together.centring
    if centring is not None:
        centring = centring[0].contiguous(), centring[1].contiguous()
    return Slots(keys.contiguous(), together.values.contiguous(), centring)
