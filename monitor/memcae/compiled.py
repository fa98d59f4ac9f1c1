"""A trained network computed by the compiled kernels, on one processor: the same numbers as `Folded`, but for rounding.

A kernel computes alone. Several processors are kept busy by windows beside each other (`monitor.memcae.abreast`), for
which a kernel is made: it lets go of the interpreter.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from torch import Tensor
from torch.nn import functional as F

from monitor.memcae import kernels
from monitor.memcae.folded import Folded
from monitor.memcae.kernels import OUTPUTS, Layers, Slots
from monitor.memcae.network import padded, padding
from monitor.memcae.onward import Edge, Onward, followed, heightened
from monitor.memcae.preset import Preset


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

    _exponentials_ = staticmethod(kernels.exponentials_)

    def _arrange(self) -> None:
        packed = [part.packed for part in self.parts]
        self._down = _beside([each.down for each in packed])
        self._up = _beside([each.up for each in packed])
        (self._outermost,) = _beside([[each.last] for each in packed])
        memories = [each.slots for each in packed if each.slots is not None]
        self._read = partial(kernels.attend, slots=_slots(memories)) if memories else None

    def layers(self, target: Tensor) -> tuple[Tensor, ...]:
        """As `MemCAE.layers`."""
        seen = padded(target, len(self._down))[:, 0, :, :, None]
        found = []
        for layer in self._down:
            seen = kernels.down(seen, layer, self.spec.leak)
            found.append(seen.permute(0, 3, 1, 2))
        return tuple(found)

    def decode(self, recalled: Tensor, target: Tensor) -> Tensor:
        """As `MemCAE.decode`."""
        hidden = self._hidden(recalled).permute(0, 2, 3, 1)
        return kernels.last(hidden, self._outermost, target.shape[1], target.shape[2])

    def _hidden(self, recalled: Tensor) -> Tensor:
        seen = F.pad(recalled.permute(0, 2, 3, 1), (0, 0, 0, 1, 0, 1))
        for layer in self._up:
            seen = kernels.up(seen, layer, self.spec.leak)
        return seen.permute(0, 3, 1, 2)


class CompiledOnward(Onward):
    """G networks for the columns that follow those they have seen."""

    def _arrange(self) -> None:
        packed = [part.packed for part in self._network.parts]
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
