"""The raw material of simulated sound: slow wander, noise, filters and a room, each at any point of time by itself.

Nothing here has a state: the value at a time follows from seeds and that time alone, so that sound can be made from
any sample on, in any pieces, and is always the same.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitor.audio.block import Samples
from monitor.audio.source import MODEL_RATE_HZ

Floats = NDArray[np.float64]
Spectrum = NDArray[np.complex64]

RATE_HZ = MODEL_RATE_HZ
SEGMENT = RATE_HZ
"""Samples made at once: one second, long against any filter here and short against any block that is asked for."""
STEPS = 100
"""Slow quantities are computed so often in a segment, every 10 ms, and are straight between; a shaft's speed and a
level change far more slowly than that."""
FFT_SIZE = 19_200
"""Points of the transform that filters a segment: 2^8 x 75, quick, and it leaves `TAIL` samples to ring out."""
TAIL = FFT_SIZE - SEGMENT
"""Longest that a segment rings on, samples (0.2 s); all filters together are shorter."""
ROOM_TAPS = 2_400
"""Length of the room's response: 0.15 s. A microphone stands near its machine, so the later echo is below it."""
PART_TAPS = 512
"""Length of the filter of a part of a machine: 32 ms, resolves 31 Hz."""
DRIFT_TAPS = 256
"""Length of the filter that tilts the whole sound; a tilt is smooth and needs few."""

