"""The spectrum view: a smooth change of the machine's quiet spectrum against its normal spread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from monitor.memcae.fusion import Role
from monitor.memcae.views import contrast
from monitor.memcae.views.observation import Observation
from monitor.memcae.views.view import View

LOW_HZ = 62.5
"""Below lie rumble and the offset of the converter."""

HIGH_HZ = 7750.0
"""Above lies the edge of the recorder's anti-alias filter."""

CHANGE_DB = 1.0
"""A change of level worth noticing, decibels; measured alike from 0.5 to 10."""

FORGIVEN_DB = 3.0
"""A window that is louder or quieter as a whole by up to this counts as loud as normal: load, season and a moved
microphone do that. Measured: pAUC of the two toy cars gains 2.4 and 0.0 % over none, 0.5 and 0.3 % over no bound."""

REACH_BINS = 8.0
"""How far along the frequency axis a change is alike, 250 Hz: faults move resonances and noise floors, not single bins.
Measured alike from 6 to 12."""


def describe(seen: Observation) -> Tensor:
    """The quiet level of every bin between LOW_HZ and HIGH_HZ: [B, d], decibels."""
    bin_hz = seen.spec.bin_hz
    return seen.quiet_db[:, round(LOW_HZ / bin_hz) : round(HIGH_HZ / bin_hz)]


def fit(recordings: Sequence[Tensor]) -> Mapping[str, Tensor]:
    """What is normal for the levels of each recording's windows, [n, d]."""
    level = torch.cat(list(recordings)).mean()
    levelled = [forgive(each, level) for each in recordings]
    learnt = contrast.fit(levelled, CHANGE_DB**2 * contrast.alike(recordings[0].shape[1], REACH_BINS))
    return {**learnt, "level": level}


def forgive(described: Tensor, level: Tensor) -> Tensor:
    """[B, d] levels, each window's mean brought to ``level``, by at most FORGIVEN_DB."""
    return described - (described.mean(dim=1, keepdim=True) - level).clamp(-FORGIVEN_DB, FORGIVEN_DB)


def coordinates(fitted: Mapping[str, Tensor], described: Tensor) -> Tensor:
    """Where the windows [B, d] lie along the axes in which a fault shows: [B, r]."""
    return contrast.coordinates(fitted, forgive(described, fitted["level"]))


def distance(fitted: Mapping[str, Tensor], described: Tensor) -> Tensor:
    """The distance of [B, d] levels from normal, [B]."""
    length: Tensor = torch.linalg.vector_norm(coordinates(fitted, described), dim=1)
    return length


LEARNS = (*contrast.LEARNS, "level")
"""Names of what `fit` gives."""

SPECTRUM = View("spectrum", Role.ANCHOR, describe, fit, LEARNS, distance)
