"""The kinds of simulated machine: what turns in each, what sounds, and how loudly, with the physics behind the numbers.

The seed makes the individual: its exact speed, teeth or blades, resonances, colours and room.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from monitor.audio.block import Samples
from monitor.audio.simulation import parts
from monitor.audio.simulation.parts import Dry, Part, Response
from monitor.audio.simulation.rhythm import UNIT_HZ, Duty, Rhythm
from monitor.audio.simulation.signals import Wander, generator, room, shape, stream_key

FOUR_POLE_HZ = (24.2, 24.9)
"""Speed of a 4-pole induction motor on 50 Hz mains: 25 turns a second less 0.4 to 3 % slip."""
TWO_POLE_HZ = (48.4, 49.7)
"""Speed of a 2-pole one, likewise."""
LOAD_PERIODS_S = (9.0, 600.0)
"""Load wanders on these scales: from a work cycle to a change of process; some minutes of recording see most of it."""
HUNTING_PERIODS_S = (0.4, 6.0)
"""A motor hunts about its speed with its own inertia and the belt's spring."""
SLIP = 0.003
"""Loss of speed per standard deviation of load: a tenth of a motor's full-load slip of 3 %."""
HUM_HZ: Mapping[int, float] = {100: 1.0, 200: 0.4, 300: 0.2}
"""Magnetic forces pull twice a mains period: 100 Hz on 50 Hz mains, and its harmonics."""


@dataclass(frozen=True, slots=True, eq=False)
class Strokes:
    """Valve strokes, as a fault that takes some away needs to know them."""

    part: str
    """Name of the part that they are."""
    order: Fraction
    """Strokes in a turn of the drive shaft."""
    each: int
    """One cylinder has every so-manieth stroke."""
    jitter: float
    """Greatest shift of a stroke, as a share of the distance to the next."""


@dataclass(frozen=True, slots=True, eq=False)
class Design:
    """An individual machine before its levels are set."""

    rhythm: Rhythm
    parts: tuple[Part, ...]
    room: Samples
    strokes: Strokes | None = None
    wheel: Fraction = Fraction(1)
    """Speed of what imbalance, bearings and rattling are about, over that of the drive shaft."""


class Workshop:
    """Builds the parts of one individual; every part draws its numbers by its own name."""

    def __init__(self, kind: str, seed: int) -> None:
        self._kind = kind
        self._seed = seed

    def rng(self, name: str) -> np.random.Generator:
        """Random numbers for one part of this individual."""
        return generator(self._seed, self._kind, name)

    def key(self, name: str) -> int:
        """Key of the random stream of one part of this individual."""
        return stream_key(self._seed, self._kind, name, "stream")

    def response(self, name: str, load_db: float = 0.0, speed_power: float = 2.0, wander_db: float = 0.5) -> Response:
        """How one part answers to load and speed."""
        return Response(Wander.between(self.rng(name + " wander"), *LOAD_PERIODS_S), wander_db, load_db, speed_power)

    def part(self, name: str, level_db: float, dry: Dry, response: Response, body: Samples | None = None) -> Part:
        """A part that sounds while the machine runs."""
        return Part(name, level_db, parts.answering(dry, response), parts.through_air() if body is None else body)

    def noise(self, name: str, level_db: float, response: Response, colour: dict[float, float]) -> Part:
        """Shaped broadband noise while the machine runs."""
        return self.part(name, level_db, parts.noise(self.key(name)), response, parts.colour(self.rng(name), colour))

    def hum(self, level_db: float) -> Part:
        """Mains hum of a motor."""
        dry = parts.steady_tones(dict(HUM_HZ), self.rng("hum"))
        return self.part("hum", level_db, dry, self.response("hum", load_db=0.5, speed_power=0.0))

    def hall(self, level_db: float) -> Part:
        """What the rest of the plant sounds like here, whether this machine runs or not."""
        colour = {50.0: 0.0, 200.0: -4.0, 1000.0: -12.0, 4000.0: -22.0, 8000.0: -28.0}  # air swallows the high end
        response = self.response("hall", speed_power=0.0, wander_db=1.0)
        dry = parts.answering(parts.noise(self.key("hall")), response, gated=False)
        return Part("hall", level_db, dry, shape(colour))

    def rhythm(self, speed_hz: tuple[float, float], duty: Duty | None = None) -> Rhythm:
        """A motor on the mains, its speed drawn from the range."""
        rng = self.rng("rhythm")
        return Rhythm(
            speed_units=round(rng.uniform(*speed_hz) / float(UNIT_HZ)),
            load=Wander.between(rng, *LOAD_PERIODS_S),
            slip=SLIP,
            hunting=Wander.between(rng, *HUNTING_PERIODS_S),
            hunting_share=0.0005,  # half a per mille: what order tracking finds on mains-fed motors
            duty=duty,
        )


