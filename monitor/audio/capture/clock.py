"""When a captured sample was heard: counted on the monotonic clock from the first arrival on, and anchored to UTC."""

from __future__ import annotations

import math
from datetime import UTC, datetime

PERIOD_S = 60.0
"""The lag is judged over so much audio: its least value in a minute is free of the buffers' own delays."""
STRAYED_S = 0.25
"""A count this far off is corrected: a sound card 50 ppm off takes 80 minutes to get there; no alarm cares sooner."""
STEP_S = 0.25
"""A system clock that moves so far against the monotonic one was set; slewing moves both alike."""
SMALL_STEP_S = 0.02
"""Below this it is the time between reading the one clock and the other."""


class CaptureClock:
    """Dates samples by their number, on the monotonic clock, once the first of them have arrived.

    The lag (now, less the date of the newest sample) is about nothing while all is well. It grows when samples are
    lost unseen or the card is slow, and falls when the card is fast.

    Args:
        rate_hz: samples per second.
    """

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._origin_s = math.nan
        self._least_lag_s = math.inf
        self._period_begin = 0

    def date(self, frame: int) -> float:
        """When a sample was heard, by its number since capture began, monotonic seconds."""
        return self._origin_s + frame / self._rate_hz

    def observe(self, frames: int, now_s: float) -> None:
        """Note that so many samples have been captured by ``now_s`` (monotonic seconds), and correct the dates."""
        if math.isnan(self._origin_s):  # a device takes up to a second to start: its first samples say when it did
            self._origin_s = now_s - frames / self._rate_hz
        lag_s = now_s - self.date(frames)
        if lag_s < -STRAYED_S:  # samples from the future
            self._shift(lag_s)
            return
        self._least_lag_s = min(self._least_lag_s, lag_s)
        if frames - self._period_begin < PERIOD_S * self._rate_hz:
            return
        self._period_begin = frames
        self._shift(self._least_lag_s if self._least_lag_s > STRAYED_S else 0.0)

    def missed(self, frames: int, now_s: float) -> float:
        """Catch up after a loss that was reported without its length; gives the length, seconds, at least 0."""
        missed_s = max(0.0, now_s - self.date(frames))
        self._shift(missed_s)
        return missed_s

    def _shift(self, seconds: float) -> None:
        self._origin_s += seconds
        self._least_lag_s = math.inf


def told_step(step_s: float, utc_s: float) -> str:
    """``the system's clock was set back by 3600.0 s, to 2026-...``: what a person reads of a step."""
    way = "forward" if step_s > 0 else "back"
    now = datetime.fromtimestamp(utc_s, UTC).isoformat(timespec="seconds")
    return f"the system's clock was set {way} by {abs(step_s):.1f} s, to {now}"


class Anchor:
    """What has to be added to the monotonic clock to give UTC; notices when the system's clock is set."""

    def __init__(self) -> None:
        self.offset_s = math.nan
        """Seconds from the monotonic clock to UTC."""

    def observe(self, monotonic_s: float, utc_s: float) -> float | None:
        """Take both clocks, read one after the other; gives by how much UTC was set (seconds, forward is positive)."""
        moved_s = utc_s - monotonic_s - self.offset_s
        if math.isnan(moved_s) or abs(moved_s) > SMALL_STEP_S:
            self.offset_s = utc_s - monotonic_s
        return moved_s if abs(moved_s) >= STEP_S else None
