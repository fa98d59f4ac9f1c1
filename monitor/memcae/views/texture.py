"""The texture view: the time average of the encoder's layer before the last against the normal ones."""

from __future__ import annotations

from torch import Tensor

from monitor.memcae.fusion import Role
from monitor.memcae.views import latent
from monitor.memcae.views.observation import Observation
from monitor.memcae.views.view import View


def describe(seen: Observation) -> Tensor:
    """The mean of every channel and frequency of the layer over the window's inner columns: [B, C * F']."""
    return seen.texture.flatten(start_dim=1)


TEXTURE = View(
    "texture", Role.PARTNER, describe, latent.fit, latent.LEARNS, latent.distance, network=True, absent=latent.ABSENT
)
