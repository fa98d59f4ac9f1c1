"""What the views may look at: a batch of windows, each stage computed once, and only when a view asks for it."""

from __future__ import annotations

from functools import cached_property

from torch import Tensor

from monitor.memcae.network import MemCAE
from monitor.memcae.preset import SpectrogramSpec
from monitor.memcae.spectrogram import power, scaled
from monitor.memcae.views import quiet


class Observation:
    """A batch of B windows of one machine.

    Args:
        samples: [B, n], full scale +-1.
        spec: of the spectrogram.
        network: in evaluation mode.
    """

    def __init__(self, samples: Tensor, spec: SpectrogramSpec, network: MemCAE) -> None:
        self.samples = samples
        self.spec = spec
        self.network = network

    @cached_property
    def power(self) -> Tensor:
        """[B, F, frames], the squared magnitude of every frame, not averaged."""
        return power(self.samples, self.spec)

    @cached_property
    def quiet_db(self) -> Tensor:
        """[B, F], the level of every bin in the quieter half of the window, decibels."""
        return quiet.levels_db(self.power)

    @cached_property
    def target(self) -> Tensor:
        """[B, F, T], the spectrogram in the preset's scale, standardised: what the network sees and must bring back."""
        seen = scaled(self.power, self.spec)
        if self.network.spec.forgiven_db:
            seen = self.network.forgive(seen, self.spec.bin_hz)
        return self.network.standardise(seen)

    @cached_property
    def layers(self) -> tuple[Tensor, ...]:
        """The output of every encoder layer, [B, C, F', T'] each; the last is the latent."""
        return self.network.layers(self.target)

    @cached_property
    def reconstruction(self) -> Tensor:
        """[B, F, T], what comes back through the memory and the decoder."""
        return self.network.decode(self.network.recall(self.layers[-1]), self.target)
