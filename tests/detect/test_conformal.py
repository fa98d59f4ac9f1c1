from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.detect.conformal import conformal_quantile, conformal_rank


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=200), st.floats(0.001, 1.0))
def test_the_quantile_is_the_textbook_order_statistic(scores: list[float], alpha: float) -> None:
    place = math.ceil((1 - alpha) * (len(scores) + 1) * (1 - 1e-12))
    expected = math.inf if place > len(scores) else sorted(scores)[max(place, 1) - 1]
    assert conformal_quantile(np.array(scores), alpha) == expected


def test_beyond_what_the_data_can_tell_there_is_no_quantile() -> None:
    assert conformal_rank(99, 0.0099) == 0
    assert conformal_rank(99, 0.01) == 1
    assert conformal_quantile(np.arange(99.0), 0.0099) == math.inf


@pytest.mark.parametrize("alpha", [0.02, 0.1, 0.3])
def test_a_new_score_exceeds_it_no_more_often_than_promised(alpha: float) -> None:
    draws = np.random.default_rng(1).standard_t(2, (20_000, 61))
    above = np.mean([new > conformal_quantile(old, alpha) for *old_list, new in draws for old in [np.array(old_list)]])
    assert above <= alpha + 3 * math.sqrt(alpha / 20_000)
