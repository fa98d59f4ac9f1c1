from __future__ import annotations

import numpy as np
import pytest
import torch

from monitor.learn.band_task import HEIGHT, move_bands


def test_the_class_tells_which_band_was_moved_and_where_to() -> None:
    before = torch.zeros(400, 257, 3)
    after, classes = move_bands(before, 8, np.random.default_rng(0))
    assert set(classes.tolist()) == set(range(17))
    for moved, which in zip(after[:, :, 0], classes.tolist(), strict=True):
        if which == 0:
            assert moved.abs().max() == 0
            continue
        extreme = int(moved.abs().argmax())
        assert extreme * 8 // 257 == (which - 1) % 8
        assert (moved[extreme] > 0) == (which <= 8)
        assert HEIGHT[0] * 0.99 <= moved[extreme].abs() <= HEIGHT[1]


def test_every_column_is_moved_alike() -> None:
    before = torch.randn(6, 257, 10)
    after, _ = move_bands(before, 8, np.random.default_rng(1))
    moved = after - before
    torch.testing.assert_close(moved, moved[:, :, :1].expand_as(moved), atol=1e-5, rtol=0)


@pytest.mark.parametrize("bands", [1, 4, 24])
def test_one_seed_asks_the_same_questions(bands: int) -> None:
    before = torch.zeros(16, 129, 2)
    first, again = (move_bands(before, bands, np.random.default_rng(5)) for _ in range(2))
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])
