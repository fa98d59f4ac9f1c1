"""What is learnt of more sound than fits in memory: pieces and windows drawn evenly over all recordings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from monitor.learn.dataset import Recording, cut
from monitor.learn.references import Described

PIECE_S = 60.0
"""Recordings are drawn from in pieces of a minute at least, seconds: longer than any crop, and many in an hour."""


def excerpt(recordings: Sequence[Recording], share: float, seed: int) -> tuple[Recording, ...]:
    """About ``share`` of the sound, in pieces drawn at random over all recordings, in their order.

    Args:
        recordings: may be none.
        share: of their sound; from 1 on they stay whole.
        seed: one seed gives one choice.
    """
    if share >= 1 or not recordings:
        return tuple(recordings)
    pieces = [piece for each in recordings for piece in cut(each, PIECE_S)]
    count = max(1, int(share * len(pieces)))
    # At random, since an even step could meet only the same hour of every day.
    drawn = np.random.default_rng(seed).choice(len(pieces), count, replace=False)
    return tuple(pieces[i] for i in sorted(drawn))


def fewer_windows(described: Mapping[int, Described], most: int, seed: int) -> dict[int, Described]:
    """At most ``most`` windows, drawn at random over all recordings; a recording without any is left out.

    Args:
        described: windows of each recording, by its index.
        most: windows in all, at least 1.
        seed: one seed gives one choice.
    """
    total = sum(len(each.levels) for each in described.values())
    if total <= most:
        return dict(described)
    kept = np.zeros(total, dtype=bool)
    kept[np.random.default_rng(seed).choice(total, most, replace=False)] = True
    found: dict[int, Described] = {}
    first = 0
    for place, each in described.items():
        own = np.flatnonzero(kept[first : first + len(each.levels)])
        first += len(each.levels)
        if len(own):
            found[place] = Described({name: values[own] for name, values in each.views.items()}, each.levels[own])
    return found
