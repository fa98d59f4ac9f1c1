"""Levels of sound devices as people and programs read them."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from monitor.cli.progress import level_bar

if TYPE_CHECKING:
    from rich.table import Table

    from monitor.audio.meters import Level


def level_table(levels: Sequence[Level]) -> Table:
    """One row per channel, with a bar."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for name in ("microphone", "channel", "level", "measured rate"):
        table.add_column(name, no_wrap=name != "microphone")
    for level in levels:
        if not level.rms_dbfs:
            table.add_row(Text(level.selector), "", Text(level.trouble or "..."), "")
        for channel, (rms, peak) in enumerate(zip(level.rms_dbfs, level.peak_dbfs, strict=True), 1):
            first = channel == 1
            table.add_row(
                Text(level.selector if first else ""), str(channel), level_bar(rms, peak), _rate(level) if first else ""
            )
    return table


def lines(levels: Sequence[Level]) -> Iterator[str]:
    """One line per device: ``mic1: -31 -80 dBFS``."""
    for level in levels:
        loud = " ".join(f"{rms:.0f}" for rms in level.rms_dbfs)
        yield f"{level.selector}: {f'{loud} dBFS' if loud else level.trouble or 'no sound yet'}"


def json_lines(levels: Sequence[Level]) -> Iterator[str]:
    """One JSON object per device."""
    for level in levels:
        measured = level.stats.measured_hz
        yield json.dumps(
            {
                "microphone": level.selector,
                "rms_dbfs": [_number(value) for value in level.rms_dbfs],
                "peak_dbfs": [_number(value) for value in level.peak_dbfs],
                "rate_hz": level.stats.rate_hz or None,
                "measured_hz": _number(measured),
                "lost_samples": level.stats.lost,
                "trouble": level.trouble,
            }
        )


def _rate(level: Level) -> str:
    measured = level.stats.measured_hz
    return "" if math.isnan(measured) else f"{measured:.0f} of {level.stats.rate_hz} Hz"


def _number(value: float) -> float | None:
    return round(value, 2) if math.isfinite(value) else None
