from __future__ import annotations

import itertools

import pytest
import torch

from monitor.memcae import explanation
from monitor.memcae.explanation import BANDS, NormalLevels
from monitor.memcae.preset import DEFAULT

SPEC = DEFAULT.spectrogram
NORMAL = NormalLevels(torch.full((BANDS,), -20.0), torch.ones(BANDS))


def test_the_bands_cover_everything_without_overlap() -> None:
    edges = explanation.edges_hz(SPEC)
    assert edges[0] == 0.0
    assert edges[-1] == pytest.approx(8000.0)
    assert all(high - low >= SPEC.bin_hz for low, high in itertools.pairwise(edges))


def test_a_band_level_is_the_mean_of_its_bins() -> None:
    levels = torch.arange(257.0)[None]
    found = explanation.band_levels(levels, SPEC)[0]
    borders = [round(edge / SPEC.bin_hz) for edge in explanation.edges_hz(SPEC)]
    assert found[0].item() == pytest.approx((borders[0] + borders[1] - 1) / 2)
    assert found[-1].item() == pytest.approx((borders[-2] + 256) / 2)


def test_the_band_that_stands_out_is_named_with_its_frequencies_and_excess() -> None:
    excess = torch.zeros(1, BANDS)
    excess[0, 10] = 6.0
    (found,) = explanation.bands(excess, NORMAL, SPEC)
    edges = explanation.edges_hz(SPEC)
    assert [(band.low_hz, band.high_hz, band.excess_db) for band in found] == [(edges[10], edges[11], 6.0)]


def test_the_strongest_come_first_and_quieter_counts_as_well() -> None:
    excess = torch.zeros(1, BANDS)
    excess[0, [2, 5, 7, 9]] = torch.tensor([4.0, -9.0, 5.0, 3.5])
    (found,) = explanation.bands(excess, NORMAL, SPEC)
    assert [band.excess_db for band in found] == [-9.0, 5.0, 4.0]


def test_what_a_band_normally_does_is_not_worth_naming() -> None:
    wide = NormalLevels(NORMAL.mean_db, torch.full((BANDS,), 5.0))
    assert explanation.bands(torch.full((1, BANDS), 6.0), wide, SPEC) == [()]


def test_a_window_that_is_not_finite_names_nothing() -> None:
    assert explanation.bands(torch.full((1, BANDS), torch.nan), NORMAL, SPEC) == [()]
