"""The last rows of a sequence that goes on, where their order does not matter, and their sum."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import torch

Rows: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.float32]]


class Ring:
    """So many rows, of which new ones take the place of the oldest.

    Args:
        rows: [n, ...], n at least 1, the oldest first; taken over and overwritten.
    """

    __slots__ = ("_oldest", "rows", "tensor")

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self.tensor = torch.from_numpy(rows)
        """The same memory."""
        self._oldest = 0

    def put(self, fresh: Rows) -> None:
        """Let ``fresh``, [m, ...], any number of rows, the oldest first, follow."""
        size = len(self.rows)
        new = fresh[-size:]
        before = min(len(new), size - self._oldest)  # fit in before the end
        self.rows[self._oldest : self._oldest + before] = new[:before]
        self.rows[: len(new) - before] = new[before:]
        self._oldest = (self._oldest + len(new)) % size


class Total(Ring):
    """The same with the sum of its rows, which only what comes and goes is counted for."""

    __slots__ = ("total",)

    def __init__(self, rows: Rows) -> None:
        super().__init__(rows)
        self.total: Rows = np.add.reduce(rows, axis=0)

    def put(self, fresh: Rows) -> None:
        """As `Ring.put`; where the ring closes the sum is made anew, so that rounding does not add up."""
        closes = self._oldest + len(fresh) >= len(self.rows)
        if not closes:
            gone = self.rows[self._oldest : self._oldest + len(fresh)]
            self.total = self.total + (np.add.reduce(fresh, axis=0) - np.add.reduce(gone, axis=0))
        super().put(fresh)
        if closes:
            self.total = np.add.reduce(self.rows, axis=0)
