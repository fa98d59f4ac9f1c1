from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from monitor.memcae.mahalanobis import ledoit_wolf, squared_distance

Array = NDArray[np.float64]


def _ledoit_wolf_plainly(x: Array, sizes: list[int]) -> Array:
    """The shrunk covariance by its definition, with d x d matrices."""
    n, d = x.shape
    sample = x.T @ x / n
    target = np.trace(sample) / d * np.eye(d)
    dispersion = np.sum((sample - target) ** 2) / d
    error, first = 0.0, 0
    for size in sizes:
        group = x[first : first + size]
        error += np.sum((size / n * (group.T @ group / size - sample)) ** 2) / d
        first += size
    shrinkage = min(1.0, max(1e-3, error / dispersion))
    return np.asarray((1 - shrinkage) * sample + shrinkage * target)


def _normal(n: int, d: int, seed: int = 0) -> Array:
    random = np.random.default_rng(seed)
    x = random.standard_normal((n, d)) @ random.standard_normal((d, d)) * 0.3 + random.standard_normal((n, d))
    return np.asarray(x - x.mean(axis=0))


@pytest.mark.parametrize(("n", "d"), [(5, 40), (30, 10), (12, 12), (2, 6)])
def test_the_dual_form_is_the_plain_one(n: int, d: int) -> None:
    x = _normal(n, d)
    spread = ledoit_wolf(torch.from_numpy(x), [1] * n)
    np.testing.assert_allclose(spread.covariance().numpy(), _ledoit_wolf_plainly(x, [1] * n), rtol=1e-7, atol=1e-9)


def test_groups_are_what_counts_as_independent() -> None:
    x = _normal(20, 8)
    sizes = [7, 1, 8, 4]
    found = ledoit_wolf(torch.from_numpy(x), sizes).covariance().numpy()
    np.testing.assert_allclose(found, _ledoit_wolf_plainly(x, sizes), rtol=1e-7, atol=1e-9)


def test_repeating_every_vector_in_its_group_changes_nothing() -> None:
    x = _normal(15, 6)
    once = ledoit_wolf(torch.from_numpy(x), [1] * 15).covariance()
    often = ledoit_wolf(torch.from_numpy(np.repeat(x, 4, axis=0)), [4] * 15).covariance()
    torch.testing.assert_close(often, once)


def test_the_distance_is_that_of_the_inverse_covariance() -> None:
    x, y = _normal(9, 25), _normal(4, 25, seed=1)
    spread = ledoit_wolf(torch.from_numpy(x), [1] * 9)
    inverse = np.linalg.inv(_ledoit_wolf_plainly(x, [1] * 9))
    expected = np.einsum("ij,jk,ik->i", y, inverse, y)
    np.testing.assert_allclose(
        squared_distance(torch.from_numpy(y), spread.axes, spread.along, spread.beside).numpy(), expected, rtol=1e-6
    )


def test_identical_vectors_leave_a_finite_distance() -> None:
    spread = ledoit_wolf(torch.zeros(5, 3, dtype=torch.float64), [1] * 5)
    assert (
        squared_distance(torch.ones(1, 3, dtype=torch.float64), spread.axes, spread.along, spread.beside)
        .isfinite()
        .all()
    )
