"""A training task: tell which band of normal sound was raised or lowered, so that the encoder sees what faults do."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

WIDTH = 0.35
"""Deviation of the Gaussian bump along the frequency axis, in bands: it reaches into its neighbours, as faults do."""

HEIGHT = (0.5, 1.5)
"""How far a band is moved, in deviations of a column: at the lower end just above what a second of sound can show."""


def move_bands(target: Tensor, bands: int, random: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Raise or lower one smooth band of each crop, or leave it alone.

    Args:
        target: standardised crops, [B, F, T].
        bands: how many there are between the first bin and the last.
        random: decides band, direction and height.

    Returns:
        The crops, [B, F, T], and their classes, [B]: 0 unchanged, 1 to ``bands`` raised, then lowered.
    """
    count, bins = target.shape[0], target.shape[1]
    classes = random.integers(2 * bands + 1, size=count)
    middle = (np.maximum(classes - 1, 0) % bands + 0.5)[:, None]
    height = np.where(classes > bands, -1.0, 1.0) * (classes > 0) * random.uniform(*HEIGHT, size=count)
    bump = height[:, None] * np.exp(-0.5 * ((np.linspace(0, bands, bins) - middle) / WIDTH) ** 2)
    moved = torch.from_numpy(bump.astype(np.float32)).to(target.device)
    return target + moved[:, :, None], torch.from_numpy(classes).to(target.device)
