"""How a trained network uses its memory, and the refusal of one that has collapsed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from monitor.errors import TrainingError
from monitor.memcae.network import MemCAE, as_queries

MOST_PIECES = 32
"""Windows that are measured at most: tens of thousands of queries settle these figures to a percent."""

DEAD_SHARE = 0.01
"""A slot with less than this share of a slot's fair weight, 1/N, is dead."""

LEAST_PERPLEXITY = 1.5
"""Fewer slots in use than this: whatever is asked, the memory answers the same."""

LEAST_ANSWER_SPREAD = 1e-8
"""Answers that vary less than this share of the queries' variance are lost in single precision. The paper's dot product
begins at some 1e-5, next to uniform, which batch normalisation behind it still amplifies: reported, not refused."""

UNIFORM = 0.8
"""An answer mixed of more than this share of all slots is hardly a choice among them."""

MOST_DEAD_QUERIES = 0.5
"""Most queries without any answer: shrinkage has cut the memory off."""


@dataclass(frozen=True, slots=True)
class MemoryUse:
    """How the slots answered the queries of normal sound."""

    slots: int
    perplexity: float
    """Slots in use, as the exponential of the entropy of their mean weights: 1 to `slots`."""
    per_query: float
    """Slots mixed into an answer, as the exponential of the mean addressing entropy; `slots` is no choice at all."""
    dead_slots: float
    """Share of the slots that hardly any query uses."""
    dead_queries: float
    """Share of the queries that no slot answers, since shrinkage cut every weight."""
    answer_spread: float
    """Variance of the answers over that of the queries."""
    shares: tuple[float, ...] = ()
    """Share of every slot in the answers, the most used first; they add up to 1. Empty where it was not kept."""

    @property
    def uniform(self) -> bool:
        """Whether the memory hardly chooses, so that it acts almost like none."""
        return self.per_query > UNIFORM * self.slots


@torch.inference_mode()
def measure(network: MemCAE, spectra: Sequence[Tensor]) -> MemoryUse | None:
    """The use of the memory on normal spectrograms [F, T]; None for a network without one."""
    if network.memory is None:
        return None
    network.eval()
    used = torch.zeros(network.spec.slots, dtype=torch.float64)
    count, entropy, dead, answered, asked = 0, 0.0, 0.0, 0.0, 0.0
    step = max(1, len(spectra) // MOST_PIECES)
    for piece in spectra[::step]:
        queries = as_queries(network.layers(network.standardise(piece[None]))[-1])
        answers, weights = network.memory(queries)
        used += weights.double().sum(dim=0).cpu()
        entropy -= float(torch.special.xlogy(weights, weights).sum())
        dead += float((weights.sum(dim=1) < 0.5).sum())
        count += len(queries)
        answered += float(answers.var(dim=0).mean()) * len(queries)
        asked += float(queries.var(dim=0).mean()) * len(queries)
    share = used / used.sum().clamp_min(1e-12)
    return MemoryUse(
        slots=network.spec.slots,
        perplexity=math.exp(-float(torch.special.xlogy(share, share).sum())),
        per_query=math.exp(entropy / count),
        dead_slots=float((share < DEAD_SHARE / network.spec.slots).double().mean()),
        dead_queries=dead / count,
        answer_spread=answered / asked if asked > 0 else 0.0,
        shares=tuple(share.sort(descending=True).values.tolist()),
    )


def refuse_collapse(use: MemoryUse | None) -> None:
    """Do nothing for a memory that works.

    Raises:
        TrainingError: the memory answers every query alike, or hardly any; says by which figure.
    """
    if use is None:
        return
    if use.dead_queries > MOST_DEAD_QUERIES:
        raise _collapse(f"{use.dead_queries:.0%} of the queries find no slot (allowed are {MOST_DEAD_QUERIES:.0%})")
    if use.perplexity < LEAST_PERPLEXITY:
        raise _collapse(f"{use.perplexity:.2f} of {use.slots} slots are in use (at least {LEAST_PERPLEXITY})")
    if not use.answer_spread >= LEAST_ANSWER_SPREAD:
        raise _collapse(
            f"its answers vary by {use.answer_spread:.1e} of the queries (at least {LEAST_ANSWER_SPREAD:g})"
        )


def _collapse(figure: str) -> TrainingError:
    return TrainingError(f"the memory collapsed: {figure}; try another --seed, or more and more varied normal sound")
