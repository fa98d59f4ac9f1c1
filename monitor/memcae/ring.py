"""The last rows of a sequence that goes on, where their order does not matter."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

Rows: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.float32]]


class Ring:
    """So many rows, of which new ones take the place of the oldest.

    Args:
        rows: [n, ...], n at least 1, the oldest first; taken over and overwritten.
    """

    __slots__ = ("_oldest", "rows")

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self._oldest = 0

    def put(self, fresh: Rows) -> None:
        """Let ``fresh``, [m, ...], any number of rows, the oldest first, follow."""
        size = len(self.rows)
        new = fresh[-size:]
        before = min(len(new), size - self._oldest)  # fit in before the end
        self.rows[self._oldest : self._oldest + before] = new[:before]
        self.rows[: len(new) - before] = new[before:]
        self._oldest = (self._oldest + len(new)) % size
