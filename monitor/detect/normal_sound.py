"""How a machine sounds to its microphone when both are well, as far as the microphone's health is judged by it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, cast

import numpy as np
from numpy.typing import NDArray

from monitor.audio.health import MAINS_HZ, SILENT_SPAN, Second
from monitor.detect.fields import JsonObject, check_schema, get_float, get_floats

SCHEMA = 1

MIDDLE: Final = slice(1, 3)
"""Octaves around 250 and 500 Hz: a muffled microphone still hears them, a stopped machine's are gone."""
TREBLE: Final = slice(4, 7)
"""Octaves around 2, 4 and 8 kHz: what a cover of dust, oil or foil takes away."""
SHARES: Final = (1.0, 99.0)
"""Percentiles of the seconds: one of a hundred may be anything, such as a door."""
_COLUMNS: Final = tuple(
    itertools.accumulate((1, 1, 1, MIDDLE.stop - MIDDLE.start, TREBLE.stop - TREBLE.start))
)  # where the level, the offset, the clipped share, the middle and the treble of a row end
_WIDTH: Final = _COLUMNS[-1] + len(MAINS_HZ)


@dataclass(frozen=True, slots=True)
class NormalSound:
    """From the recordings that the machine was calibrated on, second by second."""

    level_low_dbfs: float
    """1st percentile of the level (root mean square)."""
    level_high_dbfs: float
    """99th percentile."""
    middle_low_dbfs: tuple[float, ...]
    """1st percentile of each octave of ``MIDDLE``."""
    middle_high_dbfs: tuple[float, ...]
    """99th percentile."""
    tilt_low_db: tuple[float, ...]
    """1st percentile of each octave of ``TREBLE`` over the mean of the octaves of ``MIDDLE``, decibels."""
    offset: float
    """Greatest distance of the mean from zero, share of full scale."""
    clipped: float
    """Greatest share of clipped samples."""
    hum_db: tuple[float, ...]
    """Greatest prominence of the comb at each of ``MAINS_HZ``, decibels. Empty where no recording lasted long
    enough: hum is then not judged."""

    def to_dict(self) -> JsonObject:
        """As a JSON object."""
        return {
            "schema": SCHEMA,
            "level_low_dbfs": self.level_low_dbfs,
            "level_high_dbfs": self.level_high_dbfs,
            "middle_low_dbfs": list(self.middle_low_dbfs),
            "middle_high_dbfs": list(self.middle_high_dbfs),
            "tilt_low_db": list(self.tilt_low_db),
            "offset": self.offset,
            "clipped": self.clipped,
            "hum_db": list(self.hum_db),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> NormalSound:
        """Read back what `to_dict` wrote.

        Raises:
            ValueError: naming the key that is wrong.
        """
        check_schema(data, "normal sound", SCHEMA)
        return cls(
            level_low_dbfs=get_float(data, "level_low_dbfs"),
            level_high_dbfs=get_float(data, "level_high_dbfs"),
            middle_low_dbfs=_list(data, "middle_low_dbfs", MIDDLE.stop - MIDDLE.start),
            middle_high_dbfs=_list(data, "middle_high_dbfs", MIDDLE.stop - MIDDLE.start),
            tilt_low_db=_list(data, "tilt_low_db", TREBLE.stop - TREBLE.start),
            offset=get_float(data, "offset"),
            clipped=get_float(data, "clipped"),
            hum_db=_list(data, "hum_db", len(MAINS_HZ)) if data.get("hum_db") != [] else (),
        )


def normal_sound(seconds: Iterable[Second]) -> NormalSound | None:
    """What is normal, from every second of the normal recordings; None when there is none that tells anything."""
    rows = (_row(second) for second in seconds if second.finite and second.span > SILENT_SPAN)
    # Twelve numbers a second, not a kilobyte of records: days are measured.
    heard = cast("NDArray[np.float64]", np.fromiter(rows, np.dtype((np.float64, _WIDTH))))
    if not len(heard):
        return None
    levels, offsets, clipped, middle, treble, hums = np.split(heard, _COLUMNS, axis=1)
    low, high = np.percentile(levels, SHARES)
    middle_low, middle_high = np.percentile(middle, SHARES, axis=0)
    hums = hums[~np.isnan(hums[:, 0])]
    return NormalSound(
        level_low_dbfs=float(low),
        level_high_dbfs=float(high),
        middle_low_dbfs=tuple(middle_low.tolist()),
        middle_high_dbfs=tuple(middle_high.tolist()),
        tilt_low_db=tuple(np.percentile(treble, SHARES[0], axis=0).tolist()),
        offset=float(offsets.max()),
        clipped=float(clipped.max()),
        hum_db=tuple(np.max(hums, axis=0).tolist()) if len(hums) else (),
    )


def _row(second: Second) -> tuple[float, ...]:
    """What counts of a second, in the order of ``_COLUMNS``; its hums are NaN where they were not measured."""
    hums = tuple(hum.prominence_db for hum in second.hums) or (math.nan,) * len(MAINS_HZ)
    return (
        second.level_dbfs,
        abs(second.offset),
        second.clipped,
        *second.bands_dbfs[MIDDLE],
        *tilt(second),
        *hums,
    )


def tilt(second: Second) -> tuple[float, ...]:
    """The treble of a second over its middle, per octave of ``TREBLE``, decibels."""
    middle = second.bands_dbfs[MIDDLE]
    mean = sum(middle) / len(middle)
    return tuple(level - mean for level in second.bands_dbfs[TREBLE])


def _list(data: Mapping[str, object], key: str, length: int) -> tuple[float, ...]:
    values = get_floats(data, key)
    if len(values) != length:
        raise ValueError(f"key {key!r} holds {len(values)} numbers, expected {length}")
    return values
