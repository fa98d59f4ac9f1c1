"""The rhythm view: how the loudness of 16 bands moves within the window, at which rates, and how suddenly."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from monitor.memcae.fusion import Role
from monitor.memcae.views import contrast
from monitor.memcae.views.envelope import BANDS, OCTAVES_HZ
from monitor.memcae.views.observation import Observation
from monitor.memcae.views.quiet import ascending
from monitor.memcae.views.view import View

MODULATION_FLOOR = 1e-4
"""Added to modulation power before the logarithm, squared nepers: an envelope this still does not move."""

ONSET_FLOOR = 1e-6
"""Added to the size of onsets before the logarithm, nepers."""

CHANGE = 0.5
"""A change worth noticing: of log modulation power, nepers, and of each of the onset numbers."""

REACH = (0.7, 2.0)
"""How far a change is alike: octaves of rate, and bands."""

ONSET_NUMBERS = 6
"""What `_onsets` returns per window."""

LOUDEST = 0.01
"""Share of the frames that count as the loudest, and as the most sudden: a tap or a stroke is shorter than 1 %."""


def describe(seen: Observation) -> Tensor:
    """Modulation power by rate and band, and the size of broadband onsets: [B, 6 * 16 + 6]; gain cancels."""
    moved = (seen.movement + MODULATION_FLOOR).log().transpose(1, 2).flatten(start_dim=1)
    return torch.cat([moved, _onsets(seen.loudness, seen.rises)], dim=1)


def fit(recordings: Sequence[Tensor]) -> Mapping[str, Tensor]:
    """What is normal for the movement in each recording's windows, [n, d]."""
    moved = torch.kron(contrast.alike(len(OCTAVES_HZ) - 1, REACH[0]), contrast.alike(BANDS, REACH[1]))
    change = torch.eye(len(moved) + ONSET_NUMBERS, dtype=torch.float64)  # each onset number changes by itself
    change[: len(moved), : len(moved)] = moved
    return contrast.fit(recordings, CHANGE**2 * change)


def _onsets(loudness: Tensor, rise: Tensor) -> Tensor:
    """Six numbers on how suddenly and how far the loudness of all bands rises: [B, T], [B, T - 1] -> [B, 6]."""
    level = ascending(loudness)
    few = max(1, int(LOUDEST * level.shape[1]))
    middle = level[:, level.shape[1] // 2]
    sudden = ascending(rise)[:, -few:]
    numbers = (
        (rise.mean(dim=1) + ONSET_FLOOR).log(),
        sudden.mean(dim=1),
        sudden[:, -1],
        (_deviation(rise) + ONSET_FLOOR).log(),
        level[:, -few:].mean(dim=1) - middle,
        middle - level[:, :few].mean(dim=1),
    )
    return torch.stack(numbers, dim=1)


def _deviation(rows: Tensor) -> Tensor:
    """The standard deviation of each row of [B, T], [B]; measured five times as fast as torch's own."""
    length: Tensor = torch.linalg.vector_norm(rows - rows.mean(dim=1, keepdim=True), dim=1)
    return length / math.sqrt(rows.shape[1])


RHYTHM = View("rhythm", Role.WITNESS, describe, fit, contrast.LEARNS, contrast.distance)
