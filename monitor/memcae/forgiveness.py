"""Louder or brighter as a whole, within bounds, is no fault: load, season, dust and a moved microphone do that."""

from __future__ import annotations

import torch
from torch import Tensor

PIVOT_HZ = 1000.0
"""A tilt turns about this frequency: brighter above it is darker below it."""

LOWEST_HZ = 62.5
"""Below it a tilt goes no further: four octaves under the pivot lie rumble and the offset of the converter."""

TILT_PER_LEVEL = 1 / 6
"""Change per octave that is forgiven, as a share of the change of level that is: 0.5 dB beside 3 dB. Over the seven
octaves that makes 3.5 dB from end to end, which an open door or a dusty microphone does and a fault does not do
evenly. Measured on the toy cars, with `doubt`: none costs 0.1 % pAUC, twice as much is no better."""


def octaves(lowest_hz: float, count: int, apart_hz: float) -> Tensor:
    """Where bins lie above the pivot, ``count`` of them from ``lowest_hz`` on: [count], octaves, double precision."""
    hertz = lowest_hz + torch.arange(count, dtype=torch.float64) * apart_hz
    return (hertz.clamp_min(LOWEST_HZ) / PIVOT_HZ).log2()


def change(excess: Tensor, octave: Tensor, bound: float) -> Tensor:
    """What of a deviation from the normal spectrum is forgiven: a level and a tilt, fitted by least squares.

    Args:
        excess: [B, d], levels less the normal ones.
        octave: [d], from `octaves`.
        bound: most change of level at the pivot, in the unit of the levels.

    Returns:
        [B, d], to be taken away.
    """
    octave = octave.to(excess)
    place = octave - octave.mean()
    tilt = excess @ (place / place.square().sum())
    level = excess.mean(dim=1) - tilt * octave.mean()
    most = bound * TILT_PER_LEVEL
    return level.clamp(-bound, bound)[:, None] + tilt.clamp(-most, most)[:, None] * octave


def doubt(octave: Tensor, size: float) -> Tensor:
    """The covariance of levels and tilts that are just not forgiven.

    Forgiven, normal sound spreads in these two directions not at all, and the least bit beyond the bound would be
    infinitely far out.

    Args:
        octave: [d], from `octaves`.
        size: deviation of the level, and of the tilt per octave, in the unit of the levels.

    Returns:
        [d, d].
    """
    return size**2 * (1 + torch.outer(octave, octave))


def remainders(octave: Tensor, count: int, size: float, first: int = 0) -> Tensor:
    """Levels and tilts that are just not forgiven, one for each of ``count`` windows; `doubt` is their covariance.

    They take turns, louder and quieter, brighter and darker, and begin at turn ``first``.

    Args:
        octave: [d], from `octaves`.
        count: windows.
        size: of the level, and of the tilt per octave, in the unit of the levels.
        first: windows that had their turn before.

    Returns:
        [count, d], to be added.
    """
    turn = torch.arange(first, first + count, device=octave.device)
    level, tilt = (size * (1 - 2 * (turn // every % 2)).to(octave) for every in (1, 2))
    return level[:, None] + tilt[:, None] * octave
