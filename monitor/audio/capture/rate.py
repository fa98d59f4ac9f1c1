"""How fast samples really come: the rate by counting, held against the nominal one, and a bound on what is believed."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

from monitor.audio.source import Pace

TOLERANCE = 0.02
"""A rate this share off the nominal one is a fault: sound cards are within 0.01 %, and a spectrum moved by 2 % is still
the machine's."""
JITTER_S = 0.4
"""How much sooner or later than even a block may come: sound servers hand on up to a fifth of a second at once."""
SPAN_S = 60.0
"""The rate is that of so much time: over a minute, the jitter is 0.7 %."""
LEAST_S = 5.0
"""No rate is told from less: what is still in the buffers at the start would pass for speed."""
POINT_S = 1.0
"""The count is remembered this often."""
SURPLUS = 1.1
"""So many times real time are passed on: anything that may still be sound."""
BURST_S = 6.0
"""Sound that may come at once after a hiccup, seconds: one that takes longer is a dead device."""


@dataclass(frozen=True, slots=True)
class CaptureStats:
    """What capture has counted since the device was opened."""

    rate_hz: int = 0
    """Nominal; 0 before the first sample."""
    measured_hz: float = math.nan
    """Samples per second of the monotonic clock, over the last `span_s`; NaN until `LEAST_S` have passed."""
    span_s: float = 0.0
    """Time that the rate was measured over, up to `SPAN_S`."""
    samples: int = 0
    """Samples per channel that the device delivered."""
    expected: float = 0.0
    """Samples that the nominal rate makes of the time between the first and the last delivery."""
    lost: int = 0
    """Samples per channel that never reached a window: overruns (estimated), no room, more than real time."""
    overruns: int = 0
    """How often the sound system lost samples before they were captured."""
    gaps: int = 0
    """How often what was passed on broke off, beside the beginning."""
    clock_steps: int = 0
    """How often the system's clock was set meanwhile."""

    @property
    def pace(self) -> Pace | None:
        """What the measured rate is worth; None while unevenness alone could put it beyond `TOLERANCE`."""
        if math.isnan(self.measured_hz):
            return None
        promised = self.rate_hz * self.span_s
        delivered = self.measured_hz * self.span_s
        unsure = min(abs(delivered - promised), JITTER_S * self.rate_hz)
        certain = abs(delivered - promised) - unsure
        if self.span_s * TOLERANCE < JITTER_S and certain <= TOLERANCE * promised:
            return None
        return Pace(round(delivered), round(promised))


class RateMeter:
    """Counts samples against the monotonic clock.

    Args:
        rate_hz: nominal, samples per second.
    """

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._points: deque[tuple[float, int]] = deque()
        self._first: tuple[float, int] | None = None
        self._last = (math.nan, 0)
        self._credit_s = BURST_S
        self._discards = False

    @property
    def span_s(self) -> float:
        """Time that `measured_hz` covers."""
        return self._last[0] - self._points[0][0] if self._points else 0.0

    @property
    def measured_hz(self) -> float:
        """Samples per second over the last minute; NaN while too little is known."""
        if self.span_s < LEAST_S:
            return math.nan
        return (self._last[1] - self._points[0][1]) / self.span_s

    @property
    def expected(self) -> float:
        """Samples that the nominal rate makes of the time since the first block."""
        if self._first is None:
            return 0.0
        return (self._last[0] - self._first[0]) * self._rate_hz + self._first[1]

    def passes(self, frames: int, end: int, arrived_s: float) -> bool:
        """Count one block, and say whether it is to be passed on.

        A device that delivers much faster than real time would drown everything behind it; of its sound, stretches of
        some seconds are passed on and others left out, so that each loss is a long one.

        Args:
            frames: of this block.
            end: samples since the beginning, up to its end.
            arrived_s: when it came, monotonic seconds.
        """
        passed_s = 0.0 if self._first is None else max(0.0, arrived_s - self._last[0])
        self._first = self._first or (arrived_s, end)
        self._last = (arrived_s, end)
        if not self._points or arrived_s - self._points[-1][0] >= POINT_S:
            self._points.append(self._last)
        while arrived_s - self._points[0][0] > SPAN_S:
            self._points.popleft()
        self._credit_s = min(BURST_S, self._credit_s + SURPLUS * passed_s)
        if self._discards and self._credit_s < BURST_S:
            return False
        self._credit_s -= frames / self._rate_hz
        self._discards = self._credit_s < 0
        return True
