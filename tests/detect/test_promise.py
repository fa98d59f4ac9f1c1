"""A small fixed part of tests/bench/promise.py, and that the bench itself measures rightly."""

from __future__ import annotations

import numpy as np
import pytest

from tests.bench import promise
from tests.bench.promise import Law

RUNS = 20


@pytest.mark.parametrize("law", promise.LAWS, ids=lambda law: law.name)
@pytest.mark.parametrize("setting", [promise.SETTINGS[0], promise.SETTINGS[2]], ids=lambda setting: setting.name)
def test_the_rate_that_comes_true_lies_in_the_stated_band(law: Law, setting: promise.Setting) -> None:
    truth = promise.reality(law, setting, windows=1_000_000)
    for windows in (60, 300):
        cell = promise.cell(law, setting, windows, truth, range(RUNS))
        assert cell.inside >= 0.9
        # A band that holds everything says nothing.
        assert cell.high < 2000


def test_with_a_thousand_windows_most_thresholds_keep_the_budget() -> None:
    law, setting = promise.lognormal(), promise.SETTINGS[0]
    cell = promise.cell(law, setting, 1000, promise.reality(law, setting, windows=1_000_000), range(RUNS))
    assert cell.true[1] <= 1.0
    assert cell.true[2] <= 10.0
    assert cell.high < 60


def test_the_long_replay_agrees_with_the_formula_where_there_is_one() -> None:
    # Three of five independent windows: a new one above, the oldest not, and exactly two of the four between.
    truth = promise.reality(promise.lognormal(), promise.SETTINGS[0], windows=2_000_000)
    for share in (0.01, 0.02, 0.03):
        expected = 6 * share**3 * (1 - share) ** 3
        assert truth.rate(share) == pytest.approx(expected, rel=0.25)


def test_overlapping_windows_are_as_alike_as_the_sound_they_share() -> None:
    setting = promise.SETTINGS[2]
    scores = np.log(promise.scores(promise.lognormal(), setting, 100_000, np.random.default_rng(1))) / 0.6
    assert np.std(scores) == pytest.approx(1.0, abs=0.03)
    assert np.corrcoef(scores[:-1], scores[1:])[0, 1] == pytest.approx(0.8, abs=0.02)
    assert np.corrcoef(scores[:-5], scores[5:])[0, 1] == pytest.approx(0.0, abs=0.03)
