"""A level meter and a spectrogram that scrolls, in characters and colours of a terminal."""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING

from monitor.cli.progress import level_bar

if TYPE_CHECKING:
    from rich.text import Text

    from monitor.audio.bands import Levels
    from monitor.service.listening import Look

DARKEST_DBFS = -100.0
"""A band of a good microphone in a quiet room."""
BRIGHTEST_DBFS = -20.0
"""A band of a machine that is about to clip the converter."""
COLOURS = ((0, 0, 4), (80, 18, 123), (182, 54, 121), (251, 136, 97), (252, 253, 191))
"""From dark to bright, equally far apart: black, violet, red, orange, pale yellow (matplotlib's magma)."""
LABEL_CELLS = 9
"""Columns of a terminal for ``5040 Hz  ``, a row's lower end."""


class Spectrogram:
    """The latest sound of one machine, newest at the right.

    Args:
        machine: for the heading.
        cells: width of the terminal.
    """

    def __init__(self, machine: str, cells: int) -> None:
        self._machine = machine
        self._columns: deque[Levels] = deque(maxlen=max(1, cells - LABEL_CELLS))
        self._meter = "no sound yet"

    def draw(self, look: Look) -> Text:
        """The meter's line, and below it two bands to a row, the highest at the top."""
        from rich.style import Style
        from rich.text import Text

        from monitor.audio.bands import BANDS, EDGES_HZ

        self._columns.extend(look.columns)
        if look.columns or look.trouble:  # between two blocks of a device the meter stays
            self._meter = meter(look)
        text = Text(f"{self._machine}  {self._meter}", no_wrap=True, overflow="crop")
        for band in range(BANDS - 2, -1, -2):
            text.append(f"\n{EDGES_HZ[band]:4.0f} Hz  ")
            for column in self._columns:
                upper, lower = colour(float(column[band + 1])), colour(float(column[band]))
                text.append("\u2580", Style.parse(f"{upper} on {lower}"))
        return text


def meter(look: Look) -> str:
    """``#######------|---  -31 dBFS``, or why there is no sound."""
    if not look.columns:
        return look.trouble or ""
    return f"{level_bar(look.rms_dbfs, look.peak_dbfs)}{_lost(look)}"


def line(machine: str, look: Look) -> str:
    """``fan-1: -31 dBFS, peak -20 dBFS``, or why there is no sound."""
    if not look.columns:
        return f"{machine}: {look.trouble or 'no sound yet'}"
    return f"{machine}: {look.rms_dbfs:.0f} dBFS, peak {look.peak_dbfs:.0f} dBFS{_lost(look)}"


def _lost(look: Look) -> str:
    return f", {look.lost_samples} samples lost" if look.lost_samples else ""


def colour(level_dbfs: float) -> str:
    """A band's level as a colour, ``#50127b``; what is no number is as dark as silence."""
    share = (level_dbfs - DARKEST_DBFS) / (BRIGHTEST_DBFS - DARKEST_DBFS)
    place = 0.0 if math.isnan(share) else min(1.0, max(0.0, share)) * (len(COLOURS) - 1)
    below = min(int(place), len(COLOURS) - 2)
    mixed = (
        round(low + (high - low) * (place - below))
        for low, high in zip(COLOURS[below], COLOURS[below + 1], strict=True)
    )
    return "#" + "".join(f"{part:02x}" for part in mixed)
