"""Scores, levels and calibrations for the tests of decisions."""

from __future__ import annotations

import math

from hypothesis import strategies as st

from monitor.detect.alarm import AlarmPolicy
from monitor.detect.budget import Budget
from monitor.detect.calibration import Calibration, Promise
from monitor.detect.levels import Levels
from monitor.memcae.score import Band, Score

LEVELS = Levels(threshold=3.0, warning=2.0, clear=1.0)

NORMAL, BETWEEN, WARNING, ALARM, UNKNOWN = 0.0, 1.5, 2.5, 3.5, math.nan
"""One value for each answer that `LEVELS` give; BETWEEN is normal, but does not let an alarm end."""

VALUES = st.sampled_from([NORMAL, BETWEEN, WARNING, ALARM, UNKNOWN, math.inf]) | st.floats(-10, 10)
"""Scores that meet every branch often."""


def score(value: float, place: int = 0, *, window_s: float = 10.0, hop_s: float = 10.0, lost: bool = False) -> Score:
    """The score of the ``place``-th window of a stream."""
    start_s = 1_700_000_000.0 + place * hop_s
    return Score("fan-1", start_s, start_s + window_s, value, {"profile": value}, (Band(100.0, 200.0, 6.0),), lost)


def calibration(
    *, location: float = 0.0, spread: float = 1.0, created_s: float = 0.0, peak: float = 2.5, hop_s: float = 10.0
) -> Calibration:
    """Levels at 4, 3 and 1.5 spreads above the median."""
    return Calibration(
        threshold=location + 4.0 * spread,
        warning_level=location + 3.0 * spread,
        clear_level=location + 1.5 * spread,
        location=location,
        spread=spread,
        peak=location + peak * spread,
        method="tail",
        band=(location + 3.5 * spread, location + 6.0 * spread),
        promise=Promise(0.5, 0.1, 3.0),
        kept=True,
        more_minutes=0.0,
        shown_count=3,
        n_windows=1000,
        n_recordings=10,
        audio_s=10_000.0,
        hop_s=hop_s,
        window_s=10.0,
        budget=Budget(),
        rule=AlarmPolicy(),
        created_s=created_s,
        model_version="v1",
    )
