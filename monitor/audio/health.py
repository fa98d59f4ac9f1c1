"""What every second of a channel says of its microphone: measured, not judged; a pure fold.

It is blind to how the blocks were cut. Judging is `monitor.detect.microphone`'s.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from monitor.audio.block import AudioBlock, Samples
from monitor.audio.level import rms_dbfs
from monitor.audio.source import MODEL_RATE_HZ
from monitor.audio.stretch import follow

Powers: TypeAlias = NDArray[np.float64]

FULL_SCALE: Final = 0.95
"""From here on a sample counts as clipped, share of full scale: a converter clips at 1, and resampling after it lets
the flat tops ring by a few percent."""
FLAT: Final = 0.01
"""So near to the second's highest or lowest sample, share of their distance, one counts as clipped too: an amplifier
before the converter clips below full scale. A sine spends 13 % of its time there, noise next to none."""
LEAST_SPAN: Final = 64 / 32_768
"""Highest less lowest sample that this is asked for: 64 steps of 16 bits, so that the steps themselves are no tops."""
BAND_EDGES_HZ: Final = (88, 177, 354, 707, 1414, 2828, 5657, 8000)
"""Octaves around 125 Hz to 8 kHz: each holds so many bins of a second that its level wavers by less than a decibel in
steady noise (below 125 Hz by 1 dB)."""
FLOOR: Final = 1e-15
"""Power that stands for digital silence, -150 dB re full scale."""

SILENT_SPAN: Final = 1e-6
"""Highest less lowest sample of a second up to which it is taken for one value: eight steps of 24 bits. The quietest
converter's own noise is greater; what resampling makes of a constant is less than a tenth of it."""

MAINS_HZ: Final = (50, 60)
"""Europe, and America with half of Japan."""
MAINS_LINES: Final = 6
"""Lines of the comb that are looked for, up to 300 or 360 Hz: further up they drown in any machine."""
MOST_LINES: Final = 4
"""So many of them make a comb: what a broken shield picks up may lack one or two."""
HUM_S: Final = 4
"""Seconds that the comb is looked for in: with bins 0.25 Hz apart, a motor that turns 1 % slower than mains is told
from it, and mains may stray by a thousandth, as it does in normal operation."""
HUM_SPECTRA: Final = 3
"""Power spectra, a second apart, that are averaged (Welch's method). By one alone a simulated fan reaches 12.6 dB by
chance and hum as loud as itself 18.7 dB at times; by the mean of three, 10.9 and 18.4 dB: they no longer come so near
that a second in seven is missed. Five gain 1 dB more and answer 2 s later."""
DECIMATION: Final = 8
"""For the comb, 2 kHz are plenty; means of 8 samples let a tone at 1.7 kHz through by -16 dB, which is no comb."""
LINE_SIDES_HZ: Final = (2.0, 8.0)
"""How far from a line its surroundings lie, from and to: beyond the window's lobes, before the next line."""

TWIN_DB: Final = -50.0
"""Two channels are one when they differ by less than this, re their level: inputs that share a microphone differ by
their own noise, 60 dB down; two microphones side by side differ by 20 dB down at best."""

