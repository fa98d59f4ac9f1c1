"""One individual machine: its parts set to level, mixed, put into its room, and played from any sample on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import numpy as np

from monitor.audio.block import Samples
from monitor.audio.simulation.faults import MAKERS, TAKES_AWAY, DriftSpec, FaultSpec
from monitor.audio.simulation.machines import KINDS, Design, Workshop
from monitor.audio.simulation.parts import Part
from monitor.audio.simulation.rhythm import Moment
from monitor.audio.simulation.signals import FFT_SIZE, SEGMENT, Spectrum, grid_s, prompt_shape, spread_gain, transfer

LEVEL_DBFS = -36.0
"""RMS of a healthy machine while it runs: leaves room for the blows of a fault, which peak 25 dB above their RMS."""
REFERENCE_SEGMENTS = 24
"""Levels are measured over so many seconds ..."""
REFERENCE_STRIDE = 11
"""... so far apart: four and a half minutes in all, which see most of the load's wander, and not its common periods."""
FAULT_SEGMENTS = 72
"""Likewise for a fault: a belt squeals in bursts, and takes longer to know."""
KEPT = 4
"""Seconds of sound kept: those who listen to the same voice read at most a second apart, and a read may span two."""
REFERENCE_LIMIT = 400
"""Segments looked at to find enough in which an intermittent machine runs."""


Way: TypeAlias = tuple[Spectrum, tuple[tuple[Part, np.float32], ...]]
"""A filter to the microphone, and the parts that take this way with their amplitudes."""


