"""MemCAE: convolutional encoder, memory, mirrored decoder, for a spectrogram of any length."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from monitor.memcae.memory import Memory
from monitor.memcae.preset import NetworkSpec

LEAST_SPREAD = 1e-3
"""Smallest deviation a bin is divided by (nepers or |X|): a bin that is constant in training must not explode later."""


def padding(length: int, layers: int) -> int:
    """Columns to add so that ``layers`` halvings and doublings return exactly ``length`` plus them.

    A 3-wide stride-2 layer maps 2k + 1 to k + 1 and its mirror maps k + 1 back to 2k + 1, so the length must be one
    more than a multiple of 2^layers.
    """
    return -(length - 1) % (1 << layers)


def padded(target: Tensor, layers: int) -> Tensor:
    """[B, F, T] -> [B, 1, F', T'], the last bin and column so many times more (`padding`)."""
    wide = (0, padding(target.shape[2], layers), 0, padding(target.shape[1], layers))
    return F.pad(target[:, None], wide, mode="replicate")


def inner(columns: int, layers: int) -> tuple[int, int]:
    """Which units of a spectrogram lie so far inside that nothing of them depends on where it ends.

    A unit is the 2^layers columns from one position of the latent to the next. Its reconstruction is made of both of
    these positions, and each of them sees one unit on either side.

    Args:
        columns: of the spectrogram.
        layers: of the encoder.

    Returns:
        The first unit and the one after the last; the same where no unit does.
    """
    return 1, max(1, columns // (1 << layers) - 1)


class MemCAE(nn.Module):
    """The network, with the statistics that standardise its input."""

    centre: Tensor
    spread: Tensor

    def __init__(self, spec: NetworkSpec, bins: int) -> None:
        super().__init__()
        self.spec = spec
        self.bins = bins
        self.register_buffer("centre", torch.zeros(bins))
        self.register_buffer("spread", torch.ones(bins))
        channels = (1, *spec.channels)
        pairs = list(itertools.pairwise(channels))
        self.encoder = nn.ModuleList(_down(a, b, spec.leak) for a, b in pairs)
        height = -(-(bins - 1) // 2 ** len(pairs)) + 1
        self.head = nn.Linear(spec.slot_size * height, spec.answers) if spec.answers else None
        self.memory = Memory(spec) if spec.decoder and spec.slots else None
        inner = (_up(b, a, spec.leak) for a, b in reversed(pairs[1:]))
        outer = nn.ConvTranspose2d(channels[1], 1, 3, stride=2, padding=1)
        self.decoder = nn.Sequential(*inner, outer) if spec.decoder else None

    def set_statistics(self, centre: Tensor, spread: Tensor) -> None:
        """Standardise from now on by these: [bins] each, mean and deviation of the training set per bin."""
        self.centre.copy_(centre)
        self.spread.copy_(spread.clamp_min(LEAST_SPREAD))

    def standardise(self, seen: Tensor) -> Tensor:
        """[B, F, T] spectrogram in units of each bin's deviation about its mean."""
        return (seen - self.centre[:, None]) / self.spread[:, None]

    def layers(self, target: Tensor) -> tuple[Tensor, ...]:
        """Every layer of the encoder: standardised [B, F, T] -> [B, C, F', T'] each, F' and T' halved by each layer.

        The last is the latent, which the memory is asked with.
        """
        found = [padded(target, len(self.encoder))]
        for layer in self.encoder:
            found.append(layer(found[-1]))
        return tuple(found[1:])

    def answers(self, latent: Tensor) -> Tensor:
        """What the head says of a latent [B, C, F', T']: logits [B, 2 * bands + 1], averaged over time.

        Raises:
            RuntimeError: the network has no head.
        """
        if self.head is None:
            raise RuntimeError("the network has no head (its spec says asked_bands 0)")
        logits: Tensor = self.head(latent.mean(dim=3).flatten(start_dim=1))
        return logits

    def recall(self, latent: Tensor) -> Tensor:
        """What the memory makes of a latent, one query per position: [B, C, F', T'] -> the same shape."""
        if self.memory is None:
            return latent
        return _as_map(self.memory.recall(as_queries(latent)), latent)

    def decode(self, recalled: Tensor, target: Tensor) -> Tensor:
        """[B, C, F', T'] -> [B, F, T], cropped to the shape of ``target``.

        Raises:
            RuntimeError: the network has no decoder.
        """
        if self.decoder is None:
            raise RuntimeError("the network has no decoder (its spec says so)")
        full: Tensor = self.decoder(recalled)
        return full[:, 0, : target.shape[1], : target.shape[2]]

    def mean_decoded(self, recalled: Tensor, target: Tensor) -> Tensor:
        """The time average of what `decode` gives: [B, C, F', T'] -> [B, F]."""
        return self.decode(recalled, target).mean(dim=2)

    def reconstruct(self, target: Tensor, latent: Tensor) -> tuple[Tensor, Tensor | None]:
        """The reconstruction of a standardised [B, F, T] from its latent, and the memory's weights [positions, N].

        The weights are None without a memory. Scoring takes `recall` and `decode`, which never hold them all at once.
        """
        if self.memory is None:
            return self.decode(latent, target), None
        answers, weights = self.memory(as_queries(latent))
        return self.decode(_as_map(answers, latent), target), weights


def as_queries(latent: Tensor) -> Tensor:
    """[B, C, F', T'] -> [B * F' * T', C]."""
    return latent.permute(0, 2, 3, 1).reshape(-1, latent.shape[1])


def _as_map(queries: Tensor, like: Tensor) -> Tensor:
    """[B * F' * T', C] -> the shape of ``like``, [B, C, F', T']."""
    batch, channels, height, width = like.shape
    return queries.reshape(batch, height, width, channels).permute(0, 3, 1, 2)


def _down(channels_in: int, channels_out: int, leak: float) -> nn.Sequential:
    convolution = nn.Conv2d(channels_in, channels_out, 3, stride=2, padding=1)
    return nn.Sequential(convolution, nn.BatchNorm2d(channels_out), nn.LeakyReLU(leak))


def _up(channels_in: int, channels_out: int, leak: float) -> nn.Sequential:
    convolution = nn.ConvTranspose2d(channels_in, channels_out, 3, stride=2, padding=1)
    return nn.Sequential(convolution, nn.BatchNorm2d(channels_out), nn.LeakyReLU(leak))
