"""From each view's distance to one score: one scale for all views, then the one that says most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import torch
from torch import Tensor

from monitor.memcae.preset import Fusion

PRIOR_SPREAD = 0.15
"""Spread of normal distances, as a share of their median, believed before any are seen (measured 10 to 20 %)."""

PRIOR_WINDOWS = 8.0
"""How many windows that belief is worth: the spread of a handful of windows alone may come out far too small."""

LEAST_SPREAD = 1e-9
"""Keeps the quotient finite where every distance is 0."""

SOLO = 1.5
"""How many spreads further out than the anchor any other view must be to speak alone. Measured: with 1 rhythm's false
extremes cost the steady machines 0.5 % pAUC, with 3 intermittent faults lose 2 % AUC."""

DOUBT = 4.0
"""The same for a doubted view. Measured over five trainings: with 1.5 it costs a toy car 3.5 % pAUC, with 3 1.4 %, with
4 0.8 %; simulated faults (.989 AUC) and the motor lose nothing by it."""


class Role(StrEnum):
    """How a view is listened to."""

    ANCHOR = "anchor"
    """The most reliable view of steady sound; exactly one of a preset's views."""
    PARTNER = "partner"
    """Looks at the same steady sound by other means: counts together with the anchor, or alone when far out."""
    WITNESS = "witness"
    """Looks at something else: counts alone when far out."""
    DOUBTED = "doubted"
    """A witness that says something else after every training: counts alone when very far out."""


@dataclass(frozen=True, slots=True)
class Reference:
    """What the views' distances are on normal sound that they were not fitted on."""

    location: Tensor
    """[V], the median distance of each view."""
    spread: Tensor
    """[V], its robust deviation, greater than 0."""


def reference(distances: Tensor) -> Reference:
    """The reference of out-of-sample normal distances [n, V], n at least 1.

    Median and median absolute deviation (times 1.4826, to equal a standard deviation for normal values), so that a
    handful of far windows moves neither; the deviation is blended with what is believed beforehand.
    """
    location = distances.quantile(0.5, dim=0)
    deviation = 1.4826 * (distances - location).abs().quantile(0.5, dim=0)
    known = len(distances)
    believed = PRIOR_WINDOWS * (PRIOR_SPREAD * location).square()
    spread = ((known * deviation.square() + believed) / (known + PRIOR_WINDOWS)).sqrt()
    return Reference(location, spread.clamp_min(LEAST_SPREAD))


def values(distances: Tensor, known: Reference) -> Tensor:
    """Each view's distance in its reference's spreads about its median: [B, V] -> [B, V], comparable between views."""
    return (distances - known.location) / known.spread


def fuse(comparable: Tensor, roles: Sequence[Role], fusion: Fusion) -> Tensor:
    """The score of each window.

    The greatest of: the anchor; the mean of the anchor and a partner; any other view less SOLO, or less DOUBT. A sum
    would let views that see nothing drown the one that does; a plain maximum would be as noisy as the noisiest view.

    Args:
        comparable: [B, V], from `values`.
        roles: of each of the V views.
        fusion: `plain` takes the only view as it is.

    Returns:
        [B]; NaN where any view is.
    """
    if fusion == "plain":
        return comparable[:, 0]
    anchor = comparable[:, list(roles).index(Role.ANCHOR)]
    said = [anchor]
    for view, role in zip(comparable.unbind(dim=1), roles, strict=True):
        if role is Role.PARTNER:
            said.append((anchor + view) / 2)
        if role is not Role.ANCHOR:
            said.append(view - (DOUBT if role is Role.DOUBTED else SOLO))
    return torch.stack(said, dim=1).amax(dim=1)
