"""What a window's score means against the levels of its machine; unknown is never normal."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from monitor.detect.levels import Levels
from monitor.memcae.score import Score


class VerdictState(StrEnum):
    """What one window says of its machine."""

    NORMAL = "normal"
    """Scored, and not above the warning level."""
    WARNING = "warning"
    """Above the warning level, not above the threshold."""
    ALARM = "alarm"
    """Above the threshold."""
    UNCALIBRATED = "uncalibrated"
    """Scored, but there are no levels to hold the score against."""
    INVALID = "invalid"
    """Not finite, audio lost inside the window, or the audio is bad: nothing can be said."""
    OFF = "off"
    """The machine stands still or has just started: its sound says nothing of its condition."""


_UNKNOWN: Final = frozenset({VerdictState.INVALID, VerdictState.UNCALIBRATED, VerdictState.OFF})


@dataclass(frozen=True, slots=True)
class Verdict:
    """A score and what it means; the levels are those it was held against, None when uncalibrated."""

    score: Score
    state: VerdictState
    threshold: float | None
    warning_level: float | None
    clear_level: float | None

    @property
    def known(self) -> bool:
        """Whether the window says anything at all of the machine."""
        return self.state not in _UNKNOWN

    @property
    def quiet(self) -> bool:
        """Whether the window lets an alarm end: known, and not above the clear level."""
        return self.known and self.clear_level is not None and self.score.value <= self.clear_level


def judge(score: Score, levels: Levels | None, *, audio_ok: bool = True, running: bool = True) -> Verdict:
    """Hold a score against the levels.

    Args:
        score: of one window.
        levels: None when the machine has no calibration for its model.
        audio_ok: False while the microphone's health says that its sound cannot be trusted.
        running: False while the machine is off, or has only just been started.
    """
    state = _state(score, levels, audio_ok=audio_ok, running=running)
    if levels is None:
        return Verdict(score, state, None, None, None)
    return Verdict(score, state, levels.threshold, levels.warning, levels.clear)


def _state(score: Score, levels: Levels | None, *, audio_ok: bool, running: bool) -> VerdictState:
    if score.lost or not audio_ok or not math.isfinite(score.value):
        return VerdictState.INVALID
    if not running:
        return VerdictState.OFF
    if levels is None:
        return VerdictState.UNCALIBRATED
    if score.value > levels.threshold:
        return VerdictState.ALARM
    if score.value > levels.warning:
        return VerdictState.WARNING
    return VerdictState.NORMAL
