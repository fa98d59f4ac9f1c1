"""The spectrum view: a smooth change of the machine's quiet spectrum against its normal spread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

import torch
from torch import Tensor

from monitor.memcae import forgiveness
from monitor.memcae.forgiveness import Plane
from monitor.memcae.fusion import Role
from monitor.memcae.views import contrast
from monitor.memcae.views.observation import Observation
from monitor.memcae.views.view import Fit, View

LOW_HZ = 62.5
"""Below lie rumble and the offset of the converter."""

HIGH_HZ = 7750.0
"""Above lies the edge of the recorder's anti-alias filter."""

CHANGE_DB = 1.0
"""A change of level worth noticing, decibels; measured alike from 0.5 to 10."""

FORGIVEN_DB = 3.0
"""A window that is louder or quieter as a whole by up to this, or brighter or darker in proportion, counts as normal.
Measured: pAUC of the two toy cars gains 2.4 and 0.0 % over none, 0.5 and 0.3 % over no bound."""

DOUBT_DB = 0.2
"""Deviation of what lies beyond it: 3 dB more are then fifteen deviations and are heard, 0.1 dB is not. Measured: 0
makes a drift that just reaches the bound an alarm, 0.1 to 0.3 tell apart alike, 1 costs the motor up to 5 % AUC."""

REACH_BINS = 8.0
"""How far along the frequency axis a change is alike, 250 Hz: faults move resonances and noise floors, not single bins.
Measured alike from 6 to 12."""


def describe(seen: Observation) -> Tensor:
    """The quiet level of every bin between LOW_HZ and HIGH_HZ: [B, d], decibels."""
    bin_hz = seen.spec.bin_hz
    return seen.quiet_db[:, round(LOW_HZ / bin_hz) : round(HIGH_HZ / bin_hz)]


def fit(recordings: Sequence[Tensor]) -> Mapping[str, Tensor]:
    """What is normal for the levels of each recording's windows, [n, d]."""
    normal = torch.cat(list(recordings)).mean(dim=0)
    levelled = [forgive(each, normal) for each in recordings]
    bins = len(normal)
    doubt = forgiveness.doubt(octaves(bins), DOUBT_DB)
    return {**contrast.fit(levelled, CHANGE_DB**2 * contrast.alike(bins, REACH_BINS), doubt), "normal": normal}


@lru_cache
def octaves(count: int) -> Tensor:
    """Where the bins between LOW_HZ and HIGH_HZ lie, ``count`` of them: [count], octaves above the pivot."""
    return forgiveness.octaves(LOW_HZ, count, (HIGH_HZ - LOW_HZ) / count)


@lru_cache
def _plane(count: int, dtype: torch.dtype, device: torch.device) -> Plane:
    """What is forgiven over ``count`` bins between LOW_HZ and HIGH_HZ."""
    found = forgiveness.plane(octaves(count), FORGIVEN_DB)
    along, fit, most = (part.to(device, dtype) for part in (found.along, found.fit, found.most))
    return Plane(along, fit, most)


def forgive(described: Tensor, normal: Tensor) -> Tensor:
    """[B, d] levels, each window's level and tilt brought to those of ``normal``, [d] or [B, d], within FORGIVEN_DB."""
    excess = described - normal
    return described - forgiveness.change(excess, _plane(excess.shape[1], excess.dtype, excess.device))


def coordinates(fitted: Fit, described: Tensor) -> Tensor:
    """Where the windows [B, d] lie along the axes in which a fault shows: [B, r]."""
    return contrast.coordinates(fitted, forgive(described, fitted["normal"]))


def distance(fitted: Fit, described: Tensor) -> Tensor:
    """The distance of [B, d] levels from normal, [B]."""
    length: Tensor = torch.linalg.vector_norm(coordinates(fitted, described), dim=1)
    return length


LEARNS = (*contrast.LEARNS, "normal")
"""Names of what `fit` gives."""

SPECTRUM = View("spectrum", Role.ANCHOR, describe, fit, LEARNS, distance)
