"""The three levels that a score is held against."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Levels:
    """Levels in the unit of the score, ``clear <= warning <= threshold``."""

    threshold: float
    """A window above it counts towards an alarm."""
    warning: float
    """A window above it counts towards a warning, and no longer moves the rolling level."""
    clear: float
    """Only windows below it let an alarm or a warning end."""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.threshold) and math.isfinite(self.warning) and math.isfinite(self.clear)):
            raise ValueError(
                f"levels must be finite: threshold {self.threshold}, warning {self.warning}, clear {self.clear}"
            )
        if not self.clear <= self.warning <= self.threshold:
            raise ValueError(
                f"levels out of order: clear {self.clear} <= warning {self.warning} <= threshold {self.threshold}"
            )

    def shifted(self, offset: float) -> Levels:
        """The same levels, all moved by ``offset`` (unit of the score)."""
        return Levels(self.threshold + offset, self.warning + offset, self.clear + offset)
