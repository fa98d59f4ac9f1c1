"""The compiled kernels on tensors: float32, contiguous, on a processor; everything is checked here, nothing there.

Where there is no library (`available`), none of these may be called.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from monitor.memcae.native.library import best, library

LANES = 16
"""Slots of a memory and weights of the last layer are padded to a multiple of this."""

OUTPUTS = 8
"""Channels that a layer gives, and values of a slot, come in multiples of this."""


def available() -> bool:
    """Whether there is a library that this processor can run."""
    return library() is not None


def build() -> str | None:
    """What kind of processor the library is for: `avx512`, `avx2` or `plain`; None where there is none."""
    found = best()
    return None if found is None else found[0]


def transforms(size: int) -> bool:
    """Whether frames of ``size`` samples can be transformed: 2 * 4^k, at least 8."""
    return size >= 8 and size.bit_count() == 1 and size.bit_length() % 2 == 0


class Beside:
    """Tensors of one network, or of several beside each other: where each lies in memory, nothing is copied.

    Args:
        tensors: at least one, float32, contiguous.
    """

    __slots__ = ("pointers", "tensors")

    def __init__(self, tensors: Sequence[Tensor]) -> None:
        self.tensors = tuple(tensors)
        self.pointers = (ctypes.c_void_p * len(tensors))(*map(_at, tensors))

    def __len__(self) -> int:
        return len(self.tensors)

    @property
    def shape(self) -> torch.Size:
        """Of the first."""
        return self.tensors[0].shape


def beside(several: Sequence[Beside]) -> Beside:
    """All of them as one."""
    return Beside([tensor for each in several for tensor in each.tensors])


@dataclass(frozen=True, slots=True, eq=False)
class Bands:
    """Shares of neighbouring bins in a few bands."""

    weights: Tensor
    """[bands, bins]."""
    spans: Tensor
    """[bands, 2], int32: the first bin of each and the one after its last."""


def bands(weights: Tensor) -> Bands:
    """Those of [bins, bands]; every band has a bin."""
    held = weights.T.contiguous()
    inside = (held != 0).int()
    spans = torch.stack([inside.argmax(dim=1), held.shape[1] - inside.flip(1).argmax(dim=1)], dim=1)
    return Bands(held, spans.int().contiguous())


def hear(
    samples: Tensor, window: Tensor, hop: int, average: int, frames: int, loud: Bands | None = None
) -> tuple[Tensor, Tensor]:
    """The power of the short-time Fourier transform: [B, n] -> [B, frames // average, bins] and [B, frames, bands].

    Args:
        samples: of which the last frame does not go beyond the end.
        window: [size], by which every frame is weighted.
        hop: samples between frames.
        average: frames whose mean power is a column.
        frames: of every window.
        loud: what the frames' power is added up over; None is no band.
    """
    batch, length = samples.shape
    size, count = len(window), 0 if loud is None else len(loud.weights)
    if not transforms(size) or (frames - 1) * hop + size > length or average < 1:
        raise ValueError(f"{frames} frames of {size} samples, {hop} apart, of {length} samples")
    columns = samples.new_empty(batch, frames // average, size // 2 + 1)
    levels = samples.new_empty(batch, frames, count)
    weights, spans = (None, None) if loud is None else (loud.weights, loud.spans)
    _library().hear(
        *(_at(samples), batch, length, _at(window), size, hop, average, frames),
        *(_at(weights), _at(spans, torch.int32), count, _at(columns), _at(levels)),
    )
    return columns, levels


def quietest(rows: Beside, count: int, floor: float = 0.0) -> Tensor:
    """The sum over the ``count`` least of every column: B times [n, width] -> [B, width].

    Args:
        rows: alike in shape; if floor is not 0, greater than -floor and up to 1e18.
        count: up to n.
        floor: if it is not 0, what is added up is ln(x + floor) / 2.
    """
    length, width = rows.shape
    if not 0 < count <= length or any(each.shape != rows.shape for each in rows.tensors):
        raise ValueError(f"the least {count} of {[*map(len, rows.tensors)]}")
    sums = rows.tensors[0].new_empty(len(rows), width)
    _library().quietest(rows.pointers, len(rows), length, width, count, floor, _at(sums))
    return sums


@dataclass(frozen=True, slots=True, eq=False)
class Layers:
    """A layer of one network, or of G networks for a batch of exactly G."""

    weight: Beside
    """[3, 3, inputs, outputs] each, down and across the input as it lies in memory; of `last` [inputs, 16]."""
    bias: Beside
    """[outputs] each."""

    @property
    def outputs(self) -> int:
        """Channels that come out."""
        return self.weight.shape[-1]


def down(seen: Tensor, layers: Layers, slope: float, *, top: bool = True) -> Tensor:
    """A convolution of stride 2 and its LeakyReLU: [B, H, W, C] -> [B, H', W', C'].

    Args:
        seen: one row of zeros lies beyond each of its ends and is not given.
        layers: outputs a multiple of `OUTPUTS`.
        slope: of the LeakyReLU below 0, at most 1.
        top: whether there is such a row before the first one.
    """
    batch, height, width, inputs = seen.shape
    _check(seen, layers, inputs)
    rows, columns = (height + 1) // 2 if top else height // 2, (width + 1) // 2
    out = seen.new_empty(batch, rows, columns, layers.outputs)
    _library().down(
        *(_at(seen), batch, height, width, inputs, *_given(layers)),
        out.shape[3],
        top,
        1,
        slope,
        rows,
        columns,
        _at(out),
    )
    return out


def up(seen: Tensor, layers: Layers, slope: float) -> Tensor:
    """A transposed convolution of stride 2 and its LeakyReLU: [B, H + 1, W + 1, C] -> [B, 2 H, 2 W, C'].

    The last row and column of what is seen count for nothing; those of the answer are 0.
    """
    batch, height, width, inputs = seen.shape
    _check(seen, layers, inputs)
    out = seen.new_empty(batch, 2 * height - 2, 2 * width - 2, layers.outputs)
    _library().up(*(_at(seen), batch, height - 1, width - 1, inputs, *_given(layers)), out.shape[3], slope, _at(out))
    return out


def last(seen: Tensor, layers: Layers, rows: int, columns: int) -> Tensor:
    """A transposed convolution to one channel: [B, H + 1, W + 1, C] as `up` has it -> [B, rows, columns].

    Args:
        seen: its last row and column count for nothing.
        layers: weights of the kernel padded with zeros to `LANES`.
        rows: at most 2 H - 1.
        columns: at most 2 W - 1.
    """
    batch, height, width, inputs = seen.shape
    if rows > 2 * height - 3 or columns > 2 * width - 3 or layers.weight.shape != (inputs, LANES):
        raise ValueError(f"{rows} rows and {columns} columns of {tuple(seen.shape)} by {tuple(layers.weight.shape)}")
    out = seen.new_empty(batch, rows, columns)
    _library().last(*(_at(seen), batch, height - 1, width - 1, inputs, *_given(layers)), rows, columns, _at(out))
    return out


@dataclass(frozen=True, slots=True, eq=False)
class Slots:
    """One memory, or G memories for a batch of exactly G."""

    keys: Beside
    """[C, N'] each, the keys transposed and padded with zeros, N' a multiple of `LANES`."""
    values: Beside
    """[N, C] each, C a multiple of `OUTPUTS`."""
    centring: tuple[Beside, Beside] | None = None
    """[C] each, as `monitor.memcae.fused_read.Reading` has it."""


def attend(queries: Tensor, slots: Slots) -> Tensor:
    """Answers [B, Q, C] to queries [B, Q, C]: equations 4 and 3."""
    batch, asked, size = queries.shape
    memories, (count, length), (high, padded) = len(slots.values), slots.values.shape, slots.keys.shape
    if not size == length == high or size % OUTPUTS or padded % LANES or memories not in {1, batch}:
        raise ValueError(f"queries {tuple(queries.shape)} of {memories} memories of {count} slots of {length}")
    out = torch.empty_like(queries)
    offset, scale = (None, None) if slots.centring is None else (each.pointers for each in slots.centring)
    _library().attend(
        *(_at(queries), batch, asked, size, slots.keys.pointers, slots.values.pointers, count, padded),
        *(offset, scale, memories > 1, _at(out)),
    )
    return out


def project(vectors: Tensor, axes: Beside) -> Tensor:
    """Every vector [B, d] along axes of its own, [d', r] each, d' up to d: [B, most r], 0 beyond its own."""
    batch, length = vectors.shape
    rows, columns = zip(*(each.shape for each in axes.tensors), strict=True)
    if batch != len(axes) or max(rows) > length:
        raise ValueError(f"vectors {tuple(vectors.shape)} by {len(axes)} matrices of up to {max(rows)} rows")
    out = vectors.new_empty(batch, max(columns))
    sizes = ctypes.c_int * batch
    _library().project(
        _at(vectors), batch, length, axes.pointers, sizes(*rows), sizes(*columns), out.shape[1], _at(out)
    )
    return out


def exponentials_(numbers: Tensor) -> Tensor:
    """e^x in place, of bfloat16 numbers."""
    _library().exponentials(_at(numbers, torch.bfloat16), numbers.numel())
    return numbers


def _library() -> ctypes.CDLL:
    found = library()
    if found is None:
        raise RuntimeError("no kernels were compiled for this processor")
    return found


def _check(seen: Tensor, layers: Layers, inputs: int) -> None:
    high, wide, taken, outputs = layers.weight.shape
    if (high, wide, taken) != (3, 3, inputs) or outputs % OUTPUTS or len(layers.weight) not in {1, len(seen)}:
        raise ValueError(f"{tuple(seen.shape)} by {len(layers.weight)} weights {tuple(layers.weight.shape)}")


def _given(layers: Layers) -> tuple[ctypes.Array[ctypes.c_void_p], ctypes.Array[ctypes.c_void_p], bool]:
    return layers.weight.pointers, layers.bias.pointers, len(layers.weight) > 1


def _at(tensor: Tensor | None, kind: torch.dtype = torch.float32) -> int | None:
    """Where its numbers lie in memory."""
    if tensor is None:
        return None
    if tensor.dtype != kind or tensor.device.type != "cpu" or not tensor.is_contiguous():
        raise ValueError(f"{kind}, contiguous and on the processor is wanted, not {tensor.dtype}, {tensor.device}")
    return tensor.data_ptr()
