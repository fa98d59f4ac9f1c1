"""Notices when this computer's clock is set, so that it becomes an event."""

from __future__ import annotations

import time
from collections.abc import Callable

from monitor.audio.capture.clock import SMALL_STEP_S, Anchor, told_step


class ClockWatch:
    """Holds the system's clock against the monotonic one.

    Args:
        tell: of a step, in words for a person.
        monotonic: seconds that nobody can set.
        utc: the wall clock, POSIX seconds.
    """

    def __init__(
        self,
        tell: Callable[[str], None],
        monotonic: Callable[[], float] = time.monotonic,
        utc: Callable[[], float] = time.time,
    ) -> None:
        self._tell = tell
        self._monotonic = monotonic
        self._utc = utc
        self._anchor = Anchor()

    def look(self) -> None:
        """Look at both clocks; cheap, so often."""
        before_s, utc_s, after_s = self._monotonic(), self._utc(), self._monotonic()
        if after_s - before_s > SMALL_STEP_S:
            return  # this thread had to wait between the two clocks, which is no step
        step_s = self._anchor.observe(before_s, utc_s)
        if step_s is not None:
            self._tell(told_step(step_s, utc_s))
