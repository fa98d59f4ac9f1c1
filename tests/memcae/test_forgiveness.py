from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.memcae import forgiveness
from monitor.memcae.forgiveness import TILT_PER_LEVEL

BOUND = 3.0
OCTAVE = forgiveness.octaves(62.5, 246, 31.25)
PLANE = forgiveness.plane(OCTAVE, BOUND)


def test_octaves_count_from_1_khz_and_go_no_further_down_than_four() -> None:
    found = forgiveness.octaves(0.0, 257, 31.25)
    assert found[[32, 64, 16, 256]].tolist() == [0.0, 1.0, -1.0, 3.0]
    assert found[:3].tolist() == [-4.0, -4.0, -4.0]


@settings(deadline=None)  # first use of a torch operation on a busy machine takes a second
@given(level=st.floats(-BOUND, BOUND), tilt=st.floats(-BOUND * TILT_PER_LEVEL, BOUND * TILT_PER_LEVEL))
def test_a_level_and_a_tilt_within_the_bounds_are_forgiven_whole(level: float, tilt: float) -> None:
    excess = (level + tilt * OCTAVE)[None]
    torch.testing.assert_close(forgiveness.change(excess, PLANE), excess)


@settings(deadline=None)  # first use of a torch operation on a busy machine takes a second
@given(level=st.floats(-20, 20), tilt=st.floats(-5, 5))
def test_no_more_than_the_bounds_is_ever_forgiven(level: float, tilt: float) -> None:
    found = forgiveness.change((level + tilt * OCTAVE)[None], PLANE)[0]
    most = BOUND + BOUND * TILT_PER_LEVEL * OCTAVE.abs()
    assert bool((found.abs() <= most + 1e-9).all())


def test_a_peak_is_hardly_forgiven() -> None:
    peak = torch.zeros(1, 246, dtype=torch.float64)
    peak[0, 100:116] = 6.0  # half a kilohertz
    left = peak - forgiveness.change(peak, PLANE)
    assert float(left[0, 100:116].min()) > 5.0


def test_each_window_is_forgiven_by_itself() -> None:
    excess = torch.randn(5, 246, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    together = forgiveness.change(excess, PLANE)
    alone = torch.cat([forgiveness.change(row[None], PLANE) for row in excess])
    torch.testing.assert_close(together, alone)


def test_the_doubt_is_the_covariance_of_random_levels_and_tilts() -> None:
    drawn = 0.2 * torch.randn(20_000, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    sounds = drawn[:, :1] + drawn[:, 1:] * OCTAVE
    covariance = sounds.T @ sounds / len(sounds)
    assert forgiveness.doubt(OCTAVE, 0.2)[0, 0].item() == pytest.approx(0.04 * (1 + 16))
    torch.testing.assert_close(covariance, forgiveness.doubt(OCTAVE, 0.2), rtol=0.05, atol=0.005)


def test_variations_fill_the_bounds_evenly_whatever_their_number() -> None:
    found = forgiveness.variations(OCTAVE, 64, BOUND)
    level, tilt = found[:, OCTAVE.tolist().index(0.0)], found.diff(dim=1)[:, -1] / OCTAVE.diff()[-1]
    for values, most in ((level, BOUND), (tilt, BOUND * TILT_PER_LEVEL)):
        gaps = torch.cat([torch.tensor([-most]), values.sort().values, torch.tensor([most])]).diff()
        assert gaps.min() >= 0
        assert gaps.max() < 2 * most * 4 / 64
    quarters = (level > 0).int() + 2 * (tilt > 0).int()
    assert torch.bincount(quarters).tolist() == pytest.approx([16, 16, 16, 16], abs=1)
    torch.testing.assert_close(forgiveness.variations(OCTAVE, 5, BOUND, first=3), found[3:8])
