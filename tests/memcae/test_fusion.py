from __future__ import annotations

import math

import pytest
import torch

from monitor.memcae.fusion import DOUBT, PRIOR_SPREAD, PRIOR_WINDOWS, SOLO, Reference, Role, fuse, reference, values

ROLES = (Role.ANCHOR, Role.PARTNER, Role.WITNESS)


def _fused(anchor: float, partner: float, witness: float) -> float:
    return fuse(torch.tensor([[anchor, partner, witness]]), ROLES, "anchored").item()


@pytest.mark.parametrize(
    ("anchor", "partner", "witness", "expected"),
    [
        (2.0, 0.0, 0.0, 2.0),
        (1.0, 3.0, 0.0, 2.0),
        (0.0, 9.0, 0.0, 9.0 - SOLO),
        (0.0, 0.0, 7.0, 7.0 - SOLO),
        (-2.0, -1.0, -3.0, -1.5),
    ],
)
def test_the_view_that_says_most_speaks_by_its_role(
    anchor: float, partner: float, witness: float, expected: float
) -> None:
    assert _fused(anchor, partner, witness) == pytest.approx(expected)


def test_a_doubted_view_speaks_only_when_very_far_out() -> None:
    roles = (Role.ANCHOR, Role.DOUBTED)
    assert fuse(torch.tensor([[1.0, 4.5], [1.0, 20.0]]), roles, "anchored").tolist() == [1.0, 20.0 - DOUBT]


def test_views_that_see_nothing_do_not_drown_the_anchor() -> None:
    assert _fused(10.0, -3.0, -3.0) == 10.0


def test_a_view_that_is_not_a_number_makes_the_score_none() -> None:
    assert math.isnan(_fused(1.0, math.nan, 0.0))
    assert math.isnan(_fused(1.0, 0.0, math.nan))


def test_plain_fusion_is_the_only_view_as_it_is() -> None:
    assert fuse(torch.tensor([[0.25], [4.0]]), (Role.ANCHOR,), "plain").tolist() == [0.25, 4.0]


def test_many_references_bring_normal_distances_to_mean_0_and_deviation_1() -> None:
    generator = torch.Generator().manual_seed(0)
    distances = 5 + torch.randn(20_000, 2, generator=generator, dtype=torch.float64) * torch.tensor([0.5, 2.0])
    found = values(distances, reference(distances))
    torch.testing.assert_close(found.mean(dim=0), torch.zeros(2, dtype=torch.float64), atol=0.03, rtol=0)
    torch.testing.assert_close(found.std(dim=0), torch.ones(2, dtype=torch.float64), atol=0.03, rtol=0)


def test_a_few_far_references_move_the_scale_little() -> None:
    distances = torch.linspace(4, 6, 101, dtype=torch.float64)[:, None]
    far = torch.cat([distances, torch.full((5, 1), 1000.0, dtype=torch.float64)])
    assert reference(far).location.item() == pytest.approx(5.0, abs=0.1)
    assert reference(far).spread.item() == pytest.approx(reference(distances).spread.item(), rel=0.1)


def test_one_reference_is_believed_no_more_than_it_deserves() -> None:
    known = reference(torch.tensor([[2.0]], dtype=torch.float64))
    believed = math.sqrt(PRIOR_WINDOWS * (PRIOR_SPREAD * 2.0) ** 2 / (1 + PRIOR_WINDOWS))
    assert known.spread.item() == pytest.approx(believed)


def test_references_of_0_leave_values_finite() -> None:
    known = reference(torch.zeros(3, 1))
    assert isinstance(known, Reference)
    assert values(torch.ones(1, 1), known).isfinite().all()
