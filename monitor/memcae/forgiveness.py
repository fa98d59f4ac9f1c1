"""Louder or brighter as a whole, within bounds, is no fault: load, season, dust and a moved microphone do that."""

from __future__ import annotations

from dataclasses import dataclass

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


PLASTIC = 1.324717957244746
"""The real root of x^3 = x + 1: steps by its powers fill a square as evenly as steps can."""


def octaves(lowest_hz: float, count: int, apart_hz: float) -> Tensor:
    """Where bins lie above the pivot, ``count`` of them from ``lowest_hz`` on: [count], octaves, double precision."""
    hertz = lowest_hz + torch.arange(count, dtype=torch.float64) * apart_hz
    return (hertz.clamp_min(LOWEST_HZ) / PIVOT_HZ).log2()


@dataclass(frozen=True, slots=True, eq=False)
class Plane:
    """The changes of level and tilt, and how they are found in a deviation."""

    along: Tensor
    """[2, d]: a level of one, and a tilt of one per octave."""
    fit: Tensor
    """[d, 2]: what brings a deviation to its level at the pivot and its tilt, by least squares."""
    most: Tensor
    """[2], what is forgiven of either."""


def plane(octave: Tensor, bound: float) -> Plane:
    """The plane over bins at ``octave``, [d], from `octaves`; ``bound`` is the most change of level at the pivot."""
    along = torch.stack([torch.ones_like(octave), octave])
    return Plane(along, torch.linalg.pinv(along), octave.new_tensor([bound, bound * TILT_PER_LEVEL]))


def change(excess: Tensor, known: Plane) -> Tensor:
    """What of a deviation from the normal spectrum is forgiven: a level and a tilt, fitted by least squares.

    Args:
        excess: [B, d], levels less the normal ones.
        known: over the same bins, in the same precision.

    Returns:
        [B, d], to be taken away.
    """
    return (excess @ known.fit).clamp(-known.most, known.most) @ known.along


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


def variations(octave: Tensor, count: int, bound: float, first: int = 0) -> Tensor:
    """Levels and tilts within the bounds, one for each of ``count`` windows, that fill the bounds evenly.

    They are points of the R2 sequence (M. Roberts, "The unreasonable effectiveness of quasirandom sequences", 2018), so
    that a few dozen windows leave no gap, and begin at turn ``first``.

    Args:
        octave: [d], from `octaves`.
        count: windows.
        bound: most change of level at the pivot; of the tilt per octave TILT_PER_LEVEL of it.
        first: windows that had their turn before.

    Returns:
        [count, d], to be added.
    """
    turn = torch.arange(first + 1, first + count + 1, dtype=torch.float64)  # the sequence begins with no change
    level, tilt = ((2 * ((0.5 + turn / PLASTIC**power) % 1) - 1).to(octave)[:, None] for power in (1, 2))
    return bound * (level + TILT_PER_LEVEL * tilt * octave)
