"""Whether a machine runs, by the level of its sound: a stopped one is neither judged nor followed; a pure step."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from monitor.detect.fields import JsonObject, check_schema, get_bool, get_optional_float
from monitor.detect.life import SuppressedBy

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class RunningPolicy:
    """When a machine counts as off."""

    off_below_dbfs: float | None = None
    """Windows quieter than this (root mean square, dBFS) are of a stopped machine; None never takes it for stopped."""
    hysteresis_db: float = 3.0
    """It runs again once it is louder than the level by this: twice the power, more than a steady level wavers."""
    grace_s: float = 60.0
    """After a start, sound is not judged for so long; seconds, 0 or more."""


@dataclass(frozen=True, slots=True)
class RunningState:
    """Everything that must outlive a restart."""

    off: bool = False
    grace_until_s: float | None = None
    """End of the start-up, UTC, POSIX seconds; None when it is over."""

    @property
    def why_not(self) -> SuppressedBy | None:
        """Why the machine's sound is not judged; None when it is."""
        if self.off:
            return SuppressedBy.MACHINE_OFF
        return None if self.grace_until_s is None else SuppressedBy.START_UP

    def to_dict(self) -> JsonObject:
        """As a JSON object."""
        return {"schema": SCHEMA, "off": self.off, "grace_until_s": self.grace_until_s}

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> RunningState:
        """Read back what `to_dict` wrote.

        Raises:
            ValueError: naming the key that is wrong.
        """
        check_schema(data, "running state", SCHEMA)
        return cls(off=get_bool(data, "off"), grace_until_s=get_optional_float(data, "grace_until_s"))


def step(policy: RunningPolicy, state: RunningState, level_dbfs: float, end_s: float, window_s: float) -> RunningState:
    """Take one window into account.

    Args:
        policy: the rules.
        state: before the window.
        level_dbfs: root mean square of the window; NaN (lost or broken sound) says nothing.
        end_s: end of the window, UTC, POSIX seconds.
        window_s: its length; a window that holds a bit of the start-up is not judged.
    """
    if policy.off_below_dbfs is None:
        return RunningState()
    if not math.isnan(level_dbfs):
        state = _heard(policy, state, level_dbfs, end_s)
    until_s = state.grace_until_s
    # The clock may have been set back: no start-up is longer than its grace.
    if until_s is not None and not 0 < until_s + window_s - end_s <= policy.grace_s + window_s:
        return replace(state, grace_until_s=None)
    return state


def _heard(policy: RunningPolicy, state: RunningState, level_dbfs: float, end_s: float) -> RunningState:
    off_below = policy.off_below_dbfs or 0.0
    if level_dbfs < off_below:
        return RunningState(off=True)
    if state.off and level_dbfs >= off_below + policy.hysteresis_db:
        return RunningState(off=False, grace_until_s=end_s + policy.grace_s)
    return state