_HANN: Final = np.hanning(MODEL_RATE_HZ).astype(np.float32)
_WEIGHT: Final = 2.0 / (MODEL_RATE_HZ * float(np.sum(_HANN**2)))
"""So that all bins of a second add up to its mean square."""
_LOW_HANN: Final = np.hanning(HUM_S * MODEL_RATE_HZ // DECIMATION).astype(np.float32)
_LOW_WEIGHT: Final = 2.0 / (len(_LOW_HANN) * float(np.sum(_LOW_HANN**2)))
_MIDDLES: Final = HUM_S * np.outer(MAINS_HZ, np.arange(1, MAINS_LINES + 1))[:, :, None]
"""Bins of the lines, shape [mains, lines, 1]."""
_LINES: Final = _MIDDLES + np.arange(-2, 3)
"""The window's main lobe, 1 Hz wide."""
_NEAR, _FAR = (round(hz * HUM_S) for hz in LINE_SIDES_HZ)
_SIDES: Final = _MIDDLES + np.concatenate([np.arange(-_FAR, -_NEAR), np.arange(_NEAR, _FAR)])
_MEDIAN: Final = slice((_SIDES.shape[2] - 1) // 2, _SIDES.shape[2] // 2 + 1)
"""Of as many in their order; sorted, because `numpy.median` takes six times as long for so few."""
_BINS: Final = int(_SIDES.max()) + 1
"""Of a spectrum, so many are looked at."""


@dataclass(frozen=True, slots=True)
class Hum:
    """A comb of lines at the mains frequency and its multiples."""

    mains_hz: int
    prominence_db: float
    """How far four of its six lines stand out of their surroundings, at least, decibels."""
    level_dbfs: float
    """Of all six lines together."""


@dataclass(frozen=True, slots=True)
class Second:
    """One second of one channel, at ``MODEL_RATE_HZ``."""

    channel: int
    """Index of the source's channel, from 0."""
    start_s: float
    """UTC of its first sample, POSIX seconds."""
    finite: bool
    """Whether every sample is a number; if not, nothing below means anything."""
    level_dbfs: float
    """Root mean square about the mean."""
    offset: float
    """Mean, share of full scale."""
    span: float
    """Highest less lowest sample; full scale is 2."""
    clipped: float
    """Share of the samples at full scale, or on flat tops below it."""
    bands_dbfs: tuple[float, ...]
    """Level in each octave of ``BAND_EDGES_HZ``."""
    hums: tuple[Hum, ...] = ()
    """For each of ``MAINS_HZ``, over the last ``HUM_S + HUM_SPECTRA - 1`` seconds; empty at a stretch's beginning."""
    twin: int | None = None
    """Another channel that has the same sound, index from 0."""

    @property
    def end_s(self) -> float:
        """UTC just after its last sample, POSIX seconds."""
        return self.start_s + 1.0


@dataclass(frozen=True, slots=True, eq=False)
class MeterState:
    """What is held between blocks. Begin with ``MeterState()``."""

    chunks: tuple[Samples, ...] = ()
    """Each of shape [n, channels]: the second that is not complete yet."""
    pending: int = 0
    """Samples in ``chunks`` together."""
    position: int = 0
    """Samples of the stretch so far, up to the end of ``chunks``."""
    origin_s: float = 0.0
    """UTC of the first sample of the stretch, POSIX seconds."""
    begun: bool = False
    low: tuple[Samples, ...] = ()
    """The last seconds of the stretch, decimated, at most ``HUM_S``, each of shape [n, channels]."""
    powers: tuple[Powers, ...] = ()
    """Of its last ``HUM_S`` and those a second before each, at most ``HUM_SPECTRA``, each of shape [channels, bins]."""


def measure(channels: tuple[int, ...], state: MeterState, block: AudioBlock) -> tuple[MeterState, tuple[Second, ...]]:
    """Take one block in; give what is held now, and a measurement of each channel for each second that became complete.

    A gap drops the second that it falls into, and what came before it.

    Args:
        channels: which to measure, indices from 0, ascending, each once.
        state: before the block.
        block: at ``MODEL_RATE_HZ``.

    Raises:
        IndexError: the block has no such channel.
    """
    if block.gap or not state.begun:
        state = MeterState(origin_s=block.start_s, begun=True)
    state = replace(
        state,
        chunks=(*state.chunks, np.array(block.samples[:, channels], np.float32, order="C")),
        pending=state.pending + block.frames,
        origin_s=follow(state.origin_s, state.position, block.rate_hz, block.start_s),
        position=state.position + block.frames,
    )
    if state.pending < MODEL_RATE_HZ:
        return state, ()
    held = np.concatenate(state.chunks)
    whole = len(held) // MODEL_RATE_HZ
    measured: list[Second] = []
    for place in range(whole):
        samples = held[place * MODEL_RATE_HZ : (place + 1) * MODEL_RATE_HZ]
        start_s = state.origin_s + (state.position - len(held)) / MODEL_RATE_HZ + place
        low = (*state.low, _decimated(samples))[-HUM_S:]
        powers = state.powers if len(low) < HUM_S else (*state.powers, _low_power(low))[-HUM_SPECTRA:]
        state = replace(state, low=low, powers=powers)
        measured += _seconds(channels, samples, start_s, powers)
    rest = held[whole * MODEL_RATE_HZ :].copy()
    return replace(state, chunks=(rest,) if len(rest) else (), pending=len(rest)), tuple(measured)


def _seconds(channels: tuple[int, ...], samples: Samples, start_s: float, powers: tuple[Powers, ...]) -> list[Second]:
    with np.errstate(invalid="ignore", divide="ignore"):  # a sample that is no number has no twin
        twins = _twins(channels, samples)
    power = sum(powers[1:], powers[0]) / HUM_SPECTRA if len(powers) == HUM_SPECTRA else None
    # Each channel is copied out (and blocks above), so that no sum depends on how its samples lay in memory.
    return [
        _second(
            channel,
            np.ascontiguousarray(samples[:, place]),
            start_s,
            () if power is None else _hums(power[place]),
            twins[place],
        )
        for place, channel in enumerate(channels)
    ]


def _second(channel: int, samples: Samples, start_s: float, hums: tuple[Hum, ...], twin: int | None) -> Second:
    if not np.isfinite(samples).all():
        return Second(channel, start_s, False, 0.0, 0.0, 0.0, 0.0, ())
    offset = float(samples.mean(dtype=np.float64))
    lowest, highest = float(samples.min()), float(samples.max())
    sound = samples - np.float32(offset)
    return Second(
        channel=channel,
        start_s=start_s,
        finite=True,
        level_dbfs=rms_dbfs(sound),
        offset=offset,
        span=highest - lowest,
        clipped=_clipped(samples, lowest, highest),
        bands_dbfs=_bands(sound),
        hums=hums,
        twin=twin,
    )


def _clipped(samples: Samples, lowest: float, highest: float) -> float:
    span = highest - lowest
    least = FLAT * span if span >= LEAST_SPAN else 0.0
    top, bottom = min(FULL_SCALE, highest - least), max(-FULL_SCALE, lowest + least)
    if span < LEAST_SPAN and highest < FULL_SCALE and lowest > -FULL_SCALE:
        return 0.0
    return float(np.count_nonzero(samples >= top) + np.count_nonzero(samples <= bottom)) / len(samples)


def _bands(sound: Samples) -> tuple[float, ...]:
    """Level in each octave, dBFS: [n] -> K."""
    spectrum = np.fft.rfft(sound * _HANN)  # a second has bins 1 Hz apart
    power = (spectrum.real**2 + spectrum.imag**2).astype(np.float64) * _WEIGHT
    return tuple((10 * np.log10(np.maximum(np.add.reduceat(power, BAND_EDGES_HZ)[:-1], FLOOR))).tolist())


def _decimated(samples: Samples) -> Samples:
    """Means of so many samples: [n, channels] -> [n / DECIMATION, channels]."""
    parts = samples.reshape(-1, DECIMATION, samples.shape[1])
    with np.errstate(invalid="ignore"):
        total = parts[:, 0].copy()
        for place in range(1, DECIMATION):  # a ninth of the time that `mean` takes over so short an axis
            total += parts[:, place]
        return total / np.float32(DECIMATION)


def _low_power(low: tuple[Samples, ...]) -> Powers:
    """Power in each bin, full scale's square, of ``low``, ``HUM_S`` seconds of [n, channels]: -> [channels, bins].

    Not numbers where a sample was none.
    """
    sound = np.ascontiguousarray(np.concatenate(low).T)
    with np.errstate(invalid="ignore"):
        spectrum = np.fft.rfft((sound - sound.mean(axis=1, keepdims=True)) * _LOW_HANN)[:, :_BINS]
        power: Powers = (spectrum.real**2 + spectrum.imag**2).astype(np.float64) * _LOW_WEIGHT
    return np.asarray(np.maximum(power, FLOOR))  # what is no number stays none


def _hums(power: Powers) -> tuple[Hum, ...]:
    """How much of a spectrum [bins] is a comb, for each mains frequency."""
    if not np.isfinite(power).all():
        return ()
    lines, sides = power[_LINES], np.sort(power[_SIDES], axis=2)[:, :, _MEDIAN].mean(axis=2)
    prominence = np.sort(10 * np.log10(lines.max(axis=2) / sides), axis=1)[:, -MOST_LINES]
    levels = 10 * np.log10(lines.sum(axis=(1, 2)))
    return tuple(
        Hum(mains_hz, float(prominence[place]), float(levels[place])) for place, mains_hz in enumerate(MAINS_HZ)
    )


def _twins(channels: tuple[int, ...], samples: Samples) -> list[int | None]:
    """For each column, the first other channel that is the same but for its loudness; silent ones have no twin."""
    count = samples.shape[1]
    twins: list[int | None] = [None] * count
    if count == 1:
        return twins
    sound = samples.astype(np.float64)
    sound -= sound.mean(axis=0)
    power = np.einsum("ij,ij->j", sound, sound)
    shared = sound.T @ sound
    rest = 1.0 - shared**2 / np.outer(power, power)  # of the power, what the other channel does not explain
    same = rest < 10 ** (TWIN_DB / 10)  # false where a power is 0 or not a number
    for one in range(count):
        twins[one] = next((channels[other] for other in range(count) if other != one and same[one, other]), None)
    return twins
