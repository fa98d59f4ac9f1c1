"""The views by name: ways of scoring one window. A new view is one module and one line here."""

from __future__ import annotations

import types
from collections.abc import Mapping

from monitor.memcae.views.answers import ANSWERS
from monitor.memcae.views.latent import LATENT
from monitor.memcae.views.mse import MSE
from monitor.memcae.views.recall import RECALL
from monitor.memcae.views.reconstruction import RECONSTRUCTION
from monitor.memcae.views.residual import RESIDUAL
from monitor.memcae.views.rhythm import RHYTHM
from monitor.memcae.views.spectrum import SPECTRUM
from monitor.memcae.views.texture import TEXTURE
from monitor.memcae.views.view import View

_ALL = (SPECTRUM, RHYTHM, TEXTURE, ANSWERS, LATENT, RECONSTRUCTION, MSE, RESIDUAL, RECALL)

VIEWS: Mapping[str, View] = types.MappingProxyType({view.name: view for view in _ALL})
"""Every view that a preset may name."""
