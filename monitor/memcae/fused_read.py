"""Equations 4 and 3 in one go: z^ = softmax(z M^T) M without the N weights of every query ever leaving the cache.

`reader` is exact but for rounding: a fused softmax product in blocks. `brief_reader` computes both products in
bfloat16, which a processor that has it does three times as fast, and is exact enough because of what it leaves to
single precision: with the mean query q and the mean slot c,

    z m = q c + (z - q) c + q (m - c) + (z - q)(m - c)

the first two terms are alike for all slots, which a softmax does not see, and the third is alike for all queries. Only
the last is rounded, and only where it is small.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from monitor.memcae.memory import Memory

BRIEF_LIMIT = 8.0
"""Largest product of a query's and a slot's distance from their means that is read in bfloat16: the logits then are
off by 2^-8 of it at most, 3 % of a weight, at random (tests/memcae/test_fused_read.py holds what comes of it)."""

BRIEF_BLOCK = 1024
"""Queries read in bfloat16 at a time: their weights, 4 MB, stay near the processor. Measured on two cores: up to 14 %
faster than the 5181 of a window at once; 512 and 2048 gain less. With the compiled exponentials, on one core of another
processor: 9.5 ms a window, 10.3 with 512."""

LANES = 16
"""The column of ones that sums the weights is padded to what a vector register holds."""

FEW = 256
"""Slots up to which the weights, 0.3 MB for a window of `default`, may leave the first cache: measured on two cores,
0.08 ms instead of 0.11 for its 100."""

Read = Callable[[Tensor], Tensor]


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """What reading G memories needs."""

    keys: Tensor
    """[G, N, C]."""
    values: Tensor
    """[G, N, C]."""
    centring: tuple[Tensor, Tensor] | None = None
    """[G, 1, C] each, taken from the queries and then multiplied, before their direction counts alone; None takes the
    queries as they are."""

    def __call__(self, queries: Tensor) -> Tensor:
        """Answers [G, Q, C] to queries [G, Q, C], row g from memory g."""
        if self.centring is not None:
            offset, scale = self.centring
            queries = F.normalize((queries - offset) * scale, dim=2)
        return _attend(queries, self.keys, self.values)


def reader(memory: Memory) -> Reading:
    """The reading of ``memory``, which does not shrink: G is 1."""
    values = memory.slots[None]
    if memory.addressing == "dot":
        return Reading(values, values)
    held = memory.state_dict()
    scale = (held["centring.running_var"] + memory.centring.eps).rsqrt()
    # the sharpness of the cosines goes into the keys, which are few
    keys = F.normalize(values, dim=2) * memory.log_sharpness.exp()
    return Reading(keys, values, (held["centring.running_mean"][None, None], scale[None, None]))


def beside(readings: Sequence[Reading]) -> Reading:
    """Several readings, of one spec, as one."""
    keys, values = torch.cat([each.keys for each in readings]), torch.cat([each.values for each in readings])
    centrings = [each.centring for each in readings if each.centring is not None]
    if not centrings:
        return Reading(keys, values)
    offset, scale = (torch.cat(column) for column in zip(*centrings, strict=True))
    return Reading(keys, values, (offset, scale))


def exponentials_(numbers: Tensor) -> Tensor:
    """e^x in place."""
    return numbers.exp_()


def brief_reader(memory: Memory, raised_: Read = exponentials_) -> Read | None:
    """A function from the queries [Q, C] of one window to answers [Q, C]; None for a memory of cosines, which is small.

    Queries too far from their mean for bfloat16 are read as `reader` does.

    Args:
        memory: that is read.
        raised_: e^x of bfloat16 numbers, in place.
    """
    if memory.addressing != "dot":
        return None
    exact = reader(memory)
    centre = memory.slots.mean(dim=0)
    slots = memory.slots - centre  # [N, C]
    reach = torch.linalg.vector_norm(slots, dim=1).amax()
    keys = slots.T.bfloat16().contiguous()
    counted = torch.cat([slots, slots.new_ones(len(slots), LANES)], dim=1)

    def read(queries: Tensor) -> Tensor:
        middle = queries.mean(dim=0)
        away = queries - middle
        if not bool(torch.linalg.vector_norm(away, dim=1).amax() * reach <= BRIEF_LIMIT):  # nor where it is NaN
            return exact(queries[None])[0]
        common = slots @ middle
        values = ((common - common.amax()).exp()[:, None] * counted).bfloat16()
        blocks = torch.split(away.bfloat16(), BRIEF_BLOCK)
        answers = torch.cat([raised_(some @ keys) @ values for some in blocks]).float()
        size = slots.shape[1]
        return centre + answers[:, :size] / answers[:, size : size + 1]

    return read


def _attend(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """softmax(Q K^T) V for each of G: [G, Q, C], [G, N, C], [G, N, C] -> [G, Q, C]."""
    if keys.shape[1] <= FEW and keys.device.type == "cpu":
        return torch.softmax(queries @ keys.transpose(1, 2), dim=2) @ values
    return F.scaled_dot_product_attention(queries[:, None], keys[:, None], values[:, None], scale=1.0)[:, 0]
