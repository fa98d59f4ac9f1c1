"""A trained network taken apart for scoring: the same numbers as `MemCAE`, rearranged so that there is less to compute.

- Batch normalisation is folded into the convolution before it.
- A transposed convolution of stride 2 is an ordinary one that gives the four phases of its output, interleaved after.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor, nn

from monitor.memcae import fused_read
from monitor.memcae.fused_read import Reading
from monitor.memcae.network import MemCAE

Layer: TypeAlias = tuple[Tensor, Tensor]
"""Weights and bias."""


@dataclass(frozen=True, slots=True, eq=False)
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
