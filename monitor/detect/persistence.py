"""What an alarm rule makes of normal recordings: replayed, because overlapping windows defy any formula.

`k of n windows above u` holds at a window exactly when the k-th largest of the last n scores is above u. So a rule
turns a sequence of scores into a sequence of *levels*, and every question about the rule's false alarms into one about
how high these levels reach, and how often.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d

Series = NDArray[np.float64]

MOST_OF_THE_WINDOWS: Final = 0.5
"""A rule counts as shown when recordings with at least this share of the windows are long enough to show it."""
FEWEST_UNITS: Final = 4
"""With fewer recordings than this, they are cut into blocks, so that uneven false alarms can be seen at all."""
BLOCKS: Final = 8
"""Number of such blocks: enough for a variance, few enough to be much longer than a clump."""


@dataclass(frozen=True, slots=True)
class ShownRule:
    """The strongest rule that the recordings are long enough to show, ``count`` of ``window``."""

    count: int
    window: int


@dataclass(frozen=True, slots=True, eq=False)
class Replay:
    """Normal recordings seen through an alarm rule."""

    rule: ShownRule
    peaks: Series
    """Highest level of each clump, ascending, shape [clumps]: those above a threshold would have been alarms."""
    places: int
    """Windows at which the rule could have raised an alarm."""
    unevenness: float
    """Variance of the alarms per recording over that of evenly spread ones, 1 or more: so much less do they tell."""
    middle: float
    """Median level."""
    peaks_per_alarm: int
    """Peaks above a threshold that it takes for an alarm at least: where the recordings are so short that single
    windows are all that they show, an alarm takes k of them, and no two alarms share one."""


def replay(pieces: Sequence[Series], count: int, window: int, windows_per_sound: int) -> Replay:
    """Send normal scores through the rule ``count of window``.

    Args:
        pieces: stretches of consecutive finite scores, each shape [windows], at least one score in all.
        count: k of the rule.
        window: n of the rule.
        windows_per_sound: how many overlapping windows share any one sample, 1 or more.
    """
    rule = shown_rule([len(piece) for piece in pieces], count, window)
    series = [levels for levels in (rule_levels(piece, rule) for piece in pieces) if len(levels)]
    # Levels further apart than this share no sound, so they are clumped by the machine, not by the counting.
    gap = rule.window - 1 + windows_per_sound - 1
    peaks = np.sort(np.concatenate([clump_peaks(levels, gap) for levels in series]))
    return Replay(
        rule=rule,
        peaks=peaks,
        places=sum(len(levels) for levels in series),
        unevenness=_unevenness(series, gap, float(np.median(peaks))),
        middle=float(np.median(np.concatenate(series))),
        peaks_per_alarm=count if rule == ShownRule(1, 1) else 1,
    )


def shown_rule(lengths: Sequence[int], count: int, window: int) -> ShownRule:
    """What recordings of so many windows can say of the rule ``count of window``.

    An alarm by k of n implies, in any cut of the n windows into pieces of m, at least j = ceil(k / ceil(n / m)) windows
    above the level in one of the pieces. So the rate of `j of m` bounds that of `k of n`, whatever the law of the
    scores, and recordings with m windows can show it.

    Args:
        lengths: windows of each recording.
        count: k of the rule.
        window: n of the rule.
    """
    total = sum(lengths)
    shown = ShownRule(1, 1)
    for size in range(1, window + 1):
        able = sum(length for length in lengths if length >= size)
        needed = math.ceil(count / math.ceil(window / size))
        if able < MOST_OF_THE_WINDOWS * total:
            break
        if needed > shown.count or size == window:
            shown = ShownRule(needed, size)
    return shown


def rule_levels(scores: Series, rule: ShownRule) -> Series:
    """The level that the rule reaches at each window: above u exactly when the rule holds at u.

    Args:
        scores: of consecutive windows, shape [windows].
        rule: k of n.

    Returns:
        Shape [windows - n + 1]; empty when there are fewer than n windows.
    """
    if len(scores) < rule.window:
        return np.empty(0)
    views = np.lib.stride_tricks.sliding_window_view(scores, rule.window)
    place = rule.window - rule.count
    return np.asarray(np.partition(views, place, axis=1)[:, place], dtype=np.float64)


def clump_peaks(levels: Series, gap: int) -> Series:
    """The local maxima: levels that are not exceeded within ``gap`` places to either side, one for each such stretch.

    Args:
        levels: consecutive, shape [places], at least one.
        gap: places, 0 or more; with 0 every level is a peak.
    """
    if gap == 0:
        return levels
    highest = maximum_filter1d(levels, 2 * gap + 1, mode="nearest")
    kept: list[int] = []
    for place in np.flatnonzero(levels == highest):
        if not kept or place - kept[-1] > gap:  # of equal neighbours only the first
            kept.append(int(place))
    return np.asarray(levels[kept], dtype=np.float64)


def _unevenness(series: Sequence[Series], gap: int, u: float) -> float:
    """Pearson's dispersion of the peaks above ``u`` per recording (or block), at least 1."""
    units = list(series) if len(series) >= FEWEST_UNITS else _blocks(series, gap)
    lengths = np.array([len(unit) for unit in units], dtype=np.float64)
    if len(units) < 2:  # one unit has no variance
        return 1.0
    counts = np.array([np.sum(clump_peaks(unit, gap) > u) for unit in units], dtype=np.float64)
    expected = counts.sum() * lengths / lengths.sum()
    if expected.sum() == 0:
        return 1.0
    return max(1.0, float(np.sum((counts - expected) ** 2 / expected) / (len(units) - 1)))


def _blocks(series: Sequence[Series], gap: int) -> list[Series]:
    """The recordings cut into about ``BLOCKS`` blocks in all, each longer than two clumps."""
    size = max(sum(len(levels) for levels in series) // BLOCKS, 2 * (gap + 1))
    return [block for levels in series for block in np.array_split(levels, max(1, len(levels) // size))]
