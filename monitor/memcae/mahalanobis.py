"""Shrunk covariances and Mahalanobis distances in their dual form: cheap for n vectors of d >> n values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from monitor.memcae import kernels
from monitor.memcae.kernels import Beside

LEAST_SHRINKAGE = 1e-3
"""Keeps the distance finite where the estimate says that no shrinkage is needed (many vectors, few values)."""

LEAST_VARIANCE = 1e-6
"""Smallest variance of any direction, squared units of the values: identical vectors must not divide by zero."""

NEGLIGIBLE = 1e-10
"""Directions whose variance is below this share of the largest are rounding error."""


@dataclass(frozen=True, slots=True)
class Spread:
    """How vectors spread about their mean: covariance = axes diag(along) axes^T + beside * (what the axes leave)."""

    axes: Tensor
    """[d, r], orthonormal directions in which they spread."""
    along: Tensor
    """[r], variance in each of these directions, after shrinkage."""
    beside: Tensor
    """[], variance in every other direction, after shrinkage."""

    def covariance(self) -> Tensor:
        """As a matrix, [d, d]."""
        across = self.axes * (self.along - self.beside) @ self.axes.T
        return across + self.beside * torch.eye(len(self.axes), dtype=across.dtype, device=across.device)


def ledoit_wolf(centred: Tensor, sizes: Sequence[int]) -> Spread:
    """The shrunk covariance of vectors that come in groups of like ones.

    The shrinkage is that of Ledoit and Wolf (2004), "A well-conditioned estimator for large-dimensional covariance
    matrices", lemma 3.2 to 3.4, with two changes. It is written with the n x n matrix of inner products in place of the
    d x d covariance. And what they take to be independent are not the vectors but the groups: the windows of one
    recording are alike, and counting each as news would make eight recordings look like a hundred. With groups of one
    it is their estimate.

    Args:
        centred: [n, d], mean 0, double precision, n at least 2, group after group.
        sizes: vectors in each group, with sum n.
    """
    n, d = centred.shape
    inner = centred @ centred.T
    mean_variance = inner.trace() / (n * d)
    squared = inner.square()
    squared_norm = squared.sum() / n**2  # of the sample covariance (Frobenius)
    dispersion = squared_norm / d - mean_variance**2
    error = _error(squared, sizes) / d
    shrinkage = (error / dispersion).clamp(LEAST_SHRINKAGE, 1) if dispersion > 0 else torch.ones_like(dispersion)
    variance, directions = torch.linalg.eigh(inner)
    kept = variance > variance.max() * NEGLIGIBLE
    axes = centred.T @ directions[:, kept] / variance[kept].sqrt()
    beside = (shrinkage * mean_variance).clamp_min(LEAST_VARIANCE)
    return Spread(axes, (1 - shrinkage) * variance[kept] / n + beside, beside)


def _error(squared: Tensor, sizes: Sequence[int]) -> Tensor:
    """The squared error of the sample covariance S, sum over groups g of |n_g / n (S_g - S)|^2 (Frobenius).

    Args:
        squared: [n, n], squared inner products: their mean over groups g and h is the inner product of S_g and S_h.
        sizes: n_g.
    """
    n = len(squared)
    rows = torch.split(squared, list(sizes))
    total = squared.sum() / n**4  # |S|^2 / n^2
    errors = []
    first = 0
    for size, row in zip(sizes, rows, strict=True):
        own = row[:, first : first + size].sum() / n**2
        errors.append(own - 2 * size * row.sum() / n**3 + size**2 * total)
        first += size
    return torch.stack(errors).sum()


def squared_distance(centred: Tensor, axes: Tensor | Beside, along: Tensor, beside: Tensor) -> Tensor:
    """The squared Mahalanobis distance of vectors from 0, [B]; each may have a `Spread` of its own.

    Args:
        centred: [B, d].
        axes: as `project` takes them.
        along: variance along the axes, [r] or [B, r].
        beside: in every other direction, [] or [B].
    """
    projected = project(centred, axes)
    left = (centred.square().sum(dim=1) - projected.square().sum(dim=1)).clamp_min(0)
    return (projected.square() / along).sum(dim=1) + left / beside


def project(vectors: Tensor, axes: Tensor | Beside) -> Tensor:
    """[B, d] vectors along [d, r] axes, or each along its own, [B, d, r] or side by side: -> [B, r]."""
    if isinstance(axes, Beside):
        return kernels.project(vectors.contiguous(), axes)
    return vectors @ axes if axes.dim() == 2 else torch.bmm(vectors[:, None], axes)[:, 0]
