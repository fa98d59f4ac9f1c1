"""Networks on the columns that follow those they have seen: nothing that was computed is computed again.

A convolution 3 wide of stride 2 needs one column of its input from before the new ones, a transposed one, of stride 2
as well, one position from behind those that it answers for. So of every layer one position is kept, its edge.

New columns are few, and convolutions of few columns are slow, in a group of several networks slower still (measured on
two processors, 16 machines of `default`: 0.45 ms a machine). Here they are batched products of matrices: the patches
under the kernel, one row each, times the weights of each network.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from monitor.memcae.folded import Folded, interleaved
from monitor.memcae.network import padding
from monitor.memcae.parts import Layer

KERNEL = 3
"""Wide and high."""


@dataclass(frozen=True, slots=True, eq=False)
class Edge:
    """What is kept of the columns of G machines; time comes before frequency, and channels come last."""

    inputs: tuple[Tensor, ...]
    """Of every encoder layer the last column that it saw, [G, F', C]: that of the target first."""
    recalled: Tensor
    """[G, F', C], the memory's answer at the last position."""
    texture: Tensor
    """[G, F', C], the sum over the last unit of the encoder's layer before the last."""
    target: Tensor
    """[G, F], the sum of the last unit's columns."""

    def pieces(self) -> tuple[Tensor, ...]:
        """All of it, in the order of the fields."""
        return (*self.inputs, self.recalled, self.texture, self.target)


def edge(pieces: Sequence[Tensor]) -> Edge:
    """The edge with these `Edge.pieces`."""
    return Edge(tuple(pieces[:-3]), *pieces[-3:])


class Onward:
    """G networks of one specification, each for the columns of its own machine.

    Args:
        network: as one (`monitor.memcae.folded`), with a decoder.
    """

    @torch.inference_mode()
    def __init__(self, network: Folded) -> None:
        self._network = network
        self._leak = network.spec.leak
        self._layers = len(network.spec.channels)
        parts = network.parts
        self._arrange()
        lasts = [part.last for part in parts if part.last is not None]
        kernels = torch.stack([weight[:, 0] for weight, _ in lasts])  # [G, C, 3, 3], frequency before time
        # what every column adds, and what the first one of the next unit adds in place of one's own first
        self._last = torch.cat([kernels.sum(dim=3), kernels[..., 0]], dim=1)  # [G, 2 C, 3]
        self._last_bias = torch.stack([bias for _, bias in lasts])[:, None]  # [G, 1, 1]

    def _arrange(self) -> None:
        """Make the layers but the last ready."""
        parts = self._network.parts
        self._encoder = [_beside(each, _as_product) for each in zip(*(part.encoder for part in parts), strict=True)]
        self._inner = [_beside(each, _as_phases) for each in zip(*(part.inner for part in parts), strict=True)]

    def go_on(self, before: Edge, columns: Tensor) -> tuple[Edge, Tensor, Tensor]:
        """The columns that follow ``before``, which has the last unit's sums.

        Args:
            before: of the columns up to these.
            columns: [G, n * 2^layers, F], standardised, of n new units.

        Returns:
            The new edge, and of n units, from the one before the new ones on: the sum of the encoder's layer before the
            last, [G, n, F', C], and the sum of target less reconstruction, [G, n, F].
        """
        units = columns.shape[1] >> self._layers
        inputs, latent = self._encoded(before, columns)
        answers = self._network.recall(latent.permute(0, 3, 2, 1)).permute(0, 3, 2, 1)
        recalled = followed(before.recalled, answers)
        textures = followed(before.texture, _sums(inputs[-1][:, 1:], units))
        targets = followed(before.target, _sums(columns, units))
        after = Edge(tuple(layer[:, -1] for layer in inputs), recalled[:, -1], textures[:, -1], targets[:, -1])
        return after, textures[:, :-1], targets[:, :-1] - self._decoded(recalled, columns)

    def _encoded(self, before: Edge, columns: Tensor) -> tuple[list[Tensor], Tensor]:
        """What each encoder layer sees, behind the column that was kept, and what the last gives: [G, T, F', C]."""
        inputs, seen = [], columns[..., None]
        above = padding(columns.shape[2], self._layers)
        for kept, (weight, bias) in zip(before.inputs, self._encoder, strict=True):
            inputs.append(followed(kept, seen))
            seen = self._answered(F.pad(heightened(inputs[-1], above), (0, 0, 1, 1)), weight, bias, KERNEL, 2)
            above = 0  # what a layer gives is as high as the next one wants it
        return inputs, seen

    def _decoded(self, recalled: Tensor, columns: Tensor) -> Tensor:
        """The sums over units of what comes back from the positions [G, n + 1, F', C]: [G, n, F]."""
        hidden, units = self._hidden(recalled), recalled.shape[1] - 1
        half = (hidden.shape[1] - 1) // units  # two columns come of each of these
        inside = _sums(hidden[:, :-1], units)
        turned = hidden[:, half::half] - hidden[:, :-1:half]
        batch, _, height, channels = inside.shape
        sums = torch.cat([inside, turned], dim=3).view(batch, units * height, 2 * channels)
        rows = torch.bmm(sums, self._last).view(batch, units, height, KERNEL)
        return (interleaved(rows) + 2 * half * self._last_bias)[..., : columns.shape[2]]

    def _hidden(self, recalled: Tensor) -> Tensor:
        """What the last layer of the decoder sees: [G, T, F', C] -> [G, T', F'', C']."""
        hidden = recalled
        for weight, bias in self._inner:
            # zeros lie beyond; what the last row and column give to their odd phase counts for nothing
            phases = self._answered(F.pad(hidden, (0, 0, 0, 1, 0, 1)), weight, bias, 2, 1)
            batch, length, height, channels = phases.shape
            apart = phases.view(batch, length, height, 2, channels // 2).transpose(2, 3)
            hidden = apart.reshape(batch, 2 * length, 2 * height, channels // 4)[:, :-1, :-1]
        return hidden

    def _answered(self, seen: Tensor, weight: Tensor, bias: Tensor, size: int, step: int) -> Tensor:
        """A layer with its LeakyReLU: [G, T, F', C] -> [G, T', F'', C']."""
        patches, length, height = _patches(seen, size, step)
        answers = torch.bmm(patches, weight).add_(bias)
        return F.leaky_relu_(answers, self._leak).view(len(seen), length, height, -1)


def heightened(seen: Tensor, above: int) -> Tensor:
    """[G, T, F', C] with its highest row so many times more."""
    return torch.cat([seen, seen[:, :, -1:].expand(-1, -1, above, -1)], dim=2) if above else seen


def _patches(seen: Tensor, size: int, step: int) -> tuple[Tensor, int, int]:
    """What lies under a kernel at every place: [G, T, F', C] -> [G, T' * F'', size^2 * C], T' and F''."""
    seen = seen.contiguous()
    batch, columns, bins, channels = seen.shape
    length, height = (columns - size) // step + 1, (bins - size) // step + 1
    far, along, up, _ = seen.stride()
    if channels == 1:  # one value at a time is slow to gather: whole rows of places are, and the product turns them
        sizes, strides = (batch, size, size, length, height), (far, along, up, step * along, step * up)
        places = seen.as_strided(sizes, strides).reshape(batch, size * size, length * height)
        return places.transpose(1, 2), length, height
    sizes, strides = (batch, length, height, size, size * channels), (far, step * along, step * up, along, 1)
    return seen.as_strided(sizes, strides).reshape(batch, length * height, -1), length, height


def _beside(layers: Sequence[Layer], arranged: Callable[[Tensor], Tensor]) -> Layer:
    """One layer of G networks: weights [G, K, C'] and bias [G, 1, C']."""
    return torch.stack([arranged(weight) for weight, _ in layers]), torch.stack([bias[None] for _, bias in layers])


def _as_product(weight: Tensor) -> Tensor:
    """A convolution [C', C, 3, 3], frequency before time, for patches of time, frequency and channel: [9 C, C']."""
    return weight.permute(3, 2, 1, 0).reshape(-1, len(weight))


def _as_phases(weight: Tensor) -> Tensor:
    """The phases [4 C', C, 2, 2] of a transposed one (`monitor.memcae.folded`) likewise: [4 C, 4 C'], time first."""
    outputs, inputs = len(weight) // 4, weight.shape[1]
    parts = weight.view(2, 2, outputs, inputs, 2, 2)  # phase of frequency, of time, C', C, frequency, time
    return parts.permute(5, 4, 3, 1, 0, 2).reshape(4 * inputs, 4 * outputs)


def followed(kept: Tensor, fresh: Tensor) -> Tensor:
    """[G, ...] as the first of [G, n, ...]."""
    return torch.cat([kept[:, None], fresh], dim=1)


def _sums(seen: Tensor, parts: int) -> Tensor:
    """Sums over equal parts of the columns: [G, T, ...] -> [G, parts, ...]."""
    batch, columns, *rest = seen.shape
    return seen.reshape(batch, parts, columns // parts, *rest).sum(dim=2)
