"""How long to wait before trying a failed thing again: doubling, with jitter, never given up. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

FIRST_S = 1.0
"""A microphone that was just replugged is back within a second or two; hammering it sooner only fills the log."""
LONGEST_S = 6.0
"""A device that returns must be free of its alarm within 15 s, however long it was away: this, a second or two to open
it, and the seconds of good sound that clear the alarm."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """Failures in a row and when to try again."""

    failures: int = 0
    retry_at_s: float = float("-inf")

    def failed(self, now_s: float, jitter: float) -> Backoff:
        """One more failure at ``now_s``.

        Args:
            now_s: any clock, seconds.
            jitter: 0 to 1, drawn by the caller; spreads retries over half to whole of the delay, so that many devices
                on one dead hub do not all come at once.
        """
        # 2**16 s is far beyond the cap; the bound keeps the power small for a device that is away for years.
        delay_s = min(LONGEST_S, FIRST_S * 2.0 ** min(self.failures, 16))
        return replace(self, failures=self.failures + 1, retry_at_s=now_s + delay_s * (0.5 + 0.5 * jitter))

    def due(self, now_s: float) -> bool:
        """True once the delay has passed, or can no longer be told: a clock that was set back would stretch it."""
        return now_s >= self.retry_at_s or self.retry_at_s > now_s + LONGEST_S
