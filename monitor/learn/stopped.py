"""The level below which a machine counts as off, measured on recordings of it standing still and running."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from monitor.audio.level import rms_dbfs
from monitor.detect.running import RunningPolicy
from monitor.errors import CalibrationError
from monitor.learn.dataset import read_dataset, windows

MARGIN_DB = 3.0
"""Above the loudest window of the stopped machine, where nothing else is known: the hall is louder some day."""
LEAST_GAP_DB = 3.0
"""Beside the hysteresis, to be left between off and running: a gap that any change of the hall closes helps nobody."""


@dataclass(frozen=True, slots=True)
class StoppedLevel:
    """What the recordings say; levels are root mean square of a window, dBFS."""

    off_most: float
    """Loudest window of the machine when it is off."""
    running_least: float | None
    """Quietest window of the running machine; None without recordings of it."""
    below: float
    """What to configure."""
    problems: tuple[str, ...] = ()
    """Recordings that could not be used."""


def measure(off: Sequence[Path], running: Sequence[Path], window_s: float, channel: int = 0) -> StoppedLevel:
    """Find the level between off and running.

    Args:
        off: recordings of the machine standing still.
        running: of it in every normal state; may be empty.
        window_s: seconds that are judged at a time.
        channel: index of the machine's channel, from 0.

    Raises:
        RecordingError: none of the recordings can be used.
        CalibrationError: the running machine is not clearly louder: by level they cannot be told apart.
    """
    quiet, problems = _levels(off, window_s, channel)
    most = max(quiet)
    if not running:
        return StoppedLevel(most, None, _rounded(most + MARGIN_DB), problems)
    loud, more = _levels(running, window_s, channel)
    least = min(loud)
    hysteresis = RunningPolicy().hysteresis_db
    if least - most < hysteresis + LEAST_GAP_DB:
        raise CalibrationError(
            f"off and running cannot be told apart by level: off is up to {most:.1f} dBFS, running from {least:.1f} "
            f"dBFS on; needed are at least {hysteresis + LEAST_GAP_DB:g} dB between them"
        )
    return StoppedLevel(most, least, _rounded((most + least - hysteresis) / 2), (*problems, *more))


def _levels(paths: Sequence[Path], window_s: float, channel: int) -> tuple[list[float], tuple[str, ...]]:
    found = read_dataset(paths, channel)
    levels = [
        rms_dbfs(window) for recording in found.recordings for window in windows(recording.samples, window_s, window_s)
    ]
    return levels, found.problems


def _rounded(level: float) -> float:
    return round(min(level, 0.0), 1)
