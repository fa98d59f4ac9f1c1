"""A simulated machine as a source of sound, for demonstrations, tests and benches: any second of its life on demand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from monitor.audio.block import AudioBlock, Samples
from monitor.audio.simulation.faults import FAULTS, DriftSpec, FaultSpec
from monitor.audio.simulation.individual import Voice, faults_of, healthy_voice
from monitor.audio.simulation.machines import KINDS
from monitor.audio.source import MODEL_RATE_HZ, Pace

__all__ = ["FAULTS", "MACHINES", "DriftSpec", "FaultSpec", "SimulatedSource", "faults_of", "render"]

MACHINES = tuple(KINDS)
"""Names of the kinds of machine."""
MAX_READ_S = 10
"""Seconds of audio returned by one read at most: one default window, as a recording does."""


def render(
    kind: str,
    seed: int,
    start_sample: int,
    frames: int,
    faults: Sequence[FaultSpec] = (),
    drift: DriftSpec | None = None,
) -> Samples:
    """The sound of a machine from any sample of its life on; the same however it is cut.

    Args:
        kind: one of `MACHINES`.
        seed: which individual of this kind, at least 0.
        start_sample: first sample, counted at ``MODEL_RATE_HZ`` from the machine's time 0.
        frames: how many samples.
        faults: what is wrong with it; `FaultSpec.onset_s` counts from time 0.
        drift: how its normal sound changes; `DriftSpec.onset_s` counts from time 0.

    Returns:
        Shape [frames], float32, within full scale +-1; healthy machines have -36 dBFS (RMS while running).

    Raises:
        ValueError: an unknown kind, a negative seed, or a fault that this kind cannot have.
    """
    return Voice(kind, seed, tuple(faults), drift).samples(start_sample, frames)


class SimulatedSource:
    """The `Source` of a simulated machine: one channel, its sound a function of UTC and the seed.

    Opened twice at the same ``now_s`` it sounds the same; what was recorded yesterday does not come again today.

    Args:
        kind: one of `MACHINES`.
        seed: which individual of this kind, at least 0.
        speed: seconds of audio per second of ``now_s``; None returns more at every read.
        fault: what goes wrong, `FaultSpec.onset_s` seconds of audio after opening.
        drift: how the normal sound changes, likewise from opening on.

    Raises:
        ValueError: an unknown kind, a fault it cannot have, a negative seed, or a speed that is not positive.
    """

    def __init__(
        self,
        kind: str,
        seed: int,
        speed: float | None = 1.0,
        fault: FaultSpec | None = None,
        drift: DriftSpec | None = None,
    ) -> None:
        if speed is not None and speed <= 0:
            raise ValueError(f"speed must be greater than 0, not {speed}")
        self._kind = kind
        self._seed = seed
        self._speed = speed
        self._fault = fault
        self._drift = drift
        self._voice: Voice | None = None
        self._opened_s = 0.0
        self._first = 0
        self._delivered = 0
        _voice(kind, seed, fault, drift)  # says now what is wrong with the arguments

    @property
    def channels(self) -> int:
        """Always 1."""
        return 1

    @property
    def finished(self) -> bool:
        """Never while open."""
        return False

    @property
    def lost_samples(self) -> int:
        """Always 0: the machine waits for its listener."""
        return 0

    @property
    def problems(self) -> tuple[str, ...]:
        """Always empty."""
        return ()

    @property
    def pace(self) -> Pace | None:
        """None: a simulated machine's rate is exact."""
        return None

    def open(self, now_s: float) -> None:
        """Listen from ``now_s`` (UTC, POSIX seconds) on."""
        fault = replace(self._fault, onset_s=now_s + self._fault.onset_s) if self._fault else None
        drift = replace(self._drift, onset_s=now_s + self._drift.onset_s) if self._drift else None
        self._voice = _voice(self._kind, self._seed, fault, drift)
        self._opened_s = now_s
        self._first = round(now_s * MODEL_RATE_HZ)
        self._delivered = 0

    def read(self, now_s: float) -> Sequence[AudioBlock]:
        """Blocks of up to a second that have become due up to ``now_s``, oldest first, at most ``MAX_READ_S``."""
        if self._voice is None:
            return ()
        blocks = []
        due = self._due(now_s)
        while due > 0:
            frames = min(due, MODEL_RATE_HZ)
            blocks.append(self._block(self._voice.samples(self._first + self._delivered, frames)))
            due -= frames
        return blocks

    def close(self) -> None:
        """Stop listening; harmless when not open."""
        self._voice = None

    def _due(self, now_s: float) -> int:
        most = MAX_READ_S * MODEL_RATE_HZ
        if self._speed is None:
            return most
        return min(most, int((now_s - self._opened_s) * self._speed * MODEL_RATE_HZ) - self._delivered)

    def _block(self, samples: Samples) -> AudioBlock:
        start_s = self._opened_s + self._delivered / MODEL_RATE_HZ
        block = AudioBlock(np.reshape(samples, (-1, 1)), MODEL_RATE_HZ, start_s, gap=self._delivered == 0)
        self._delivered += block.frames
        return block


def _voice(kind: str, seed: int, fault: FaultSpec | None, drift: DriftSpec | None) -> Voice:
    if fault is None and drift is None:
        return healthy_voice(kind, seed)
    return Voice(kind, seed, (fault,) if fault else (), drift)
