"""The recall view: a window's spectrum against what a memory of normal windows makes of it (equations 3 and 4)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from monitor.memcae.fusion import Role
from monitor.memcae.mahalanobis import project
from monitor.memcae.views import spectrum
from monitor.memcae.views.view import Fit, View

LEARNS = (*spectrum.LEARNS, "slots", "keys", "prior")
"""Names of what `fit` gives."""

SHARPNESS = 5.0
"""Factor of the cosines in the addressing: cosines lie in +-1, too flat for a softmax on their own. Measured alike from
3 to 10; towards 0 every query is answered by the mean of all slots, and this becomes the spectrum view."""


def fit(recordings: Sequence[Tensor]) -> Mapping[str, Tensor]:
    """The memory of the levels of each recording's windows, [n, d].

    Its slots M are the normal windows themselves, in the coordinates in which a fault shows (`contrast`): one slot for
    every state the machine was heard in. Slots learnt by gradient came to answer every query alike.
    """
    learnt = dict(spectrum.fit(recordings))
    slots = spectrum.coordinates(learnt, torch.cat(list(recordings)))
    keys = (SHARPNESS * F.normalize(slots, dim=1)).T.contiguous()  # [r, n]
    return learnt | {"slots": slots, "keys": keys, "prior": slots.new_zeros(len(slots))}  # all slots are alike likely


def distance(fitted: Fit, described: Tensor) -> Tensor:
    """How far the windows z lie from what the memory makes of them, |z - z^|: [B, d] -> [B]."""
    queries = spectrum.coordinates(fitted, described)
    likeness = project(F.normalize(queries, dim=1), fitted["keys"])
    weights = torch.softmax(likeness + fitted["prior"], dim=1)
    length: Tensor = torch.linalg.vector_norm(queries - project(weights, fitted["slots"]), dim=1)
    return length


ABSENT = {"prior": -math.inf}
"""A slot that is not there answers nothing."""

RECALL = View("recall", Role.ANCHOR, spectrum.describe, fit, LEARNS, distance, absent=ABSENT)
