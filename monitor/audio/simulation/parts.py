"""What sounds in a machine: tones locked to the shaft, shaped noise, and blows that let the structure ring."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from monitor.audio.block import Samples
from monitor.audio.simulation.rhythm import Moment
from monitor.audio.simulation.signals import (
    RATE_HZ,
    SEGMENT,
    STEPS,
    Floats,
    Wander,
    chance,
    ringing,
    shape,
    spread_gain,
    white,
)

Dry = Callable[[Moment], Samples]
"""One segment of a part before structure and room, shape [SEGMENT], float32; any scale."""
DECIBEL = np.log(10) / 20
"""Natural logarithm of the amplitude ratio of one decibel."""
TABLE = 1 << 16
"""Steps in one turn of a stored waveform: its 100th harmonic is still 51 dB above the error of taking the nearest."""
HIGHEST_HZ = 7_600
"""Tones stay this side of half the rate, where no microphone of this rate would pass them."""
HARDEST_BLOW_DB = 6.0
"""Blows vary within this range, decibels, from the softest to the hardest."""


@dataclass(frozen=True, slots=True, eq=False)
class Response:
    """How loudly a part answers to what the machine does: all machines have some of it, so that normal is a range."""

    wander: Wander
    """The part's own slow change (temperature, lubrication, flow)."""
    wander_db: float = 0.5
    """Its size, decibels, standard deviation."""
    load_db: float = 0.0
    """Decibels louder per standard deviation of load."""
    speed_power: float = 2.0
    """Amplitude grows with this power of speed: 2 for forces of unbalanced mass, 2.5 for the noise of a flow."""

    def gain(self, moment: Moment) -> Floats:
        """Amplitude over the mean, shape [STEPS + 1]."""
        ends = self.wander.at(np.array([moment.second, moment.second + 1.0]))  # it takes many seconds to change
        decibels = self.wander_db * np.linspace(ends[0], ends[1], STEPS + 1) + self.load_db * moment.load
        return np.asarray(np.exp(decibels * DECIBEL) * moment.speed**self.speed_power)


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """One source of sound in a machine."""

    name: str
    level_db: float
    """Mean level against the other parts of the machine, decibels."""
    dry: Dry
    body: Samples
    """Impulse response between the source and the air, shape [taps], float32."""


def through_air() -> Samples:
    """The body of what sounds straight into the room."""
    return np.ones(1, np.float32)


def tones(harmonics: dict[int, float], fastest_hz: float, order: Fraction, rng: np.random.Generator) -> Dry:
    """Tones at multiples of the speed of something that turns.

    Args:
        harmonics: multiple -> amplitude.
        fastest_hz: the highest speed of what turns; multiples that would go beyond `HIGHEST_HZ` are left out.
        order: its speed over that of the drive shaft.
        rng: draws the phases.
    """
    turn = np.arange(TABLE) / TABLE
    wave = np.zeros(TABLE)
    for multiple, amplitude in harmonics.items():
        phase = rng.uniform()
        if multiple * fastest_hz <= HIGHEST_HZ:
            wave += amplitude * np.sin(2 * np.pi * (multiple * turn + phase))
    table = wave.astype(np.float32)
    return lambda moment: table[(moment.angle(order) * TABLE).astype(np.int32) & (TABLE - 1)]


def steady_tones(harmonics: dict[int, float], rng: np.random.Generator) -> Dry:
    """Tones at fixed whole frequencies (mains hum, an inverter's carrier): hertz -> amplitude."""
    times_s = np.arange(SEGMENT) / RATE_HZ
    wave = np.zeros(SEGMENT)
    for hertz, amplitude in harmonics.items():  # whole hertz fit a segment of one second, which therefore repeats
        wave += amplitude * np.sin(2 * np.pi * (hertz * times_s + rng.uniform()))
    samples = wave.astype(np.float32)
    return lambda _: samples


def noise(key: int) -> Dry:
    """White noise."""
    return lambda moment: white(key, moment.second)


def blows(order: Fraction, key: int, jitter: float, weight: Callable[[Floats], Floats] | None = None) -> Dry:
    """Short blows, ``order`` of them in a turn of the drive shaft.

    Args:
        order: blows in a turn.
        key: draws time and force of each.
        jitter: greatest shift of a blow, as a share of the distance to the next.
        weight: from a uniform random number for each blow to its force; None varies by `HARDEST_BLOW_DB`.
    """

    def dry(moment: Moment) -> Samples:
        events = moment.events(order, key, jitter)
        draw = chance(key + 1, events.numbers)
        force = 10 ** ((draw - 0.5) * HARDEST_BLOW_DB / 20) if weight is None else weight(draw)
        return struck(events.samples, force)

    return dry


def struck(samples: np.ndarray[tuple[int], np.dtype[np.int64]], force: Floats) -> Samples:
    """Impulses of the given force at the given samples, shape [SEGMENT], float32."""
    out = np.zeros(SEGMENT, np.float32)
    np.add.at(out, samples, force.astype(np.float32))
    return out


def answering(dry: Dry, response: Response, *, gated: bool = True) -> Dry:
    """A part whose loudness follows load, speed and its own wander, and that is silent while the machine stands."""

    def dry_now(moment: Moment) -> Samples:
        gain = response.gain(moment)
        return dry(moment) * spread_gain(gain * moment.running if gated else gain)

    return dry_now


def comb(
    first: int, count: int, fall_db: float, rng: np.random.Generator, sidebands_db: float | None = None
) -> dict[int, float]:
    """Amplitudes of the multiples of ``first``, each about ``fall_db`` below the one before, scattered by 3 dB.

    Args:
        first: the lowest, in turns of the shaft: 1 for the shaft, blades for a fan, teeth for a gear.
        count: how many multiples.
        fall_db: decibels from each to the next.
        rng: draws the scatter.
        sidebands_db: level of the neighbours one shaft order away, re each (no gear is quite round); None for none.
    """
    lines: dict[int, float] = {}
    for index in range(1, count + 1):
        level_db = -fall_db * (index - 1) + rng.normal(0, 3)
        lines[first * index] = 10 ** (level_db / 20)
        if sidebands_db is not None:
            for side in (-1, 1):
                lines[first * index + side] = 10 ** ((level_db + sidebands_db + rng.normal(0, 2)) / 20)
    return lines


def resonant(rng: np.random.Generator, low_hz: float, high_hz: float, count: int, q: float) -> Samples:
    """A structure that rings at ``count`` resonances drawn between two frequencies, shape [PART_TAPS]."""
    hertz = np.sort(rng.uniform(low_hz, high_hz, count))
    return ringing({float(mode): float(rng.uniform(0.4, 1.0)) for mode in hertz}, q)


def colour(rng: np.random.Generator, points: dict[float, float]) -> Samples:
    """A noise colour of this individual machine: the given hertz -> decibels, each moved by some 2 dB."""
    return shape({hertz: decibels + float(rng.normal(0, 2)) for hertz, decibels in points.items()})
