"""The level of every bin in the quieter half of a window: the machine's own floor, without the noise that passes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from monitor.memcae import kernels
from monitor.memcae.kernels import Beside
from monitor.memcae.spectrogram import DB_PER_NEPER, averages, levels

QUIET = 0.5
"""Share of the blocks that is kept, per bin, from the quiet end: passing noise is loud and falls in the other half."""


def levels_db(squared: Tensor, columns: int) -> Tensor:
    """The mean level of the quieter half of the 64 ms blocks, bin by bin.

    Args:
        squared: power, [B, F, T], at least one column; full scale sine about +42 dB at n_fft 512.
        columns: in a block.

    Returns:
        [B, F], decibels re |X| = 1.
    """
    return of_blocks(blocks_of(squared, columns))


def blocks_of(squared: Tensor, columns: int) -> Tensor:
    """The power of the blocks, [B, F, n]; what is too short for one is left as it is."""
    return averages(squared, columns) if squared.shape[2] >= columns else squared


def of_blocks(blocks: Tensor) -> Tensor:
    """The same of blocks whose power is averaged: [B, F, n] -> [B, F]."""
    return DB_PER_NEPER * levels(_quietest(blocks.contiguous())).mean(dim=2)


def of_rows(rows: Beside, floor: float = 0.0) -> Tensor:
    """As `of_blocks`, by the compiled kernels: of the power of blocks, B times [n, F], or with no floor of levels."""
    count = _count(rows.shape[0])
    return kernels.quietest(rows, count, floor).mul_(DB_PER_NEPER / count)


def of_levels(known: Sequence[Tensor]) -> Tensor:
    """The same as `of_blocks`, of the `levels` of each window, [F, n]: [B, F]."""
    quietest = [_quietest(each) for each in known]
    return torch.stack([each.sum(dim=1) for each in quietest]).mul_(DB_PER_NEPER / quietest[0].shape[1])


def _quietest(blocks: Tensor) -> Tensor:
    """The least values of each row, in any order: [..., n] -> [..., QUIET * n]."""
    count = _count(blocks.shape[-1])
    if blocks.device.type != "cpu":
        return blocks.topk(count, dim=-1, largest=False, sorted=False).values
    return ascending(blocks)[..., :count]  # measured 1.5 times as fast as NumPy's partition, that 4 times as topk


def _count(blocks: int) -> int:
    """How many of so many blocks are kept."""
    return max(1, int(QUIET * blocks))


def ascending(rows: Tensor) -> Tensor:
    """Each row of [..., n] sorted."""
    if rows.device.type != "cpu":
        return rows.sort(dim=-1).values
    return torch.from_numpy(np.sort(rows.numpy(), axis=-1))  # vectorised: measured 4 to 25 times as fast as torch's
