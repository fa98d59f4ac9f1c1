"""The rolling threshold: levels follow slow drift of the normal score within bounds, and say when these are reached."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from monitor.detect.calibration import Calibration
from monitor.detect.fields import JsonObject, check_schema, get_float, get_optional_float, get_str
from monitor.detect.levels import Levels

SCHEMA = 1
DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class RollingPolicy:
    """How far and how fast the levels may follow; lengths are in units of the calibration."""

    up: float = 1.0
    """The levels rise by at most this share of the headroom (threshold less median of the normal scores)."""
    rise_per_day: float = 1.0
    """The levels move by at most this many spreads a day: season and load do, a fault that grows in days does not."""
    track_per_day: float = 6.0
    """Speed of the median tracker, spreads a day: it settles within hours, and noise moves it by some hundredths."""
    dead_time_s: float = 600.0
    """A pause longer than this counts as this long, so that the levels do not jump after a stop; seconds."""

    def __post_init__(self) -> None:
        for name in ("up", "rise_per_day", "track_per_day", "dead_time_s"):
            value = float(getattr(self, name))
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"{name}: {value} is not a finite number greater than 0")


@dataclass(frozen=True, slots=True)
class RollingState:
    """Where the levels are, relative to the calibration."""

    calibration: str
    """Key of the calibration that this belongs to."""
    median: float = 0.0
    """Tracked median of the normal scores less the calibrated one, unit of the score."""
    offset: float = 0.0
    """By which the levels are moved, unit of the score."""
    last_s: float | None = None
    """End of the last window seen, UTC, POSIX seconds."""

    def to_dict(self) -> JsonObject:
        """As a JSON object."""
        return {
            "schema": SCHEMA,
            "calibration": self.calibration,
            "median": self.median,
            "offset": self.offset,
            "last_s": self.last_s,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> RollingState:
        """Read back what `to_dict` wrote.

        Raises:
            ValueError: naming the key that is wrong.
        """
        check_schema(data, "rolling state", SCHEMA)
        return cls(
            calibration=get_str(data, "calibration"),
            median=get_float(data, "median"),
            offset=get_float(data, "offset"),
            last_s=get_optional_float(data, "last_s"),
        )


def start(calibration: Calibration) -> RollingState:
    """The state with which a fresh calibration begins: no offset."""
    return RollingState(calibration.key)


def levels(calibration: Calibration, state: RollingState) -> Levels:
    """The levels that hold now."""
    return calibration.levels.shifted(state.offset)


def limits(policy: RollingPolicy, calibration: Calibration) -> tuple[float, float]:
    """The stated band that the offset never leaves, (low, high), unit of the score; low <= 0 < high.

    Downwards the levels follow little, and never half-way into what the normal recordings reached: a machine that
    runs at its quietest load for a week must not be an alarm when it returns to the others.
    """
    room = calibration.threshold - calibration.peak
    return -max(0.0, min(calibration.spread, room / 2)), policy.up * calibration.headroom


def moved(policy: RollingPolicy, calibration: Calibration, state: RollingState) -> float:
    """How far the normal score has moved, as a share of how far it may: 1 is drift."""
    _, high = limits(policy, calibration)
    return max(state.offset, -state.median) / high


def step(
    policy: RollingPolicy,
    calibration: Calibration,
    state: RollingState,
    value: float,
    now_s: float,
    *,
    follow: bool,
) -> RollingState:
    """Take one window's score into account; gives the state after it.

    A median tracker finds where the normal score is, within hours; the levels follow it at a speed that season and
    load keep to and a growing fault does not.

    Args:
        policy: bounds and speeds.
        calibration: that the state belongs to.
        state: before the window.
        value: score of the window, finite where ``follow`` is True.
        now_s: end of the window, UTC, POSIX seconds.
        follow: False freezes the levels: the window is not NORMAL, or its machine has a warning or an alarm.
    """
    return _followed(policy, calibration, state, value, now_s) if follow else replace(state, last_s=now_s)


def _followed(
    policy: RollingPolicy, calibration: Calibration, state: RollingState, value: float, now_s: float
) -> RollingState:
    passed_s = 0.0 if state.last_s is None else _within(now_s - state.last_s, 0.0, policy.dead_time_s)
    unit = calibration.spread * passed_s / DAY_S
    low, high = limits(policy, calibration)
    track, rise = policy.track_per_day * unit, policy.rise_per_day * unit
    error = value - calibration.location - state.median
    median = _within(state.median + _within(error, -track, track), -high, high)
    offset = _within(state.offset + _within(median - state.offset, -rise, rise), low, high)
    return RollingState(state.calibration, median, offset, now_s)


def _within(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)
