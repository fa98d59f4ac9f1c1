"""The answers view: what the encoder's head says of each band, raised or lowered, against its normal answers."""

from __future__ import annotations

from torch import Tensor

from monitor.memcae.fusion import Role
from monitor.memcae.views import latent
from monitor.memcae.views.observation import Observation
from monitor.memcae.views.view import View


def describe(seen: Observation) -> Tensor:
    """The head's time-averaged answers: [B, classes], logits."""
    return seen.network.answers(seen.layers[-1])


ANSWERS = View(
    "answers", Role.PARTNER, describe, latent.fit, latent.LEARNS, latent.distance, network=True, absent=latent.ABSENT
)