def gearbox(shop: Workshop) -> Design:
    """A spur gear stage on a 4-pole motor: gear mesh and its sidebands over bearing and oil noise."""
    rng = shop.rng("design")
    teeth, wheel_teeth = int(rng.integers(17, 26)), int(rng.integers(41, 73))  # 17 is the fewest without undercut
    rhythm = shop.rhythm(FOUR_POLE_HZ)
    fastest = rhythm.speed_hz * 1.02
    one, out = Fraction(1), Fraction(teeth, wheel_teeth)
    mesh = parts.tones(parts.comb(teeth, 5, 5.0, rng, sidebands_db=-12.0), fastest, one, rng)
    shaft = parts.tones(parts.comb(1, 10, 3.0, rng), fastest, one, rng)
    output = parts.tones(parts.comb(1, 6, 4.0, rng), fastest, out, rng)
    casing = parts.resonant(rng, 300, 3500, 6, q=12)  # a cast casing full of oil is well damped
    casing[0] += 1.0  # and is heard beside the tone itself
    roar = {60.0: -6.0, 300.0: 0.0, 1200.0: -2.0, 3000.0: -10.0, 8000.0: -24.0}
    hiss = {500.0: -20.0, 2500.0: -3.0, 5000.0: 0.0, 8000.0: -4.0}
    return Design(
        rhythm,
        (
            shop.part("mesh", -3.0, mesh, shop.response("mesh", load_db=1.2), casing),  # teeth sound with the torque
            shop.part("shaft", -9.0, shaft, shop.response("shaft")),
            shop.part("output", -13.0, output, shop.response("output", load_db=0.5)),
            shop.noise("roar", -4.0, shop.response("roar", load_db=0.6), roar),
            shop.noise("hiss", -16.0, shop.response("hiss", load_db=0.4), hiss),
            shop.hum(-14.0),
            shop.hall(-18.0),
        ),
        room(shop.rng("room")),
    )


def fan(shop: Workshop) -> Design:
    """An axial fan on a 2-pole motor: flow noise over blade tones."""
    rng = shop.rng("design")
    blades = int(rng.choice((5, 7, 9, 11)))  # odd, so that they do not pass the struts together
    rhythm = shop.rhythm(TWO_POLE_HZ)
    fastest = rhythm.speed_hz * 1.02
    blade = parts.tones(parts.comb(blades, 6, 5.0, rng, sidebands_db=-20.0), fastest, Fraction(1), rng)
    shaft = parts.tones(parts.comb(1, 6, 4.0, rng), fastest, Fraction(1), rng)
    flow = {60.0: -4.0, 250.0: 0.0, 900.0: -3.0, 3000.0: -12.0, 8000.0: -22.0}
    tips = {500.0: -15.0, 2000.0: 0.0, 5000.0: -4.0, 8000.0: -10.0}
    return Design(
        rhythm,
        (
            shop.noise("flow", -1.0, shop.response("flow", load_db=0.6, speed_power=2.5), flow),
            shop.noise("tips", -13.0, shop.response("tips", load_db=0.8, speed_power=2.5), tips),
            shop.part("blade", -7.0, blade, shop.response("blade", load_db=0.8, speed_power=2.5)),
            shop.part("shaft", -14.0, shaft, shop.response("shaft")),
            shop.hum(-17.0),
            shop.hall(-20.0),
        ),
        room(shop.rng("room")),
    )


