"""A trained network computed by the compiled kernels, on one processor: the same numbers as `Folded`, but for rounding.

A kernel computes alone. Several processors are kept busy by windows beside each other (`monitor.memcae.abreast`), for
which a kernel is made: it lets go of the interpreter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from monitor.memcae import fused_read, kernels
from monitor.memcae.folded import Folded
from monitor.memcae.kernels import LANES, OUTPUTS, Beside, Layers, Slots
from monitor.memcae.network import padding
from monitor.memcae.once import once
from monitor.memcae.onward import Edge, Onward, followed, heightened
from monitor.memcae.parts import Layer, Parts
from monitor.memcae.preset import Preset


def can(preset: Preset) -> bool:
    """Whether there are kernels here and they compute all of ``preset``."""
    spec = preset.network
    sizes = all(size % OUTPUTS == 0 for size in spec.channels) and kernels.transforms(preset.spectrogram.n_fft)
    return sizes and spec.decoder and 0 <= spec.leak <= 1 and kernels.available()


@dataclass(frozen=True, eq=False)
class Packed:
    """One network's numbers as the kernels want them; made once, however many networks it comes beside."""

    part: Parts

    @once
    def down(self) -> list[Layers]:
        """The encoder."""
        return [_layer(*layer) for layer in self.part.encoder]

    @once
    def up(self) -> list[Layers]:
        """The decoder but its last layer."""
        return [_layer(*layer, up=True) for layer in self._ups()]

    @once
    def down_in_time(self) -> list[Layers]:
        """The encoder for what has time before frequency."""
        return [_layer(*layer, time_first=True) for layer in self.part.encoder]

    @once
    def up_in_time(self) -> list[Layers]:
        """The decoder but its last layer, likewise."""
        return [_layer(*layer, up=True, time_first=True) for layer in self._ups()]

    @once
    def last(self) -> Layers:
        """The decoder's last layer; there is one."""
        weight, bias = self.part.last or (torch.empty(0, 1, 3, 3), torch.empty(0))
        taps = weight[:, 0].flatten(start_dim=1)
        return Layers(Beside([F.pad(taps, (0, LANES - taps.shape[1]))]), Beside([bias]))

    @once
    def slots(self) -> Slots | None:
        """The memory; None where the network reads it itself, or there is none."""
        reading = self.part.reading
        if reading is None:
            return None
        keys = F.pad(reading.keys[0].T, (0, -reading.keys.shape[1] % LANES)).contiguous()
        centring = reading.centring
        offset_scale = None if centring is None else (Beside([centring[0][0, 0]]), Beside([centring[1][0, 0]]))
        return Slots(Beside([keys]), Beside([reading.values[0]]), offset_scale)

    def _ups(self) -> list[Layer]:
        part = self.part
        return [(weight, bias[: weight.shape[1]]) for weight, (_, bias) in zip(part.ups, part.inner, strict=True)]


class Compiled(Folded):
    """One network for a batch of any size, or G networks for batches of exactly G windows; of a preset that we `can`.

    Args:
        parts: of networks of one specification.
        brief: as `Folded` has it.
        packed: what was made of each part before.
    """

    compiled = True

    def __init__(self, parts: Sequence[Parts], *, brief: bool = False, packed: Sequence[Packed] | None = None) -> None:
        self.packed = [Packed(part) for part in parts] if packed is None else packed
        super().__init__(parts, brief=brief)

    def _arrange(self, *, brief: bool) -> None:
        packed = self.packed
        self._down = _beside([each.down for each in packed])
        self._up = _beside([each.up for each in packed])
        self._outermost = _beside([[each.last] for each in packed])[0]
        slots = [each.slots for each in packed if each.slots is not None]
        self._slots = _slots(slots) if slots else None
        memory = self._networks[0].memory if brief and slots and len(packed) == 1 else None
        self._brief = None
        if memory is not None:
            self._brief = fused_read.brief_reader(memory, kernels.exponentials_)

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
        network = self._network
        packed = network.packed if isinstance(network, Compiled) else [Packed(part) for part in network.parts]
        self._down = _beside([each.down_in_time for each in packed])
        self._up = _beside([each.up_in_time for each in packed])

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


def together(networks: Sequence[Folded]) -> Folded:
    """Networks of one specification, each made ready in the same way, as one."""
    parts = [part for each in networks for part in each.parts]
    if not all(isinstance(each, Compiled) for each in networks):
        return Folded(parts)
    return Compiled(parts, packed=[one for each in networks if isinstance(each, Compiled) for one in each.packed])


def _layer(weight: Tensor, bias: Tensor, *, up: bool = False, time_first: bool = False) -> Layers:
    """One layer as the kernels want it.

    Args:
        weight: [outputs, inputs, 3, 3], frequency before time.
        bias: [outputs].
        up: weights of a transposed convolution, [inputs, outputs, 3, 3].
        time_first: for what has time before frequency.
    """
    order = [3, 2] if time_first else [2, 3]
    return Layers(
        Beside([weight.permute(*order, *((0, 1) if up else (1, 0))).contiguous()]), Beside([bias.contiguous()])
    )


def _beside(networks: Sequence[Sequence[Layers]]) -> list[Layers]:
    """Every layer of all networks beside each other."""
    return [
        Layers(kernels.beside([one.weight for one in each]), kernels.beside([one.bias for one in each]))
        for each in zip(*networks, strict=True)
    ]


def _slots(memories: Sequence[Slots]) -> Slots:
    centrings = [each.centring for each in memories if each.centring is not None]
    centring = None
    if centrings:
        offsets, scales = zip(*centrings, strict=True)
        centring = kernels.beside(offsets), kernels.beside(scales)
    keys, values = (each.keys for each in memories), (each.values for each in memories)
    return Slots(kernels.beside([*keys]), kernels.beside([*values]), centring)
