"""The rhythm view: how the loudness of 16 bands moves within the window, at which rates, and how suddenly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from monitor.memcae.fusion import Role
from monitor.memcae.mel import triangles
from monitor.memcae.spectrogram import POWER_FLOOR
from monitor.memcae.views import contrast
from monitor.memcae.views.observation import Observation
from monitor.memcae.views.view import View

BANDS = 16
"""Envelopes: enough to tell a valve from a shaft, few enough that each is steady."""

LOW_HZ = 50.0
"""Where the lowest band begins: below lies rumble."""

SEGMENT_S = 1.28
"""Length of the segments whose modulation spectra are averaged; they begin half of it apart."""

OCTAVES_HZ = (0.8, 1.6, 3.1, 6.2, 12.5, 25.0, 62.6)
"""Borders of the rates of movement that are told apart: from a slow swell to the roughness of a bearing."""

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
    weights = triangles(BANDS, seen.spec, LOW_HZ).to(seen.power)
    envelope = (seen.power.transpose(1, 2) @ weights + POWER_FLOOR).log()
    frame_rate = seen.spec.rate_hz / seen.spec.hop
    return torch.cat([_modulation(envelope, frame_rate), _onsets(envelope)], dim=1)


def fit(recordings: Sequence[Tensor]) -> Mapping[str, Tensor]:
    """What is normal for the movement in each recording's windows, [n, d]."""
    moved = torch.kron(contrast.alike(len(OCTAVES_HZ) - 1, REACH[0]), contrast.alike(BANDS, REACH[1]))
    change = torch.eye(len(moved) + ONSET_NUMBERS, dtype=torch.float64)  # each onset number changes by itself
    change[: len(moved), : len(moved)] = moved
    return contrast.fit(recordings, CHANGE**2 * change)


def _modulation(envelope: Tensor, frame_rate: float) -> Tensor:
    """The log power of each octave of movement in each band: envelopes [B, T, K] -> [B, octaves * K]."""
    size = min(round(SEGMENT_S * frame_rate), envelope.shape[1])
    pieces = envelope.unfold(1, size, max(1, size // 2))  # [B, pieces, K, size]
    window = torch.hann_window(size, periodic=False, dtype=envelope.dtype, device=envelope.device)
    moved = torch.fft.rfft((pieces - pieces.mean(dim=3, keepdim=True)) * window)
    power = (moved.real.square() + moved.imag.square()).mean(dim=1) / window.square().sum()  # [B, K, rates]
    octaves = _octaves(size, frame_rate).to(power)
    by_octave: Tensor = (power @ octaves + MODULATION_FLOOR).log()
    return by_octave.transpose(1, 2).flatten(start_dim=1)


def _octaves(size: int, frame_rate: float) -> Tensor:
    """Weights that average the rates of a segment of ``size`` frames into octaves: [rates, octaves]."""
    rates = torch.fft.rfftfreq(size, 1 / frame_rate, dtype=torch.float64)
    low, high = torch.tensor(OCTAVES_HZ[:-1]), torch.tensor(OCTAVES_HZ[1:])
    inside = ((rates[:, None] >= low) & (rates[:, None] < high)).double()
    nearest = F.one_hot((rates[:, None] - (low * high).sqrt()).abs().argmin(dim=0), len(rates)).T.double()
    inside = torch.where(inside.sum(dim=0) > 0, inside, nearest)  # a short window resolves no slow octave
    return inside / inside.sum(dim=0)


def _onsets(envelope: Tensor) -> Tensor:
    """Six numbers on how suddenly and how far the loudness of all bands together rises: [B, T, K] -> [B, 6]."""
    rise = envelope.diff(dim=1).clamp_min(0).mean(dim=2)
    level = envelope.mean(dim=2).sort(dim=1).values
    few = max(1, int(LOUDEST * envelope.shape[1]))
    middle = level[:, level.shape[1] // 2]
    sudden = rise.topk(few, dim=1).values
    numbers = (
        (rise.mean(dim=1) + ONSET_FLOOR).log(),
        sudden.mean(dim=1),
        sudden[:, 0],
        (rise.std(dim=1, correction=0) + ONSET_FLOOR).log(),
        level[:, -few:].mean(dim=1) - middle,
        middle - level[:, :few].mean(dim=1),
    )
    return torch.stack(numbers, dim=1)


RHYTHM = View("rhythm", Role.WITNESS, describe, fit, contrast.LEARNS, contrast.distance)