_RAMP = np.arange(SEGMENT // STEPS, dtype=np.float64) / (SEGMENT // STEPS)
_RAMP_32 = _RAMP.astype(np.float32)
_GRID_S = np.arange(STEPS + 1, dtype=np.float64) / STEPS
_NOISE_ORIGIN = 1 << 40
"""Added to segment numbers, because a seed cannot be negative and the segment before the first is needed."""


def grid_s(second: int) -> Floats:
    """The times at which slow quantities of a segment are computed, seconds, shape [STEPS + 1]."""
    return second + _GRID_S


def spread(grid: Floats) -> Floats:
    """From one value a step, shape [STEPS + 1], to one a sample, shape [SEGMENT], straight between the steps."""
    return np.asarray((grid[:-1, None] + np.diff(grid)[:, None] * _RAMP).ravel())


def spread_gain(grid: Floats) -> Samples:
    """As `spread`, in the precision and at the price of samples, float32."""
    steps = grid.astype(np.float32)
    return np.asarray((steps[:-1, None] + np.diff(steps)[:, None] * _RAMP_32).ravel())


def generator(seed: int, *names: str) -> np.random.Generator:
    """Random numbers of their own for whatever the names say, so that adding one thing changes no other."""
    return np.random.default_rng([seed, *(zlib.crc32(name.encode()) for name in names)])


def stream_key(seed: int, *names: str) -> int:
    """A 64-bit key for `white` and `chance`, of its own for whatever the names say."""
    return int(generator(seed, *names).integers(1 << 63))


def white(key: int, second: int) -> Samples:
    """White noise of unit variance for one segment, shape [SEGMENT], float32.

    It is uniform, which costs a third of Gaussian noise; any filter of more than a few taps makes it Gaussian.
    """
    bits = np.random.SFC64([key, second + _NOISE_ORIGIN])
    noise = np.random.Generator(bits).random(SEGMENT, dtype=np.float32)
    noise -= np.float32(0.5)
    noise *= np.float32(12**0.5)  # the variance of a uniform number is 1/12
    return noise


def chance(key: int, numbers: NDArray[np.int64]) -> Floats:
    """A uniform random number in [0, 1) for each event number (SplitMix64, Steele et al. 2014), shape as given."""
    with np.errstate(over="ignore"):  # the arithmetic is modulo 2^64 by design
        z = numbers.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(key)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    return np.asarray(z >> np.uint64(11), dtype=np.float64) * 2.0**-53


@dataclass(frozen=True, slots=True, eq=False)
class Wander:
    """A slow random movement of zero mean and unit variance: sines of periods spread evenly on a log scale."""

    rates_hz: Floats
    phases: Floats
    """Turns, in [0, 1)."""

    @classmethod
    def between(cls, rng: np.random.Generator, short_s: float, long_s: float, count: int = 8) -> Wander:
        """Periods from ``short_s`` to ``long_s`` seconds, each moved a little so that they have no common period."""
        periods = np.geomspace(short_s, long_s, count) * rng.uniform(0.9, 1.1, count)
        return cls(1 / periods, rng.uniform(0, 1, count))

    def at(self, times_s: Floats) -> Floats:
        """The value at each time, shape as ``times_s``."""
        return np.asarray(np.sin(self._angles(times_s)).sum(axis=0) * self._amplitude)

    def integral(self, times_s: Floats) -> Floats:
        """Its integral over time, seconds, shape as ``times_s``; it stays bounded."""
        slopes = self._amplitude / (2 * np.pi * self.rates_hz)
        return np.asarray(-(np.cos(self._angles(times_s)) * slopes[:, None]).sum(axis=0))

    @property
    def _amplitude(self) -> float:
        return float(np.sqrt(2 / self.rates_hz.size))

    def _angles(self, times_s: Floats) -> Floats:
        return np.asarray(2 * np.pi * ((self.rates_hz[:, None] * times_s + self.phases[:, None]) % 1.0))


def shape(points: dict[float, float], taps: int = PART_TAPS) -> Samples:
    """A filter of the given loudness over frequency; its phase is linear, which noise does not show.

    Args:
        points: hertz -> decibels, straight between on a log frequency scale, level outside.
        taps: length of the response.

    Returns:
        Impulse response, shape [taps], float32.
    """
    response = np.fft.irfft(_magnitude(points, taps))
    return (np.roll(response, taps // 2) * np.hanning(taps)).astype(np.float32)


def prompt_shape(points: dict[float, float], taps: int = DRIFT_TAPS) -> Samples:
    """As `shape`, with the least delay there is (minimum phase by the folded cepstrum, Oppenheim and Schafer)."""
    size = 8 * taps  # the cepstrum of a smooth curve has died out long before, so it does not fold onto itself
    cepstrum = np.fft.irfft(np.log(_magnitude(points, size)))
    cepstrum[1 : size // 2] *= 2
    cepstrum[size // 2 + 1 :] = 0
    return np.fft.irfft(np.exp(np.fft.rfft(cepstrum)))[:taps].astype(np.float32)


def ringing(modes: dict[float, float], q: float, taps: int = PART_TAPS) -> Samples:
    """What a struck structure answers: a decaying sine for each of its resonances.

    Args:
        modes: resonance in hertz -> amplitude.
        q: quality: a mode of frequency f falls by 60 dB in 2.2 q / f seconds.
        taps: length of the response.

    Returns:
        Impulse response, shape [taps], float32.
    """
    times_s = np.arange(taps) / RATE_HZ
    total = np.zeros(taps)
    for hertz, amplitude in modes.items():
        total += amplitude * np.exp(-np.pi * hertz / q * times_s) * np.sin(2 * np.pi * hertz * times_s)
    fade = np.minimum(
        1.0, (taps - np.arange(taps)) / (taps / 8)
    )  # a mode that outlasts the taps must not end in a click
    return (total * fade).astype(np.float32)


def room(rng: np.random.Generator) -> Samples:
    """A small room or enclosure: the direct sound, first reflections off floor and walls, a diffuse decay.

    Returns:
        Impulse response, shape [ROOM_TAPS], float32; the direct sound is 1 at its first sample.
    """
    response = np.zeros(ROOM_TAPS)
    response[0] = 1.0
    delays_s = rng.uniform(0.002, 0.03, 7)  # detours of 0.7 to 10 m
    response[(delays_s * RATE_HZ).astype(int)] += rng.choice((-1, 1), 7) * 0.25 * np.exp(-delays_s / 0.03)
    times_s = np.arange(ROOM_TAPS) / RATE_HZ
    decay = 10 ** (-3 * times_s / 0.3)  # reverberation time 0.3 s: a plant room with machines and cable trays in it
    diffuse = rng.standard_normal(ROOM_TAPS) * decay * 0.01  # 9 dB below the direct sound in all
    response += diffuse * np.minimum(1.0, times_s / 0.01)  # it builds up after the first reflections
    return response.astype(np.float32)


def transfer(*responses: Samples) -> Spectrum:
    """One filter out of several in a row, as `filtered` takes it, shape [FFT_SIZE / 2 + 1]."""
    product = np.ones(FFT_SIZE // 2 + 1, np.complex64)
    for response in responses:
        product *= np.fft.rfft(response, FFT_SIZE)
    return product


def _magnitude(points: dict[float, float], size: int) -> Floats:
    hertz = np.fft.rfftfreq(size, 1 / RATE_HZ)
    known = np.log2(np.array(list(points)))
    decibels = np.interp(np.log2(np.maximum(hertz, 1.0)), known, np.array(list(points.values())))
    return np.asarray(10 ** (decibels / 20))
