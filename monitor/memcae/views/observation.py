"""What the views may look at: a batch of windows, each stage computed once, and only when a view asks for it."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from monitor.memcae.network import inner
from monitor.memcae.once import once
from monitor.memcae.preset import QUIET_BLOCK, NetworkSpec, SpectrogramSpec
from monitor.memcae.spectrogram import POWER_FLOOR, averages, in_scale, pieces, power
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

    @once
    def power(self) -> Tensor:
        """[B, F, frames], the squared magnitude of every frame, not averaged."""
        return power(self.samples, self.spec)

    @once
    def averaged(self) -> Tensor:
        """[B, F, T], power averaged over the frames of every column."""
        return averages(self.power, self.spec.average)

    @once
    def quiet_db(self) -> Tensor:
        """[B, F], the level of every bin in the quieter half of the window, decibels."""
        return quiet.levels_db(self.averaged, max(1, QUIET_BLOCK // self.spec.average))

    @once
    def envelopes(self) -> Tensor:
        """[B, frames, bands], the loudness of a few bands in every frame, nepers."""
        return envelope.envelopes(self.power, self.spec)

    @once
    def movement(self) -> Tensor:
        """[B, bands, octaves], the power at which each band moves at each rate, squared nepers."""
        return envelope.movement(self.envelopes, self.spec).mean(dim=1)

    @once
    def loudness(self) -> Tensor:
        """[B, frames], the mean of all bands' envelopes, nepers."""
        return self.envelopes.mean(dim=2)

    @once
    def rises(self) -> Tensor:
        """[B, frames - 1], how much all bands together rise from each frame to the next, nepers."""
        return envelope.rises(self.envelopes)

    @once
    def scaled(self) -> Tensor:
        """[B, F, T], the spectrogram in the preset's scale."""
        return in_scale(self.averaged, self.spec)

    @once
    def target(self) -> Tensor:
        """[B, F, T], the spectrogram standardised: what the network sees and must bring back."""
        return self.network.standardise(self.scaled)

    @once
    def layers(self) -> tuple[Tensor, ...]:
        """The output of every encoder layer, [B, C, F', T'] each; the last is the latent."""
        return self.network.layers(self.target)

    @once
    def recalled(self) -> Tensor:
        """[B, C, F', T'], what the memory makes of the latent."""
        return self.network.recall(self.layers[-1])

    @once
    def reconstruction(self) -> Tensor:
        """[B, F, T], what comes back through the memory and the decoder."""
        return self.network.decode(self.recalled, self.target)

    @once
    def inner(self) -> slice:
        """The columns whose place in the network does not depend on where the window ends; all where there are none."""
        stride = 1 << len(self.layers)
        first, past = inner(self.target.shape[2], len(self.layers))
        return slice(first * stride, past * stride) if past > first else slice(0, self.target.shape[2])

    @once
    def texture(self) -> Tensor:
        """[B, C, F'], the time average of the encoder's layer before the last, over the inner columns."""
        stride = 1 << (len(self.layers) - 1)
        columns = slice(self.inner.start // stride, -(-self.inner.stop // stride))
        return self.layers[-2][..., columns].mean(dim=3)

    @once
    def missing(self) -> Tensor:
        """[B, F], the time average of target less reconstruction, over the inner columns."""
        stride = 1 << len(self.layers)
        target = self.target[..., self.inner]
        recalled = self.recalled[..., self.inner.start // stride : -(-self.inner.stop // stride) + 1]
        return target.mean(dim=2) - self.network.mean_decoded(recalled, target)

    def part(self, rows: slice, network: Network) -> Observation:
        """Some of the windows, through another network; what does not depend on the network is not computed again."""
        part = Observation(self.samples[rows], self.spec, network)
        vars(part).update(averaged=self.averaged[rows], quiet_db=self.quiet_db[rows], scaled=self.scaled[rows])
        return part


class InPieces(Observation):
    """The same on a processor, where all that is asked of the frames is asked while they are in its cache.

    For presets that ask for the columns and the envelopes; the power of the frames is computed anew if it is asked for.
    """

    @once
    def averaged(self) -> Tensor:
        """[B, F, T], power averaged over the frames of every column."""
        return self._heard[0]

    @once
    def envelopes(self) -> Tensor:
        """[B, frames, bands], the loudness of a few bands in every frame, nepers."""
        return self._heard[1]

    @once
    def _heard(self) -> tuple[Tensor, Tensor]:
        spec, samples = self.spec, self.samples
        average, count = spec.average, spec.frames(samples.shape[1])
        columns = samples.new_empty(len(samples), count // average, spec.bins)
        levels = samples.new_empty(len(samples), count, envelope.BANDS)
        weights = envelope.weights(spec)
        for place, frames, squared in pieces(samples, spec):
            whole = len(squared) // average
            first = frames.start // average
            by_column = squared[: whole * average].view(whole, average, spec.bins)
            torch.mean(by_column, dim=1, out=columns[place, first : first + whole])
            torch.mm(squared, weights, out=levels[place, frames])
        return columns.transpose(1, 2), levels.add_(POWER_FLOOR).log_()
