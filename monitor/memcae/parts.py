"""A trained network taken apart for scoring: the same numbers as `MemCAE`, rearranged so that there is less to compute.

- Batch normalisation is folded into the convolution before it.
- A transposed convolution of stride 2 is an ordinary one that gives the four phases of its output, interleaved after.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from monitor.memcae import fused_read
from monitor.memcae.fused_read import Reading
from monitor.memcae.kernels import LANES, Beside, Layers, Slots
from monitor.memcae.network import MemCAE
from monitor.memcae.once import once

Layer: TypeAlias = tuple[Tensor, Tensor]
"""Weights and bias."""


@dataclass(frozen=True, eq=False)
class Parts:
    """One network rearranged; layers are weights and bias."""

    network: MemCAE
    encoder: tuple[Layer, ...]
    reading: Reading | None
    """None where the memory is read as the network reads it, or there is none."""
    inner: tuple[Layer, ...]
    """The decoder's layers but the last, each as its four phases."""
    ups: tuple[Tensor, ...]
    """The weights of the same as they stand."""
    outer: Layer | None
    """The last layer as its four phases; None without a decoder."""
    last: Layer | None
    """The last layer as it stands."""

    @once
    def packed(self) -> Packed:
        """The same for the compiled kernels."""
        return Packed(self)


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
        """The decoder's last layer.

        Raises:
            RuntimeError: the network has no decoder.
        """
        if self.part.last is None:
            raise RuntimeError("the network has no decoder (its spec says so)")
        weight, bias = self.part.last
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


@torch.inference_mode()
def parts_of(network: MemCAE) -> Parts:
    """``network``, trained and in evaluation mode, rearranged; it is not changed."""
    memory, decoder = network.memory, network.decoder
    reading = fused_read.reader(memory) if memory is not None and not memory.threshold > 0 else None
    encoder = tuple(_folded(layer) for layer in network.encoder)
    if decoder is None:
        return Parts(network, encoder, reading, (), (), None, None)
    layers = [_folded_up(layer) for layer in list(decoder)[:-1]]
    held = list(decoder)[-1].state_dict()
    last = held["weight"], held["bias"]
    inner = tuple(_phases(*layer) for layer in layers)
    return Parts(network, encoder, reading, inner, tuple(weight for weight, _ in layers), _phases(*last), last)


def _folded(layer: nn.Module) -> tuple[Tensor, Tensor]:
    """Convolution and batch normalisation as one convolution: weights [out, in, 3, 3] and bias."""
    weight, gain, bias = _with_gain(layer)
    return weight * gain[:, None, None, None], bias


def _folded_up(layer: nn.Module) -> tuple[Tensor, Tensor]:
    """The same for a transposed convolution, whose weights are [in, out, 3, 3]."""
    weight, gain, bias = _with_gain(layer)
    return weight * gain[None, :, None, None], bias


def _with_gain(layer: nn.Module) -> tuple[Tensor, Tensor, Tensor]:
    """The convolution's weights, what the normalisation multiplies each channel by, and what it then adds."""
    held: dict[str, Tensor] = layer.state_dict()
    (eps,) = (each.eps for each in layer.children() if isinstance(each, nn.BatchNorm2d))
    gain = held["1.weight"] / (held["1.running_var"] + eps).sqrt()
    return held["0.weight"], gain, (held["0.bias"] - held["1.running_mean"]) * gain + held["1.bias"]


def _phases(weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """A transposed convolution [in, out, 3, 3] of stride 2 and padding 1 as a 2 x 2 one: [4 * out, in, 2, 2].

    Output 2i is w[1] x[i], output 2i + 1 is w[2] x[i] + w[0] x[i + 1], along either axis.
    """
    taps = {0: ((0, 1),), 1: ((0, 2), (1, 0))}  # phase -> (offset of x, index of w)
    inputs, outputs = weight.shape[:2]
    found = weight.new_zeros(2, 2, outputs, inputs, 2, 2)
    for row, rows in taps.items():
        for column, columns in taps.items():
            for y, i in rows:
                for x, j in columns:
                    found[row, column, :, :, y, x] = weight[:, :, i, j].T
    return found.reshape(4 * outputs, inputs, 2, 2), bias.repeat(4)


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
