from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from monitor.memcae.fused_read import BRIEF_LIMIT, beside, brief_reader, reader
from monitor.memcae.memory import Memory
from monitor.memcae.preset import DEFAULT, PAPER


def _memory(scale: float = 1.0) -> Memory:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        memory = Memory(PAPER.network).eval()
    memory.slots.data.mul_(scale)
    return memory.requires_grad_(requires_grad=False)


def _queries(count: int, size: int = 64, scale: float = 1.0, offset: float = 0.0) -> Tensor:
    generator = torch.Generator().manual_seed(4)
    return scale * torch.randn(count, size, generator=generator) + offset


@pytest.mark.parametrize("scale", [0.1, 1.0, 30.0, 1000.0])
def test_the_fused_read_is_equations_three_and_four(scale: float) -> None:
    memory = _memory(scale)
    queries = _queries(700, scale=scale, offset=2.0)
    torch.testing.assert_close(reader(memory)(queries[None])[0], memory.recall(queries), rtol=1e-5, atol=1e-5 * scale)


def test_each_of_several_memories_answers_its_own_queries() -> None:
    memories = [
        Memory(replace(DEFAULT.network, slot_size=64)).eval().requires_grad_(requires_grad=False) for _ in range(3)
    ]
    queries = _queries(90).view(3, 30, 64)
    found = beside([reader(memory) for memory in memories])(queries)
    for memory, mine, answers in zip(memories, queries, found, strict=True):
        torch.testing.assert_close(answers, memory.recall(mine), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("share", [0.01, 0.3, 0.99])
@pytest.mark.parametrize("offset", [0.0, 5.0])
def test_the_brief_read_is_off_by_at_most_a_fiftieth_of_the_slots_spread_and_hardly_in_the_mean(
    share: float, offset: float
) -> None:
    memory = _memory()
    read = brief_reader(memory)
    assert read is not None
    reach = torch.linalg.vector_norm(memory.slots - memory.slots.mean(dim=0), dim=1).amax()
    queries = _queries(2000)
    length = torch.linalg.vector_norm(queries - queries.mean(dim=0), dim=1).amax()
    queries = queries * float(share * BRIEF_LIMIT / (length * reach)) + offset
    error = read(queries) - memory.recall(queries)
    assert 0 < error.abs().amax() < 0.02 * memory.slots.std()
    assert error.mean(dim=0).abs().amax() < 0.002 * memory.slots.std()


def test_queries_too_far_apart_for_bfloat16_are_read_exactly() -> None:
    memory = _memory(40.0)
    read = brief_reader(memory)
    assert read is not None
    queries = _queries(500, scale=10.0)
    torch.testing.assert_close(read(queries), memory.recall(queries), rtol=1e-5, atol=1e-4)


def test_a_query_that_is_not_finite_is_answered_by_nothing_finite() -> None:
    read = brief_reader(_memory())
    assert read is not None
    queries = _queries(50)
    queries[7, 3] = torch.nan
    answers = read(queries)
    assert answers[7].isnan().all()
    assert answers[torch.arange(50) != 7].isfinite().all()


def test_a_memory_of_cosines_has_no_brief_read() -> None:
    assert brief_reader(Memory(DEFAULT.network)) is None
