"""What can go wrong with a simulated machine, how loud it is and when it begins, and how its normal sound may drift."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from monitor.audio.block import Samples
from monitor.audio.simulation import parts
from monitor.audio.simulation.machines import Design, Workshop
from monitor.audio.simulation.parts import Part
from monitor.audio.simulation.rhythm import Moment
from monitor.audio.simulation.signals import SEGMENT, Floats, Wander, grid_s, ringing, shape, spread

BEARING_ORDER = Fraction(3585, 1000)
"""Balls pass a point of the outer race 3.585 times a turn in a 6205 bearing (SKF), the one that most papers break."""
BEARING_SLIP = 0.02
"""Balls skid: each blow comes up to 2 % early or late (Randall and Antoni 2011 name 1 to 2 %)."""


@dataclass(frozen=True, slots=True)
class FaultSpec:
    """A fault of a simulated machine.

    Raises:
        ValueError: no such fault, a negative ramp, or no duration.
    """

    kind: str
    """One of `FAULTS`."""
    snr_db: float = 0.0
    """Mean power of the fully grown fault over that of the healthy machine, both while it runs, decibels.

    A missing stroke takes sound away: it is held to the strokes' own power, some 6 to 9 dB below the machine's.
    """
    onset_s: float = 0.0
    """When it begins, seconds since time 0 of the machine (since opening, for a source)."""
    ramp_s: float = 0.0
    """Time in which its amplitude grows from nothing to full, in proportion to time; 0 for at once."""
    lasts_s: float = math.inf
    """Seconds after its beginning at which the machine is mended."""

    def __post_init__(self) -> None:
        if self.kind not in FAULTS:
            raise ValueError(f"no such fault: {self.kind!r}; there are {', '.join(FAULTS)}")
        if self.ramp_s < 0:
            raise ValueError(f"ramp_s must be at least 0, not {self.ramp_s}")
        if not self.lasts_s > 0:
            raise ValueError(f"lasts_s must be greater than 0, not {self.lasts_s}")

    def severity(self, times_s: Floats) -> Floats:
        """Share of the full amplitude at each time, 0 to 1."""
        return grown(times_s, self.onset_s, self.ramp_s) * (times_s < self.onset_s + self.lasts_s)


@dataclass(frozen=True, slots=True)
class DriftSpec:
    """A slow change of the whole sound that is no fault (season, a moved microphone, wear of the pleasant kind).

    Raises:
        ValueError: a negative ramp.
    """

    level_db: float = 0.0
    """Louder by this in the end, decibels."""
    tilt_db: float = 0.0
    """Brighter by this for each octave above 1 kHz in the end, darker below it, decibels."""
    onset_s: float = 0.0
    """When it begins, seconds since time 0 of the machine (since opening, for a source)."""
    ramp_s: float = 0.0
    """Time that it takes; it stays afterwards."""

    def __post_init__(self) -> None:
        if self.ramp_s < 0:
            raise ValueError(f"ramp_s must be at least 0, not {self.ramp_s}")

    def share(self, times_s: Floats) -> Floats:
        """How far it has gone at each time, 0 to 1."""
        return grown(times_s, self.onset_s, self.ramp_s)

    def points(self) -> dict[float, float]:
        """The final change of level over frequency: hertz -> decibels, between 62.5 Hz and 8 kHz."""
        return {1000.0 * 2.0**octave: self.level_db + self.tilt_db * octave for octave in range(-4, 4)}


def grown(times_s: Floats, onset_s: float, ramp_s: float) -> Floats:
    """0 before the onset, 1 after the ramp, straight between."""
    if ramp_s == 0:
        return np.asarray((times_s >= onset_s).astype(np.float64))
    return np.asarray(np.clip((times_s - onset_s) / ramp_s, 0, 1))


def bearing(shop: Workshop, design: Design) -> Part:
    """A pit in the outer race: each ball that rolls over it strikes the housing, which rings."""
    rng = shop.rng("bearing")
    dry = parts.blows(BEARING_ORDER * design.wheel, shop.key("bearing"), BEARING_SLIP)
    modes = {float(rng.uniform(2400, 3600)): 1.0, float(rng.uniform(4200, 5600)): 0.5}  # housings ring at some kHz
    return shop.part("bearing", 0.0, dry, shop.response("bearing", load_db=1.0), ringing(modes, q=25))  # steel


def imbalance(shop: Workshop, design: Design) -> Part:
    """A mass off the axis: once a turn, with a little of twice from a frame that is stiffer one way."""
    fastest = design.rhythm.speed_hz * float(design.wheel) * 1.5
    dry = parts.tones({1: 1.0, 2: 0.25, 3: 0.1}, fastest, design.wheel, shop.rng("imbalance"))
    return shop.part("imbalance", 0.0, dry, shop.response("imbalance"))  # centrifugal force goes with speed squared


def squeal(shop: Workshop, design: Design) -> Part:
    """A slipping belt: a shrill tone of stick and slip that comes and goes and never keeps its pitch."""
    rng = shop.rng("squeal")
    pitch_hz = float(rng.uniform(1700, 2600))
    pitch = Wander.between(rng, 0.15, 3.0)
    surge = Wander.between(rng, 0.5, 5.0)
    belt = design.wheel * Fraction(2, 5)  # a belt is longer than the pulley is round

    def dry(moment: Moment) -> Samples:
        times_s = grid_s(moment.second)
        turns = spread(
            pitch_hz * (times_s - moment.second + 0.02 * pitch.integral(times_s))
        )  # whole pitch_hz drops out
        start = pitch_hz * moment.second % 1.0
        angle = 2 * np.pi * ((turns + start) % 1.0).astype(np.float32)
        # a joint in the belt passes the pulley once a turn of the belt; it squeals where it is worn
        worn = 0.6 + 0.4 * np.sin(2 * np.pi * moment.angle(belt)).astype(np.float32)
        loud = spread(np.maximum(0.0, 0.6 + surge.at(times_s))).astype(np.float32)
        # with the odd and even harmonics of a bow on a string
        wave = np.sin(angle) + 0.5 * np.sin(2 * angle) + 0.25 * np.sin(3 * angle)
        return np.asarray(wave * worn * loud, dtype=np.float32)

    return shop.part("squeal", 0.0, dry, shop.response("squeal", load_db=1.0, speed_power=1.0))


def leak(shop: Workshop, _design: Design) -> Part:
    """Air or steam through a crack: a steady hiss at several kHz, also while the machine stands under pressure."""
    rng = shop.rng("leak")
    centre_hz = float(rng.uniform(3500, 5500))  # a jet of about a millimetre hisses above the audible and down to here
    colour = shape({400.0: -36.0, centre_hz / 2: -9.0, centre_hz: 0.0, 8000.0: -2.0})
    response = shop.response("leak", speed_power=0.0)
    return Part("leak", 0.0, parts.answering(parts.noise(shop.key("leak")), response, gated=False), colour)


def rattle(shop: Workshop, design: Design) -> Part:
    """A loose cover: it knocks at some turns and not at others, sheet metal that rings low and long."""
    rng = shop.rng("rattle")
    dry = parts.blows(design.wheel * 2, shop.key("rattle"), 0.3, weight=_knocks)
    return shop.part("rattle", 0.0, dry, shop.response("rattle", load_db=0.5), parts.resonant(rng, 450, 2400, 6, q=30))


def _knocks(draw: Floats) -> Floats:
    """Four of ten touches knock, some twice as hard as others."""
    return np.where(draw < 0.4, 0.5 + draw / 0.4, 0.0)


def missing_stroke(shop: Workshop, design: Design) -> Part:
    """A cylinder that no longer pumps: its strokes with the sign turned, so that adding them takes them away."""
    strokes = design.strokes
    if strokes is None:
        raise ValueError("this kind of machine has no valve strokes that could be missing")
    part = next(part for part in design.parts if part.name == strokes.part)

    def dry(moment: Moment) -> Samples:
        # The very samples of the healthy strokes, kept where the events of this cylinder lie.
        events = moment.events(strokes.order, shop.key(strokes.part), strokes.jitter)
        kept = events.samples[events.numbers % strokes.each == 0]
        mask = np.zeros(SEGMENT, np.float32)
        mask[kept] = -1.0
        return np.asarray(part.dry(moment) * mask, dtype=np.float32)

    return Part("missing_stroke", part.level_db, dry, part.body)


MAKERS: Mapping[str, Callable[[Workshop, Design], Part]] = {
    "bearing": bearing,
    "imbalance": imbalance,
    "squeal": squeal,
    "leak": leak,
    "rattle": rattle,
    "missing_stroke": missing_stroke,
}
FAULTS = tuple(MAKERS)
"""Names of the faults."""
TAKES_AWAY = frozenset({"missing_stroke"})
"""Faults that remove sound: they cannot be louder than what there is to remove."""
