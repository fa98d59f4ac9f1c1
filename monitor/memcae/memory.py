"""The memory of the autoencoder: equations 3 and 4 of the report, and the variants that `default` may use."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from monitor.memcae.preset import NetworkSpec

READ_BLOCK = 2048
"""Queries read at a time outside training: 2048 x 2000 weights are 16 MB, which stay in a CPU's last-level cache."""

INITIAL_SHARPNESS = 10.0
"""Cosine addressing starts here: cosines lie in +-1, too flat for a softmax over hundreds of slots on their own."""


def address(queries: Tensor, slots: Tensor) -> Tensor:
    """Equation 4: w = softmax(z M^T), how much each slot answers each query.

    Args:
        queries: z, [Q, C].
        slots: M, [N, C].

    Returns:
        w, [Q, N], rows non-negative with sum 1.
    """
    products = queries @ slots.T
    # A training in bfloat16 brings them in that; weights of order 1/2000 that sum to 1 take single precision.
    return torch.softmax(products, dim=1, dtype=torch.promote_types(products.dtype, torch.float32))


def read(weights: Tensor, slots: Tensor) -> Tensor:
    """Equation 3: z^ = w M, the slots mixed by their weights.

    Args:
        weights: w, [Q, N].
        slots: M, [N, C].

    Returns:
        z^, [Q, C].
    """
    return weights @ slots


def shrink(weights: Tensor, threshold: float) -> Tensor:
    """Hard shrinkage (MemAE, equations 6 and 7): weights at or below ``threshold`` become 0, the rest sum to 1 again.

    Args:
        weights: [Q, N], rows with sum 1.
        threshold: between 0 and 1; a row whose weights all lie below it becomes 0.

    Returns:
        [Q, N].
    """
    tiny = 1e-12  # keeps the quotient finite where a weight equals the threshold
    above = weights - threshold
    kept = F.relu(above) * weights / (above.abs() + tiny)
    return kept / kept.sum(dim=1, keepdim=True).clamp_min(tiny)


def entropy(weights: Tensor) -> Tensor:
    """Addressing entropy, nats, mean over the queries of [Q, N] weights; ln N is uniform: the memory does nothing."""
    mean: Tensor = torch.special.xlogy(weights, weights).sum(dim=1).mean()
    return -mean


class Memory(nn.Module):
    """Slots that answer queries; what it cannot compose of its slots it cannot return."""

    def __init__(self, spec: NetworkSpec) -> None:
        super().__init__()
        self.addressing = spec.addressing
        self.threshold = spec.shrinkage / spec.slots
        # MemAE's initialisation: uniform within 1/sqrt(C), so that a first query's dot products are of order 1.
        bound = spec.slot_size**-0.5
        self.slots = nn.Parameter(torch.empty(spec.slots, spec.slot_size).uniform_(-bound, bound))
        if spec.addressing == "cosine":
            self.log_sharpness = nn.Parameter(torch.tensor(INITIAL_SHARPNESS).log())
            self.centring = nn.BatchNorm1d(spec.slot_size, affine=False)

    def weights(self, queries: Tensor) -> Tensor:
        """How much each slot answers each query: [Q, C] -> [Q, N]."""
        if self.addressing == "cosine":
            # Latents share a large mean: about the origin all point the same way, and every slot would answer alike.
            queries = self.centring(queries)
            sharp = F.normalize(queries, dim=1) * self.log_sharpness.exp()
            weights = address(sharp, F.normalize(self.slots, dim=1))
        else:
            weights = address(queries, self.slots)
        return shrink(weights, self.threshold) if self.threshold > 0 else weights

    def forward(self, queries: Tensor) -> tuple[Tensor, Tensor]:
        """The answers and the weights they were mixed with: [Q, C] -> ([Q, C], [Q, N])."""
        weights = self.weights(queries)
        return read(weights, self.slots), weights

    def recall(self, queries: Tensor) -> Tensor:
        """The answers alone, [Q, C] -> [Q, C], block by block so that the weights never leave the cache."""
        return torch.cat([read(self.weights(block), self.slots) for block in torch.split(queries, READ_BLOCK)])
