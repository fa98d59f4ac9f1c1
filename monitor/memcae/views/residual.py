"""The residual view: what of the window's mean spectrum the memory cannot bring back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor

from monitor.memcae import forgiveness
from monitor.memcae.fusion import Role
from monitor.memcae.views import contrast, spectrum
from monitor.memcae.views.observation import Observation
from monitor.memcae.views.view import View

CHANGE = 0.25
"""A change worth noticing, deviations of a column: the mean over a window tells apart less than one column can."""


DOUBT = 0.1
"""Deviation of what is just not forgiven (`forgiveness.doubt`): some 0.3 dB, where a column has 3 dB."""


def describe(seen: Observation) -> Tensor:
    """The time average of target less reconstruction, bin by bin: [B, d], deviations of a column."""
    return seen.missing[:, round(spectrum.LOW_HZ / seen.spec.bin_hz) : round(spectrum.HIGH_HZ / seen.spec.bin_hz)]


def fit(recordings: Sequence[Tensor]) -> Mapping[str, Tensor]:
    """What is normal to be missing in each recording's windows, [n, d]."""
    bins = recordings[0].shape[1]
    doubt = forgiveness.doubt(spectrum.octaves(bins), DOUBT)
    return contrast.fit(recordings, CHANGE**2 * contrast.alike(bins, spectrum.REACH_BINS), doubt)


RESIDUAL = View("residual", Role.DOUBTED, describe, fit, contrast.LEARNS, contrast.distance, network=True)
