"""What one machine sounds like right now, for a person at a terminal: the daemon's own ear, in short windows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from monitor.audio.bands import Levels, band_levels
from monitor.audio.level import peak_dbfs, rms_dbfs
from monitor.audio.source import MODEL_RATE_HZ
from monitor.audio.windows import WindowSpec
from monitor.config import Config, RecordingSource, SimulatedSource
from monitor.service.ears import Ear
from monitor.service.sources import ear_alone

COLUMN = MODEL_RATE_HZ // 10
"""Samples in a column of the spectrogram: the eye follows ten a second, and 10 Hz tell the lowest bands apart."""


@dataclass(frozen=True, slots=True)
class Look:
    """What came since the last look."""

    columns: tuple[Levels, ...] = ()
    """Levels of each band, a column for each tenth of a second; empty when no sound came."""
    rms_dbfs: float = float("nan")
    """Over all of it; NaN when no sound came."""
    peak_dbfs: float = float("nan")
    lost_samples: int = 0
    """Since the source was opened."""
    trouble: str | None = None
    """Why nothing comes; None while it does, or may still."""
    ended: bool = False
    """The recording is over."""


class Listening:
    """One machine's source, heard as the daemon hears it: the same capture, back-off and resampling.

    Args:
        config: with the machine in it.
        machine: its id.
    """

    def __init__(self, config: Config, machine: str) -> None:
        self._ear = live_ear(config, machine)

    def look(self, now_s: float) -> Look:
        """What came since the last look.

        Args:
            now_s: UTC, POSIX seconds.
        """
        heard = self._ear.hear(now_s)
        lost, trouble, ended = self._ear.source.lost_samples, self._ear.failing, self._ear.finished
        whole = [window for window in heard.windows if not window.lost]
        if not whole:
            return Look(lost_samples=lost, trouble=trouble, ended=ended)
        samples = np.concatenate([window.samples for window in whole])
        return Look(
            columns=tuple(band_levels(window.samples, window.rate_hz) for window in whole),
            rms_dbfs=rms_dbfs(samples),
            peak_dbfs=peak_dbfs(samples),
            lost_samples=lost,
            trouble=trouble,
            ended=ended,
        )

    def close(self) -> None:
        """Let go of the source."""
        self._ear.close()


def live_ear(config: Config, machine: str) -> Ear:
    """The machine's ear alone, with windows of a column; what could be played faster is played in real time."""
    playable = isinstance(config.machine(machine).source, RecordingSource | SimulatedSource)
    ear = ear_alone(config, machine, {"speed": 1.0} if playable else {})
    return Ear(ear.name, ear.source, (WindowSpec(machine, ear.channel(machine), COLUMN, COLUMN),))