def pump(shop: Workshop) -> Design:
    """A triplex plunger pump: three suction and three delivery valves a crank turn, geared down from a 4-pole motor."""
    rng = shop.rng("design")
    crank = Fraction(1, int(rng.choice((3, 4, 5))))
    rhythm = shop.rhythm(FOUR_POLE_HZ)
    fastest = rhythm.speed_hz * 1.02
    shaft = parts.tones(parts.comb(1, 8, 3.0, rng), fastest, Fraction(1), rng)
    pulse = parts.tones(parts.comb(3, 8, 3.0, rng), fastest * float(crank), crank, rng)
    strokes = Strokes("valves", crank * 6, each=3, jitter=0.02)
    flow = {60.0: -3.0, 400.0: 0.0, 1500.0: -4.0, 4000.0: -8.0, 8000.0: -18.0}
    return Design(
        rhythm,
        (
            shop.part(
                "valves",
                -4.0,
                parts.blows(strokes.order, shop.key("valves"), strokes.jitter),
                shop.response("valves", load_db=0.6),
                parts.resonant(rng, 700, 4200, 5, q=18),
            ),
            shop.part("pulse", -8.0, pulse, shop.response("pulse", load_db=1.0)),
            shop.part("shaft", -10.0, shaft, shop.response("shaft")),
            shop.noise("flow", -5.0, shop.response("flow", load_db=0.6, speed_power=2.5), flow),
            shop.hum(-15.0),
            shop.hall(-18.0),
        ),
        room(shop.rng("room")),
        strokes,
    )


def compressor(shop: Workshop) -> Design:
    """A two-cylinder workshop compressor that runs and rests on its pressure switch, belt-driven."""
    rng = shop.rng("design")
    crank = Fraction(3, 5)  # the pulley of a workshop compressor: 900 crank turns a minute or so
    duty = Duty(shop.key("duty"), period_s=float(rng.uniform(32, 44)), share=0.55)
    rhythm = shop.rhythm(FOUR_POLE_HZ, duty)
    fastest = rhythm.speed_hz * 1.02
    pulse = parts.tones(parts.comb(2, 10, 2.5, rng), fastest * float(crank), crank, rng)
    shaft = parts.tones(parts.comb(1, 8, 3.0, rng), fastest, Fraction(1), rng)
    strokes = Strokes("valves", crank * 2, each=2, jitter=0.015)
    intake = {60.0: -4.0, 300.0: 0.0, 1000.0: -5.0, 3000.0: -9.0, 8000.0: -16.0}
    return Design(
        rhythm,
        (
            shop.part(
                "valves",
                -3.0,
                parts.blows(strokes.order, shop.key("valves"), strokes.jitter),
                shop.response("valves", load_db=0.8),
                parts.resonant(rng, 900, 4500, 6, q=15),
            ),
            shop.part("pulse", -5.0, pulse, shop.response("pulse", load_db=1.0)),
            shop.part("shaft", -11.0, shaft, shop.response("shaft")),
            shop.noise("intake", -6.0, shop.response("intake", load_db=0.6), intake),
            shop.hum(-14.0),
            shop.hall(-24.0),
        ),
        room(shop.rng("room")),
        strokes,
        wheel=crank,
    )


def varying(shop: Workshop) -> Design:
    """A motor on an inverter whose speed follows the process, between about half and one and a half of its mean."""
    rng = shop.rng("design")
    base = shop.rhythm((27.0, 29.0))
    rhythm = Rhythm(
        base.speed_units,
        base.load,
        base.slip,
        base.hunting,
        base.hunting_share,
        setpoint=Wander.between(rng, 13.0, 97.0, count=4),  # from one work piece to a batch
        setpoint_share=0.16,  # four sines of this together reach 45 %
    )
    fastest = rhythm.speed_hz * 1.5
    slots = 36  # stator slots of a small 4-pole motor
    shaft = parts.tones(parts.comb(1, 10, 3.0, rng), fastest, Fraction(1), rng)
    slot = parts.tones(parts.comb(slots, 4, 4.0, rng, sidebands_db=-14.0), fastest, Fraction(1), rng)
    carrier = parts.steady_tones({3900: 0.5, 4000: 1.0, 4100: 0.5}, rng)  # the inverter's 4 kHz, with 2 x 50 Hz beside
    flow = {60.0: -3.0, 300.0: 0.0, 1500.0: -5.0, 4000.0: -12.0, 8000.0: -22.0}
    return Design(
        rhythm,
        (
            shop.part("shaft", -6.0, shaft, shop.response("shaft", load_db=0.5)),
            shop.part("slot", -8.0, slot, shop.response("slot", load_db=1.0, speed_power=1.0)),
            shop.noise("flow", -4.0, shop.response("flow", load_db=0.4, speed_power=2.5), flow),
            shop.part("carrier", -18.0, carrier, shop.response("carrier", load_db=0.5, speed_power=0.0)),
            shop.hall(-18.0),
        ),
        room(shop.rng("room")),
    )


KINDS: Mapping[str, Callable[[Workshop], Design]] = {
    "gearbox": gearbox,
    "fan": fan,
    "pump": pump,
    "compressor": compressor,
    "varying": varying,
}