@dataclass(frozen=True, slots=True, eq=False)
class Individual:
    """A machine with its levels set; what is wrong with it comes on top."""

    design: Design
    gains: Mapping[str, float]
    """Amplitude of each part of the design."""
    ways: tuple[Way, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Ailment:
    """A fault set to its level."""

    spec: FaultSpec
    part: Part
    gain: float
    filter: Spectrum


def faults_of(kind: str) -> tuple[str, ...]:
    """Names of the faults that a kind of machine can have.

    Raises:
        ValueError: no such kind.
    """
    design = _design(kind, 0)
    return tuple(name for name in MAKERS if name not in TAKES_AWAY or design.strokes is not None)


class Voice:
    """The sound of one individual with its faults and drift, made a second at a time and kept until passed.

    May be shared, by threads too: what is kept only saves making it again.

    Raises:
        ValueError: an unknown kind, a negative seed, or a fault that this kind cannot have.
    """

    def __init__(self, kind: str, seed: int, faults: Sequence[FaultSpec] = (), drift: DriftSpec | None = None) -> None:
        self._machine = _individual(kind, seed)
        self._ailments = tuple(_ailment(kind, seed, spec) for spec in faults)
        self._drift = drift
        self._tilt = None if drift is None else transfer(prompt_shape(drift.points()))
        self._wet: dict[int, Samples] = {}
        self._mixed: dict[int, Samples] = {}

    def samples(self, start: int, frames: int) -> Samples:
        """Samples from ``start`` on, shape [frames], float32, within +-1."""
        if frames <= 0:
            return np.zeros(0, np.float32)
        first, last = start // SEGMENT, (start + frames - 1) // SEGMENT
        pieces = [self._segment(second) for second in range(first, last + 1)]
        pieces[-1] = pieces[-1][: start + frames - last * SEGMENT]
        pieces[0] = pieces[0][start - first * SEGMENT :]
        return np.concatenate(pieces)

    def _segment(self, second: int) -> Samples:
        whole = self._mixed.get(second)
        if whole is None:
            whole = self._mix(second)
            kept = {key: value for key, value in self._mixed.items() if second - KEPT < key < second}
            self._mixed = {**kept, second: whole}
        return whole

    def _mix(self, second: int) -> Samples:
        self._wet = {key: value for key, value in self._wet.items() if key in {second - 1, second}}
        whole = self._ringing(second)[:, :SEGMENT].copy()
        before = self._ringing(second - 1)[:, SEGMENT:]
        whole[:, : before.shape[1]] += before
        plain: Samples = whole[0]
        if self._drift is not None:
            share = spread_gain(self._drift.share(grid_s(second)))
            plain = plain + share * (whole[1] - plain)
        return np.clip(plain, -1.0, 1.0)  # as the converter of a real microphone would

    def _ringing(self, second: int) -> Samples:
        """A segment and how it rings on, shape [1 or 2, FFT_SIZE]: as it is, and as the drift will make it."""
        ringing = self._wet.get(second)
        if ringing is None:
            spectrum = self._spectrum(second)
            both = [spectrum] if self._tilt is None else [spectrum, spectrum * self._tilt]
            ringing = self._wet[second] = np.fft.irfft(np.stack(both), FFT_SIZE).astype(np.float32)
        return ringing

    def _spectrum(self, second: int) -> Spectrum:
        machine = self._machine
        moment = machine.design.rhythm.at(second)
        total = np.zeros(FFT_SIZE // 2 + 1, np.complex64)
        for way, members in machine.ways:
            total += _heard(_summed(moment, members), way)
        for ailment in self._ailments:
            severity = ailment.spec.severity(grid_s(second))
            if severity.any():  # so that a machine before its fault is the healthy one to the last bit
                grown = spread_gain(severity * ailment.gain)
                total += _heard(ailment.part.dry(moment) * grown, ailment.filter)
        return total


@lru_cache(maxsize=64)
def healthy_voice(kind: str, seed: int) -> Voice:
    """The one voice of a healthy individual: all who listen to it hear the same, and it is made once for all of them.

    Raises:
        ValueError: as `Voice`.
    """
    return Voice(kind, seed)


def _design(kind: str, seed: int) -> Design:
    if kind not in KINDS:
        raise ValueError(f"no such simulated machine: {kind!r}; there are {', '.join(KINDS)}")
    if seed < 0:
        raise ValueError(f"seed must be at least 0, not {seed}")
    return KINDS[kind](Workshop(kind, seed))


@lru_cache(maxsize=1024)
def _individual(kind: str, seed: int) -> Individual:
    design = _design(kind, seed)
    filters = tuple(transfer(part.body, design.room) for part in design.parts)
    moments = tuple(_running_moments(design, REFERENCE_SEGMENTS))
    levels = [
        10 ** (part.level_db / 20) / np.sqrt(_power(part, way, moments))
        for part, way in zip(design.parts, filters, strict=True)
    ]
    total = sum(10 ** (part.level_db / 10) for part in design.parts)  # parts are independent: their powers add
    scale = 10 ** (LEVEL_DBFS / 20) / np.sqrt(total)
    gains = {part.name: float(level * scale) for part, level in zip(design.parts, levels, strict=True)}
    return Individual(design, gains, _ways(design, gains))


def _ways(design: Design, gains: Mapping[str, float]) -> tuple[Way, ...]:
    """Parts that sound straight into the room share one way: a transform costs more than making the sound."""
    members: dict[bytes, list[Part]] = {}
    for part in design.parts:
        members.setdefault(part.body.tobytes(), []).append(part)
    return tuple(
        (transfer(alike[0].body, design.room), tuple((part, np.float32(gains[part.name])) for part in alike))
        for alike in members.values()
    )


def _summed(moment: Moment, members: Iterable[tuple[Part, np.float32]]) -> Samples:
    total = np.zeros(SEGMENT, np.float32)
    for part, gain in members:
        total += part.dry(moment) * gain
    return total


@lru_cache(maxsize=1024)
def _loudness(kind: str, seed: int, fault: str) -> tuple[Part, Spectrum, float]:
    """A fault of an individual before its level is set, and its mean power so."""
    machine = _individual(kind, seed)
    part = MAKERS[fault](Workshop(kind, seed), machine.design)
    way = transfer(part.body, machine.design.room)
    moments = tuple(_running_moments(machine.design, FAULT_SEGMENTS))
    return part, way, _power(part, way, moments)


def _ailment(kind: str, seed: int, spec: FaultSpec) -> Ailment:
    part, way, power = _loudness(kind, seed, spec.kind)
    wanted = 10 ** ((LEVEL_DBFS + spec.snr_db) / 10)
    gain = float(np.sqrt(wanted / power))
    if spec.kind in TAKES_AWAY:
        gain = min(gain, _gain_of(_individual(kind, seed), part))
    return Ailment(spec, part, gain, way)


def _gain_of(machine: Individual, fault: Part) -> float:
    """Amplitude of the part that a fault takes from, which has the very body of the fault."""
    return next(machine.gains[part.name] for part in machine.design.parts if part.body is fault.body)


def _running_moments(design: Design, count: int) -> Iterator[Moment]:
    found = 0
    for second in range(0, REFERENCE_LIMIT * REFERENCE_STRIDE, REFERENCE_STRIDE):
        moment = design.rhythm.at(second)
        if moment.running.min() > 0:
            yield moment
            found += 1
        if found == count:
            return


def _power(part: Part, way: Spectrum, moments: Sequence[Moment]) -> float:
    """Mean power of a part at the microphone."""
    # Parseval over the transform: inner bins stand for two
    energies = [2 * float(np.sum(np.abs(_heard(part.dry(moment), way)) ** 2)) / FFT_SIZE for moment in moments]
    return float(np.mean(energies)) / SEGMENT


def _heard(dry: Samples, way: Spectrum) -> Spectrum:
    return np.asarray(np.fft.rfft(dry, FFT_SIZE) * way, dtype=np.complex64)
