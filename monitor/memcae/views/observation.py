"""What the views may look at: a batch of windows, each stage computed once, and only when a view asks for it."""

from __future__ import annotations

from functools import cached_property
from typing import Protocol

from torch import Tensor

from monitor.memcae.network import inner
from monitor.memcae.preset import NetworkSpec, SpectrogramSpec
from monitor.memcae.spectrogram import power, scaled
from monitor.memcae.views import envelope, quiet


class Network(Protocol):
    """What an observation asks of a network: `monitor.memcae.network.MemCAE`, or a faster form of it."""

    spec: NetworkSpec

    def standardise(self, seen: Tensor) -> Tensor:
        """As `MemCAE.standardise`."""
        ...

    def layers(self, target: Tensor) -> tuple[Tensor, ...]:
        """As `MemCAE.layers`."""
        ...

    def answers(self, latent: Tensor) -> Tensor:
        """As `MemCAE.answers`."""
        ...

    def recall(self, latent: Tensor) -> Tensor:
        """As `MemCAE.recall`."""
        ...

    def decode(self, recalled: Tensor, target: Tensor) -> Tensor:
        """As `MemCAE.decode`."""
        ...

    def mean_decoded(self, recalled: Tensor, target: Tensor) -> Tensor:
        """As `MemCAE.mean_decoded`."""
        ...


class Observation:
    """A batch of B windows of one machine.

    Args:
        samples: [B, n], full scale +-1.
        spec: of the spectrogram.
        network: in evaluation mode.
    """

    def __init__(self, samples: Tensor, spec: SpectrogramSpec, network: Network) -> None:
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
    def envelopes(self) -> Tensor:
        """[B, frames, bands], the loudness of a few bands in every frame, nepers."""
        return envelope.envelopes(self.power, self.spec)

    @cached_property
    def movement(self) -> Tensor:
        """[B, bands, octaves], the power at which each band moves at each rate, squared nepers."""
        return envelope.movement(self.envelopes, self.spec).mean(dim=1)

    @cached_property
    def loudness(self) -> Tensor:
        """[B, frames], the mean of all bands' envelopes, nepers."""
        return self.envelopes.mean(dim=2)

    @cached_property
    def rises(self) -> Tensor:
        """[B, frames - 1], how much all bands together rise from each frame to the next, nepers."""
        return envelope.rises(self.envelopes)

    @cached_property
    def scaled(self) -> Tensor:
        """[B, F, T], the spectrogram in the preset's scale."""
        return scaled(self.power, self.spec)

    @cached_property
    def target(self) -> Tensor:
        """[B, F, T], the spectrogram standardised: what the network sees and must bring back."""
        return self.network.standardise(self.scaled)

    @cached_property
    def layers(self) -> tuple[Tensor, ...]:
        """The output of every encoder layer, [B, C, F', T'] each; the last is the latent."""
        return self.network.layers(self.target)

    @cached_property
    def recalled(self) -> Tensor:
        """[B, C, F', T'], what the memory makes of the latent."""
        return self.network.recall(self.layers[-1])

    @cached_property
    def reconstruction(self) -> Tensor:
        """[B, F, T], what comes back through the memory and the decoder."""
        return self.network.decode(self.recalled, self.target)

    @cached_property
    def inner(self) -> slice:
        """The columns whose place in the network does not depend on where the window ends; all where there are none."""
        stride = 1 << len(self.layers)
        first, past = inner(self.target.shape[2], len(self.layers))
        return slice(first * stride, past * stride) if past > first else slice(0, self.target.shape[2])

    @cached_property
    def texture(self) -> Tensor:
        """[B, C, F'], the time average of the encoder's layer before the last, over the inner columns."""
        stride = 1 << (len(self.layers) - 1)
        columns = slice(self.inner.start // stride, -(-self.inner.stop // stride))
        return self.layers[-2][..., columns].mean(dim=3)

    @cached_property
    def missing(self) -> Tensor:
        """[B, F], the time average of target less reconstruction, over the inner columns."""
        stride = 1 << len(self.layers)
        target = self.target[..., self.inner]
        recalled = self.recalled[..., self.inner.start // stride : self.inner.stop // stride + 1]
        return target.mean(dim=2) - self.network.mean_decoded(recalled, target)

    def part(self, rows: slice, network: Network) -> Observation:
        """Some of the windows, through another network; what does not depend on the network is not computed again."""
        part = Observation(self.samples[rows], self.spec, network)
        vars(part).update(power=self.power[rows], quiet_db=self.quiet_db[rows], scaled=self.scaled[rows])
        return part
