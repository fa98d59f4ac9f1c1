"""When a source is worth reading again: one that plays in real time only when a window is about to end. Pure.

A read costs the same whether it brings a second of sound or a hundredth, and a plant PC has hundreds of sources.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

UNREAD_S = 1.0
"""Sound is fetched after this at the latest: a microphone's queue holds twenty times it, and its fault is noticed as
soon as anybody could act on it."""
FAST = 2.0
"""A source that brings twice as much sound as time has passed is played fast, or catches up: it is read at once."""
HURRIED_S = 5.0
"""A single read that brings so much sound may have left more behind, because no source hands out all at once."""

TURN_S = 0.256
"""Turns begin so far apart while all sound comes in real time: a quarter of the shortest useful hop, for which a window
waits for others that are scored, and told of, together with it for less. Measured with 100 machines and a hop of a
second: 3.5 ms of the daemon's processor time a window, 3.8 with 0.2 s and on no grid; with 60, 6.5 with 0.05 s. Windows
begin on a grid of whole turns (`monitor.memcae.preset.Preset.grid`): the same machines end theirs together again."""
CATCHING_UP_S = 0.05
"""The same while a source is played fast or catches up."""


def pause_s(began_s: float, now_s: float, rest_s: float) -> float:
    """From now to the next turn, seconds; 0 when it is late.

    Turns begin at multiples of ``rest_s``, however long each takes: a machine then ends its windows in the same turn of
    every few, beside the same others.

    Args:
        began_s: when the last turn began, monotonic seconds.
        now_s: the same clock now.
        rest_s: from one turn to the next, seconds; 0 is at once.
    """
    if rest_s <= 0:
        return 0.0
    return max(0.0, (math.floor(began_s / rest_s) + 1) * rest_s - now_s)


@dataclass(frozen=True, slots=True)
class Fetching:
    """When a source was read with success for the last time, and when it is to be read again."""

    read_s: float = float("-inf")
    due_s: float = float("-inf")

    @property
    def fast(self) -> bool:
        """Whether the last read brought more than real time does."""
        return float("-inf") < self.due_s <= self.read_s

    def due(self, now_s: float) -> bool:
        """True once it is time; also when the clock was set back, so that nothing waits for yesterday."""
        return now_s >= self.due_s or now_s < self.read_s

    def heard(self, now_s: float, brought_s: float, missing_s: float) -> Fetching:
        """What follows a read.

        Args:
            now_s: any clock, seconds.
            brought_s: how much sound the read brought, seconds; a read that brought none is followed by another.
            missing_s: how much is missing until the next window is complete, seconds.
        """
        if brought_s <= 0:
            return self
        real_time = brought_s < FAST * (now_s - self.read_s) < float("inf")
        return Fetching(now_s, now_s + min(missing_s, UNREAD_S) if real_time else now_s)
