"""Normal windows as what looks through the network learns them: louder, quieter, brighter or darker, within bounds."""

from __future__ import annotations

from torch import Tensor

from monitor.memcae import forgiveness
from monitor.memcae.network import MemCAE
from monitor.memcae.once import once
from monitor.memcae.preset import Preset
from monitor.memcae.spectrogram import DB_PER_NEPER
from monitor.memcae.views.observation import Observation


class Varied(Observation):
    """Windows of which the network hears each at a level and a tilt of its own.

    Load, season and a moved microphone change them, and what looks through the network would take that for a sound that
    it never heard. What learns from these windows has heard it. In service no window is changed: two that overlap see
    their common sound alike, so that it is computed once (`monitor.memcae.continued`).

    Args:
        samples: [B, n], full scale +-1.
        preset: says by how much, `forgiven_db` of its training; one that forgives nothing hears windows as they are.
        network: in evaluation mode.
        turn: windows that had their turn before (`forgiveness.variations`).
    """

    def __init__(self, samples: Tensor, preset: Preset, network: MemCAE, turn: int) -> None:
        super().__init__(samples, preset.spectrogram, network)
        self.bound = preset.training.forgiven_db / DB_PER_NEPER
        self.turn = turn

    @once
    def target(self) -> Tensor:
        """[B, F, T], as `Observation.target`, varied."""
        if not self.bound:
            return self.network.standardise(self.scaled)
        octave = forgiveness.octaves(0.0, self.spec.bins, self.spec.bin_hz).to(self.scaled)
        by = forgiveness.variations(octave, len(self.samples), self.bound, self.turn)
        return self.network.standardise(self.scaled + by[:, :, None])
