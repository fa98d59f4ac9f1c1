from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from monitor.memcae.memory import READ_BLOCK, Memory, address, entropy, read, shrink
from monitor.memcae.preset import NetworkSpec


def _address_plainly(query: list[float], slots: list[list[float]]) -> list[float]:
    """Equation 4 for one query, number by number."""
    similarity = [sum(q * m for q, m in zip(query, slot, strict=True)) for slot in slots]
    exponentials = [math.exp(each) for each in similarity]
    return [each / sum(exponentials) for each in exponentials]


def _read_plainly(weights: list[float], slots: list[list[float]]) -> list[float]:
    """Equation 3 for one query, number by number."""
    return [sum(w * slot[c] for w, slot in zip(weights, slots, strict=True)) for c in range(len(slots[0]))]


def _random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize(("queries", "slots", "size"), [(1, 1, 1), (5, 7, 3), (20, 50, 8)])
def test_addressing_and_reading_are_equations_4_and_3(queries: int, slots: int, size: int) -> None:
    z, m = _random(queries, size), _random(slots, size, seed=1)
    weights = address(z, m)
    answers = read(weights, m)
    for i in range(queries):
        plain = _address_plainly(z[i].tolist(), m.tolist())
        assert weights[i].tolist() == pytest.approx(plain, rel=1e-9)
        assert answers[i].tolist() == pytest.approx(_read_plainly(plain, m.tolist()), rel=1e-9, abs=1e-12)


def test_large_dot_products_do_not_overflow() -> None:
    weights = address(torch.full((1, 4), 1e4), torch.eye(4) * 1e4)
    assert weights.isfinite().all()
    assert weights.sum().item() == pytest.approx(1.0)


def test_shrinkage_cuts_small_weights_and_scales_the_rest_to_one() -> None:
    weights = torch.tensor([[0.7, 0.2, 0.06, 0.04]], dtype=torch.float64)
    assert shrink(weights, 0.1).tolist() == [pytest.approx([0.7 / 0.9, 0.2 / 0.9, 0.0, 0.0])]


def test_a_query_below_the_threshold_everywhere_gets_no_answer() -> None:
    assert shrink(torch.full((1, 10), 0.1), 0.2).sum().item() == 0


def test_entropy_runs_from_one_slot_to_all() -> None:
    assert entropy(torch.eye(8)).item() == pytest.approx(0.0)
    assert entropy(torch.full((3, 8), 1 / 8)).item() == pytest.approx(math.log(8))


@pytest.mark.parametrize("addressing", ["dot", "cosine"])
@pytest.mark.parametrize("shrinkage", [0.0, 1.0])
def test_recall_is_the_training_pass_block_by_block(addressing: str, shrinkage: float) -> None:
    spec = NetworkSpec(slots=10, slot_size=6, addressing=addressing, shrinkage=shrinkage)  # type: ignore[arg-type]
    memory = Memory(spec).double()
    memory.eval()  # in training the queries are centred by their own mean
    queries = _random(READ_BLOCK * 2 + 3, 6)
    answers, weights = memory(queries)
    torch.testing.assert_close(memory.recall(queries), answers)
    assert weights.shape == (len(queries), 10)
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(len(queries), dtype=torch.float64))


def test_cosine_addressing_does_not_hear_what_all_queries_share() -> None:
    memory = Memory(NetworkSpec(slots=10, slot_size=6, addressing="cosine")).double().train()
    queries = _random(40, 6)
    torch.testing.assert_close(memory.weights(queries), memory.weights(queries + 100))


def test_cosine_addressing_does_not_hear_the_length_of_a_query() -> None:
    memory = Memory(NetworkSpec(slots=10, slot_size=6, addressing="cosine")).double().eval()
    queries = _random(4, 6)
    torch.testing.assert_close(memory.weights(queries), memory.weights(100 * queries))
