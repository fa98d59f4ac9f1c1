"""How a simulated machine turns and runs: the shaft's angle, the load, and when it stands still."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from monitor.audio.simulation.signals import SEGMENT, STEPS, Floats, Wander, chance, grid_s, spread

UNIT_HZ = Fraction(1, 1024)
"""Speeds are whole multiples of this, so that the angle after years is still exact: 1024 is a power of two."""
POSITIONS = np.linspace(0, SEGMENT, STEPS + 1)
"""The sample at each step of the slow grid."""


@dataclass(frozen=True, slots=True, eq=False)
class Events:
    """What happens at certain angles of the shaft (strokes, impacts) within one segment."""

    numbers: NDArray[np.int64]
    """Which event since time 0, shape [events]."""
    samples: NDArray[np.int64]
    """The sample of the segment at which it happens, shape [events]."""


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """One segment in the life of a machine."""

    second: int
    """The segment's number, which is its start in seconds since time 0."""
    whole_turns: int
    """Turns of the drive shaft before the segment, less what ``turns`` holds."""
    turns: Floats
    """Angle of the drive shaft beyond ``whole_turns``, turns, shape [STEPS + 1]; never falls."""
    speed: Floats
    """Speed over nominal speed, shape [STEPS + 1]."""
    load: Floats
    """Load about its mean, in standard deviations, shape [STEPS + 1]."""
    running: Floats
    """1 while the machine runs, 0 while it stands, shape [STEPS + 1]."""
    angles: dict[Fraction, Floats] = field(default_factory=dict)
    """Angles already computed, because several parts turn alike."""

    def angle(self, order: Fraction) -> Floats:
        """Angle of what turns ``order`` times as fast as the drive shaft, turns, shape [SEGMENT].

        Whole turns before the segment are left out; within it the angle goes on beyond 1.
        """
        if order not in self.angles:
            self.angles[order] = spread(self._angle_grid(order)[1])
        return self.angles[order]

    def events(self, order: Fraction, key: int, jitter: float) -> Events:
        """What happens ``order`` times in a turn, each moved by up to ``jitter`` of the distance to the next."""
        whole, angle = self._angle_grid(order)
        local = np.arange(int(np.floor(angle[0])) - 1, int(np.ceil(angle[-1])) + 1)
        at = local + jitter * (2 * chance(key, local + whole) - 1)
        inside = (at >= angle[0]) & (at < angle[-1])
        samples = np.interp(at[inside], angle, POSITIONS).astype(np.int64)
        return Events(local[inside] + whole, np.minimum(samples, SEGMENT - 1))

    def _angle_grid(self, order: Fraction) -> tuple[int, Floats]:
        """Whole turns before the segment, exact, and the angle beyond them on the slow grid."""
        before = order * self.whole_turns
        whole = before.numerator // before.denominator
        return whole, float(before - whole) + float(order) * self.turns


@dataclass(frozen=True, slots=True, eq=False)
class Duty:
    """A machine that starts and stops by itself, as a compressor on its pressure switch does."""

    key: int
    period_s: float
    """Mean time from start to start, seconds."""
    share: float
    """Mean share of the period that it runs."""

    RISE_S = 0.3
    """Sound comes up in this time after the start, seconds."""
    FALL_S = 0.5
    """And dies away in this time before the end: compression brakes."""
    START_S = 0.35
    """Time constant of the run-up of the motor, seconds."""

    def runs(self, times_s: Floats) -> Floats:
        """1 while it runs, 0 while it stands, between at start and end, shape as ``times_s``."""
        begins_s, ends_s = self._cycles(times_s)
        rising = np.clip((times_s - begins_s) / self.RISE_S, 0, 1)
        falling = np.clip((ends_s - times_s) / self.FALL_S, 0, 1)
        return np.asarray((rising * falling).max(axis=0))

    def late_s(self, times_s: Floats) -> Floats:
        """How far the shaft is behind one that always ran at full speed since the start, seconds of turning."""
        begins_s, _ = self._cycles(times_s)
        since_s = times_s - begins_s
        since_s = np.where(since_s >= 0, since_s, np.inf).min(axis=0)  # the latest start counts
        return np.asarray(self.START_S * (1 - np.exp(-since_s / self.START_S)))

    def _cycles(self, times_s: Floats) -> tuple[Floats, Floats]:
        """Start and end of the cycles that could matter, seconds, each of shape [cycles, 1]."""
        first = int(times_s[0] // self.period_s)
        numbers = np.arange(first - 2, first + 2, dtype=np.int64)
        moved = 0.1 * (2 * chance(self.key, numbers) - 1)  # demand for air is never quite regular
        shares = self.share * (1 + 0.2 * (2 * chance(self.key + 1, numbers) - 1))
        begins_s = (numbers + moved) * self.period_s
        return begins_s[:, None], (begins_s + shares * self.period_s)[:, None]


@dataclass(frozen=True, slots=True, eq=False)
class Rhythm:
    """The law by which one machine turns."""

    speed_units: int
    """Nominal speed of the drive shaft in `UNIT_HZ`."""
    load: Wander
    slip: float
    """Relative loss of speed per standard deviation of load."""
    hunting: Wander
    """Quick small changes of speed."""
    hunting_share: float
    """Their relative size, standard deviation."""
    setpoint: Wander | None = None
    """Slow change of the wanted speed; None for a fixed speed."""
    setpoint_share: float = 0.0
    """Its relative size, standard deviation."""
    duty: Duty | None = None
    """When it runs; None for always."""

    @property
    def speed_hz(self) -> float:
        """Nominal speed of the drive shaft, turns per second."""
        return float(self.speed_units * UNIT_HZ)

    def at(self, second: int) -> Moment:
        """The segment that begins at ``second`` seconds since time 0."""
        times_s = grid_s(second)
        before = self.speed_units * second * UNIT_HZ
        whole = before.numerator // before.denominator
        moved_s = self._summed(lambda wander: wander.integral(times_s))
        late_s = self.duty.late_s(times_s) if self.duty else 0.0
        exact = float(before - whole) + self.speed_hz * (times_s - second)
        return Moment(
            second=second,
            whole_turns=whole,
            turns=np.asarray(exact + self.speed_hz * (moved_s - late_s)),
            speed=1 + self._summed(lambda wander: wander.at(times_s)),
            load=self.load.at(times_s),
            running=self.duty.runs(times_s) if self.duty else np.ones(STEPS + 1),
        )

    def _summed(self, value: Callable[[Wander], Floats]) -> Floats:
        total = self.hunting_share * value(self.hunting) - self.slip * value(self.load)
        return total if self.setpoint is None else total + self.setpoint_share * value(self.setpoint)
