"""Between windows and scores: which windows a model can score, and what it said of them as records."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from monitor.audio.windows import Window
from monitor.memcae import explanation
from monitor.memcae.explanation import NormalLevels
from monitor.memcae.model import MachineModel, ViewScores
from monitor.memcae.preset import SpectrogramSpec
from monitor.memcae.score import Score


def can_score(model: MachineModel | None, window: Window) -> bool:
    """Whether ``window`` is whole, long enough and of the model's rate; False without a model."""
    if model is None or window.lost or window.rate_hz != model.preset.spectrogram.rate_hz:
        return False
    return len(window.samples) >= model.least_samples


def scores(windows: Sequence[Window], said: ViewScores, normal: NormalLevels, spec: SpectrogramSpec) -> list[Score]:
    """What each window's model said of it as records, moved off the device in one go per tensor.

    Args:
        windows: of any machines.
        said: of them, by models of one preset.
        normal: what is normal for each of them, from `normal_levels`.
        spec: of the preset.
    """
    values = said.value.tolist()
    by_view = {name: column.tolist() for name, column in said.views.items()}
    bands = explanation.bands(said.excess_db, normal, spec)
    return [
        Score(
            machine=window.machine,
            start_s=window.start_s,
            end_s=window.end_s,
            value=values[i],
            views={name: column[i] for name, column in by_view.items()},
            bands=bands[i],
        )
        for i, window in enumerate(windows)
    ]


def normal_levels(models: Sequence[MachineModel]) -> NormalLevels:
    """The normal levels that each of B windows is held against: [B, K] each."""
    known = [model.knowledge.levels for model in models]
    return NormalLevels(torch.stack([each.mean_db for each in known]), torch.stack([each.spread_db for each in known]))


def unknown(window: Window) -> Score:
    """The score of a window that cannot be scored: NaN, which is never normal."""
    return Score(window.machine, window.start_s, window.end_s, value=math.nan, lost=window.lost)
