"""Scores of long listening, kept on disk piece by piece, so that a bench that was stopped goes on where it was."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from monitor.memcae.score import Score
from tests.bench.lab.machine import WINDOW_S, Listening, windows
from tests.bench.lab.trained import Trained

PIECE = 360
"""Windows in a piece: an hour of neighbouring ones."""


def scores(heard: Listening, trained: Trained, folder: Path) -> Iterator[Score]:
    """The scores of the windows, in order: kept ones where there are any."""
    for first in range(0, heard.count, PIECE):
        start_s = heard.start_s + first * heard.every_s
        piece = replace(heard, start_s=start_s, count=min(PIECE, heard.count - first))
        for place, value in enumerate(_values(piece, trained, folder).tolist()):
            at_s = float(start_s + place * heard.every_s)
            yield Score(trained.name, at_s, at_s + WINDOW_S, value)


def _values(piece: Listening, trained: Trained, folder: Path) -> NDArray[np.float64]:
    named = f"{piece!r} {trained.calibration.model_version}"
    path = folder / "scores" / f"{hashlib.sha256(named.encode()).hexdigest()[:24]}.npy"
    if path.exists():
        kept: NDArray[np.float64] = np.load(path)
        return kept
    found = np.array([score.value for score in trained.scores(windows(piece))], dtype=np.float64)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial.npy")
    np.save(partial, found)
    os.replace(partial, path)  # noqa: PTH105 - a piece is there whole or not at all
    return found
