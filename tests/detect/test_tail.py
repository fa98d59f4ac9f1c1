from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from monitor.detect.tail import Tail, fit_tail


def fitted(shape: float, count: int = 400, information: float = 1.0) -> Tail:
    excess = np.asarray(stats.genpareto.rvs(shape, scale=2.0, size=count, random_state=7))
    return fit_tail(excess, 10.0, 10.0 * count, information=information, scale_guess=1.0)


@pytest.mark.parametrize("shape", [-0.2, 0.0, 0.2, 0.5])
def test_the_true_level_of_a_rate_lies_in_the_band(shape: float) -> None:
    tail = fitted(shape)
    for rate in (1e-2, 1e-3, 1e-4, 1e-5):
        true = 10.0 + stats.genpareto.isf(rate / 0.1, shape, scale=2.0)
        assert tail.level(rate, 0.025) <= true <= tail.level(rate, 0.975)


@given(st.floats(1e-8, 0.05), st.floats(0.01, 0.99))
def test_level_and_rate_are_inverse(rate: float, quantile: float) -> None:
    tail = TAIL
    level = tail.level(rate, quantile)
    assert tail.rate_above(level * (1 + 1e-9), quantile) <= rate * (1 + 1e-6)
    assert tail.rate_above(level - 1e-3, quantile) >= rate * (1 - 1e-6)


@given(st.floats(1e-8, 0.05), st.floats(1e-8, 0.05), st.floats(0.01, 0.99))
def test_a_rarer_level_is_never_lower(one: float, other: float, quantile: float) -> None:
    assert TAIL.level(min(one, other), quantile) >= TAIL.level(max(one, other), quantile)


def test_more_of_the_same_sound_makes_the_band_narrower() -> None:
    def width(information: float) -> float:
        tail = fitted(0.1, 40, information)
        return tail.level(1e-5, 0.975) - tail.level(1e-5, 0.025)

    assert width(0.3) > width(1.0) > width(4.0) > width(20.0)


def test_three_peaks_give_a_level_that_neither_explodes_nor_ends_at_the_highest() -> None:
    tail = fit_tail(np.array([0.1, 0.4, 1.0]), 0.0, 30.0, information=1.0, scale_guess=0.5)
    assert 1.5 < tail.level(1e-4, 0.5) < 15


def test_equal_peaks_give_a_finite_level() -> None:
    tail = fit_tail(np.zeros(5), 1.0, 30.0, information=1.0, scale_guess=0.5)
    assert 1.0 <= tail.level(1e-4, 0.5) < 5.0


TAIL = fitted(0.1, 60)
