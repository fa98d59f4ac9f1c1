"""The window that caused a transition, in the form that is kept and sent."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from monitor.detect.fields import JsonObject, get_float, get_list, get_mapping
from monitor.detect.verdict import Verdict
from monitor.memcae.score import Band


@dataclass(frozen=True, slots=True)
class Evidence:
    """A known window: its score, the levels it was held against, and what explains it."""

    start_s: float
    """UTC of its first sample, POSIX seconds."""
    end_s: float
    score: float
    threshold: float
    warning_level: float
    clear_level: float
    views: Mapping[str, float]
    """Each view's value, the unit of the score; views without a finite value are left out."""
    bands: tuple[Band, ...]
    """The bands that deviate most from normal, the strongest first."""

    def to_dict(self) -> JsonObject:
        """As a JSON object."""
        return {
            "start_s": self.start_s,
            "end_s": self.end_s,
            "score": self.score,
            "threshold": self.threshold,
            "warning_level": self.warning_level,
            "clear_level": self.clear_level,
            "views": dict(self.views),
            "bands": [[band.low_hz, band.high_hz, band.excess_db] for band in self.bands],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> Evidence:
        """Read back what `to_dict` wrote.

        Raises:
            ValueError: naming the key that is wrong.
        """
        views = get_mapping(data, "views")
        return cls(
            start_s=get_float(data, "start_s"),
            end_s=get_float(data, "end_s"),
            score=get_float(data, "score"),
            threshold=get_float(data, "threshold"),
            warning_level=get_float(data, "warning_level"),
            clear_level=get_float(data, "clear_level"),
            views={name: get_float(views, name) for name in views},
            bands=tuple(_band(band) for band in get_list(data, "bands")),
        )


def evidence_of(verdict: Verdict) -> Evidence:
    """What is kept of a known verdict.

    Raises:
        ValueError: the verdict is INVALID or UNCALIBRATED, so that it is evidence of nothing.
    """
    threshold, warning, clear = verdict.threshold, verdict.warning_level, verdict.clear_level
    if not verdict.known or threshold is None or warning is None or clear is None:
        raise ValueError(f"a verdict that is {verdict.state} is no evidence")
    score = verdict.score
    return Evidence(
        start_s=score.start_s,
        end_s=score.end_s,
        score=score.value,
        threshold=threshold,
        warning_level=warning,
        clear_level=clear,
        views={name: float(value) for name, value in score.views.items() if math.isfinite(value)},
        bands=tuple(band for band in score.bands if _finite(band)),
    )


def _finite(band: Band) -> bool:
    return all(math.isfinite(value) for value in (band.low_hz, band.high_hz, band.excess_db))


def _band(values: object) -> Band:
    if not isinstance(values, list | tuple) or len(values) != 3:  # low, high, excess
        raise ValueError(f"key 'bands' holds {values!r}, expected [low_hz, high_hz, excess_db]")
    row = {str(place): value for place, value in enumerate(values)}
    return Band(get_float(row, "0"), get_float(row, "1"), get_float(row, "2"))
