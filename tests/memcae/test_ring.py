"""Rings: the last rows, whatever came in which pieces, and their sum."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from monitor.memcae.ring import Ring, Total


@given(st.integers(1, 9), st.lists(st.integers(0, 12), max_size=8))
def test_a_ring_holds_the_last_rows_and_their_sum_however_they_come(size: int, pieces: list[int]) -> None:
    rng = np.random.default_rng(size)
    rows = rng.standard_normal((size + sum(pieces), 3)).astype(np.float32)
    ring, total = Ring(rows[:size].copy()), Total(rows[:size].copy())
    came = size
    for count in pieces:
        ring.put(rows[came : came + count])
        total.put(rows[came : came + count])
        came += count
        last = rows[came - size : came]
        for each in (ring, total):
            assert sorted(each.rows.tolist()) == sorted(last.tolist())
        np.testing.assert_allclose(total.total, last.sum(axis=0), rtol=0, atol=1e-5)


def test_rounding_does_not_add_up_over_a_year_of_rows() -> None:
    rng = np.random.default_rng(0)
    total = Total(np.zeros((17, 4), np.float32))
    for loud in (1e6, 1.0):  # what a loud spell leaves behind would stay for ever
        for _ in range(2000):
            total.put((loud * rng.random((2, 4))).astype(np.float32))
    np.testing.assert_allclose(total.total, total.rows.sum(axis=0), rtol=1e-6)


def test_rows_go_where_they_lie_in_memory() -> None:
    by_bin = np.zeros((2, 3), np.float32)
    Ring(by_bin.T).put(np.ones((2, 2), np.float32))
    assert by_bin.tolist() == [[1, 1, 0], [1, 1, 0]]
