"""What an alarm's document holds in detail: bands that stand out, and what is wrong with a microphone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from monitor.detect.finding import MicrophoneFault

Number = float | None
"""A number that may be unknown; null on the wire."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TopBand:
    """A frequency band that stands out."""

    low_hz: Annotated[float, "Lower edge, hertz."]
    high_hz: Annotated[float, "Upper edge, hertz."]
    excess_db: Annotated[Number, "Level above (positive) or below normal, decibels."]


@dataclass(frozen=True, slots=True, kw_only=True)
class MicrophoneFinding:
    """One thing that is wrong with the sound of a microphone."""

    fault: Annotated[MicrophoneFault, "What is wrong."]
    value: Annotated[Number, "What was measured; null where there is no number."] = None
    limit: Annotated[Number, "What is allowed."] = None
    unit: Annotated[str, "Of the two."] = ""
    detail: Annotated[str, "The same in words."] = ""
