"""What the models say of one window: the fused score, each view's share, and which bands stand out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Band:
    """A frequency band that is louder or quieter than normal in a window."""

    low_hz: float
    high_hz: float
    excess_db: float
    """Level above (positive) or below the normal mean of this band, decibels."""


@dataclass(frozen=True, slots=True)
class Score:
    """The score of one window of one machine; greater is more anomalous.

    A ``value`` that is not finite is unknown, never normal.
    """

    machine: str
    start_s: float
    """UTC of the window's first sample, POSIX seconds."""
    end_s: float
    """UTC just after its last sample, POSIX seconds."""
    value: float
    """The fused score, comparable between windows of one model version only."""
    views: Mapping[str, float] = field(default_factory=dict)
    """Each view's calibrated value, the same unit as ``value``."""
    bands: tuple[Band, ...] = ()
    """The bands that deviate most from normal, the strongest first; may be empty."""
    lost: bool = False
    """True when audio was lost inside the window, so that it was not scored."""
