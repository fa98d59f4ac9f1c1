"""Normal windows as what looks through the network learns them: a little louder or brighter than what is forgiven."""

from __future__ import annotations

from functools import cached_property

from torch import Tensor

from monitor.memcae import forgiveness
from monitor.memcae.network import MemCAE
from monitor.memcae.preset import SpectrogramSpec
from monitor.memcae.spectrogram import DB_PER_NEPER
from monitor.memcae.views import spectrum
from monitor.memcae.views.observation import Observation


class Unsettled(Observation):
    """Windows of which the network hears a level and a tilt that are just not forgiven.

    Forgiven, the level of normal sound spreads not at all, and what looks through the network would take the least bit
    beyond the bound for a sound that it never heard: measured, a score of 38 for half a decibel. What learns from
    these windows has heard it, and has the same doubt as the `spectrum` view.

    Args:
        samples: [B, n], full scale +-1.
        spec: of the spectrogram.
        network: in evaluation mode; one that forgives nothing hears the windows as they are.
        turn: windows that had their turn before (`forgiveness.remainders`).
    """

    def __init__(self, samples: Tensor, spec: SpectrogramSpec, network: MemCAE, turn: int) -> None:
        super().__init__(samples, spec, network)
        self.turn = turn

    @cached_property
    def target(self) -> Tensor:
        """[B, F, T], as `Observation.target`, with the remainders."""
        if not self.network.spec.forgiven_db:
            return self.network.standardise(self.scaled)
        octave = forgiveness.octaves(0.0, self.spec.bins, self.spec.bin_hz).to(self.scaled)
        left = forgiveness.remainders(octave, len(self.samples), spectrum.DOUBT_DB / DB_PER_NEPER, self.turn)
        return self.network.standardise(self.network.forgive(self.scaled, self.spec.bin_hz) + left[:, :, None])
