"""A trained network as scoring uses it: the same numbers as `MemCAE`, rearranged so that a processor is kept busy.

- Batch normalisation is folded into the convolution before it.
- A transposed convolution of stride 2 is an ordinary one that gives the four phases of its output, interleaved after.
- The memory is read by a fused softmax product, whose N weights per query never leave the cache.
- Where only the time average of the reconstruction is asked for, the last layer, which is linear, is averaged before.

Several networks of one specification can be folded together; then window i is seen by network i, all in one grouped
convolution. On a GPU that is what keeps it busy; on a processor it is measured (`monitor.memcae.ways`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from monitor.memcae import fused_read
from monitor.memcae.network import MemCAE, padding

LARGE = 1 << 22
"""Products of channels and positions from which a layer of the decoder is computed as it stands. Measured on one core
and on two, of 60 lengths of windows each: that takes 65 to 92 % of the time for the layers of `paper`; those of
`default`, a tenth as large, take anything from less time to ten times as much, by the length."""


class Folded:
    """One network for a batch of any size, or G networks for batches of exactly G windows.

    Args:
        networks: of one specification, trained, in evaluation mode, on one device; not changed.
        brief: read the memory in bfloat16 where `monitor.memcae.fused_read` says that this changes nothing.
    """

    @torch.inference_mode()
    def __init__(self, networks: Sequence[MemCAE], *, brief: bool = False) -> None:
        first = networks[0]
        self.spec = first.spec
        self.bins = first.bins
        self._stacked = len(networks) > 1
        self._format = (
            torch.contiguous_format if self._stacked or first.centre.is_cuda else torch.channels_last
        )  # measured on a processor: twice as fast with the channels last
        rows = [network.centre for network in networks], [network.spread for network in networks]
        self.centre, self.spread = (torch.stack(row)[..., None] for row in rows)  # [G, F, 1]
        self._as_is = not bool(self.centre.any()) and bool((self.spread == 1).all())
        layers = zip(*(network.encoder for network in networks), strict=True)
        self._encoder = [self._join([_folded(layer) for layer in each]) for each in layers]
        self._networks = tuple(networks)
        memories = [network.memory for network in networks if network.memory is not None]
        fused = memories and not any(memory.threshold > 0 for memory in memories)
        self._read = fused_read.reader(memories) if fused else None
        self._brief = fused_read.brief_reader(memories[0]) if fused and brief and not self._stacked else None
        self._inner: list[tuple[Tensor, Tensor]] = []
        self._ups: list[Tensor | None] = []  # the weights of the same layers as they stand, where that may be faster
        self._outer: tuple[Tensor, Tensor] | None = None
        decoders = [network.decoder for network in networks if network.decoder is not None]
        if decoders:
            inner = zip(*(list(decoder)[:-1] for decoder in decoders), strict=True)
            ups = [[_folded_up(layer) for layer in each] for each in inner]
            self._inner = [self._join([_phases(*layer) for layer in each]) for each in ups]
            alone = self._format == torch.channels_last
            self._ups = [self._join(each)[0] if alone else None for each in ups]
            held = [list(decoder)[-1].state_dict() for decoder in decoders]
            outer = [(each["weight"], each["bias"]) for each in held]
            self._last = torch.stack([weight[:, 0] for weight, _ in outer])  # [G, C, 3, 3]
            self._last_bias = torch.stack([bias for _, bias in outer])  # [G, 1]
            self._outer = self._join([_phases(weight, bias) for weight, bias in outer])

    def standardise(self, seen: Tensor) -> Tensor:
        """As `MemCAE.standardise`."""
        by_bin = seen.contiguous()  # frame by frame as it comes, the convolution and the error take longer than a copy
        return by_bin if self._as_is else (by_bin - self.centre) / self.spread

    def layers(self, target: Tensor) -> tuple[Tensor, ...]:
        """As `MemCAE.layers`."""
        count = len(self._encoder)
        wide = (0, padding(target.shape[2], count), 0, padding(target.shape[1], count))
        found = [self._as_wanted(F.pad(target[:, None], wide, mode="replicate"))]
        for weight, bias in self._encoder:
            found.append(self._convolve(found[-1], weight, bias, stride=2, pad=1))
            F.leaky_relu_(found[-1], self.spec.leak)
        return tuple(found[1:])

    def answers(self, latent: Tensor) -> Tensor:
        """As `MemCAE.answers`.

        Raises:
            RuntimeError: the network has no head.
        """
        return torch.cat([network.answers(part) for network, part in self._each(latent)])

    def recall(self, latent: Tensor) -> Tensor:
        """As `MemCAE.recall`."""
        if self._read is None:
            return torch.cat([network.recall(part) for network, part in self._each(latent)])
        batch, channels, height, width = latent.shape
        queries = latent.permute(0, 2, 3, 1).reshape(len(self.centre), -1, channels)  # [G, Q, C]
        if self._brief is not None:
            answers = torch.stack([self._brief(each) for each in queries.view(batch, -1, channels)])
        else:
            answers = self._read(queries)
        return answers.reshape(batch, height, width, channels).permute(0, 3, 1, 2)

    def decode(self, recalled: Tensor, target: Tensor) -> Tensor:
        """As `MemCAE.decode`.

        Raises:
            RuntimeError: the network has no decoder.
        """
        if self._outer is None:
            raise RuntimeError("the network has no decoder (its spec says so)")
        weight, bias = self._outer
        full = self._phased(self._hidden(recalled), weight, bias)
        return full[:, 0, : target.shape[1], : target.shape[2]]

    def mean_decoded(self, recalled: Tensor, target: Tensor) -> Tensor:
        """As `MemCAE.mean_decoded`: the last layer is linear, so its input is summed over time before it."""
        hidden = self._hidden(recalled)[:, :, :-1]  # without the row that the last convolution would need
        columns = target.shape[2]
        half = columns // 2
        taps = hidden.new_zeros(3, hidden.shape[3])  # which columns each column of the kernel meets
        taps[0, 1 : half + 1] = taps[1, : columns - half] = taps[2, :half] = 1
        sums = torch.einsum("tw,bchw->bcht", taps, hidden)
        last = self._last.expand(len(sums), -1, -1, -1)
        rows = torch.einsum("bcht,bcft->bhf", sums, last)  # [B, H, 3]: by the kernel's row
        out = rows.new_empty(len(rows), 2 * rows.shape[1] - 1)
        out[:, 0::2] = rows[..., 1]
        out[:, 1::2] = rows[:, :-1, 2] + rows[:, 1:, 0]
        return (out / columns + self._last_bias)[:, : target.shape[1]]

    def _as_wanted(self, seen: Tensor) -> Tensor:
        """[B, 1, H, W] with its one channel said to be last, which torch cannot see by itself: no layer converts it."""
        if self._format == torch.contiguous_format:
            return seen
        height, width = seen.shape[2:]
        return seen.as_strided(seen.shape, (height * width, 1, width, 1))

    def _each(self, latent: Tensor) -> Iterator[tuple[MemCAE, Tensor]]:
        """Every network with its share of the batch."""
        return zip(self._networks, torch.split(latent, 1) if self._stacked else (latent,), strict=True)

    def _hidden(self, recalled: Tensor) -> Tensor:
        """What the last layer of the decoder sees, with a border of zeros below and to the right."""
        hidden = F.pad(recalled, (0, 1, 0, 1))
        for (weight, bias), up in zip(self._inner, self._ups, strict=True):
            hidden = F.leaky_relu_(self._phased(hidden, weight, bias, up), self.spec.leak)
            hidden[:, :, -1] = 0
            hidden[:, :, :, -1] = 0
        return hidden

    def _phased(self, seen: Tensor, weight: Tensor, bias: Tensor, up: Tensor | None = None) -> Tensor:
        """A transposed convolution of stride 2 on [B, C, H + 1, W + 1], last row and column 0: [B, C', 2 H, 2 W].

        Its last row and column count for nothing.
        """
        outputs = len(weight) // 4
        if up is not None and outputs * seen[0].numel() >= LARGE:
            return F.conv_transpose2d(seen[:, :, :-1, :-1], up, bias[:outputs], 2, 1, 1)
        return self._interleaved(self._convolve(seen, weight, bias, stride=1, pad=0))

    def _interleaved(self, phases: Tensor) -> Tensor:
        """The four phases [B, 4 * C, H, W] as one, [B, C, 2 H, 2 W]."""
        batch, channels, height, width = phases.shape
        if self._format == torch.channels_last:  # both columns' phases lie side by side: whole rows are moved
            rows = phases.permute(0, 2, 3, 1).view(batch, height, width, 2, -1).transpose(2, 3)
            return rows.reshape(batch, 2 * height, 2 * width, -1).permute(0, 3, 1, 2)
        parts = phases.reshape(batch, 2, 2, channels // 4, height, width).permute(0, 3, 4, 1, 5, 2)
        return parts.reshape(batch, channels // 4, 2 * height, 2 * width)

    def _convolve(self, seen: Tensor, weight: Tensor, bias: Tensor, stride: int, pad: int) -> Tensor:
        """Every window [C, H, W] of the batch by its own network, or all by the one there is."""
        if not self._stacked:
            return F.conv2d(seen, weight, bias, stride, pad)
        batch, channels, height, width = seen.shape
        one = seen.reshape(1, batch * channels, height, width)
        out = F.conv2d(one, weight, bias, stride, pad, groups=batch)
        return out.view(batch, -1, *out.shape[2:])

    def _join(self, layers: Sequence[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
        weight = torch.cat([weight for weight, _ in layers])
        return weight.contiguous(memory_format=self._format), torch.cat([bias for _, bias in layers])


def _folded(layer: nn.Module) -> tuple[Tensor, Tensor]:
    """Convolution and batch normalisation as one convolution: weights [out, in, 3, 3] and bias."""
    weight, gain, bias = _with_gain(layer)
    return weight * gain[:, None, None, None], bias


def _folded_up(layer: nn.Module) -> tuple[Tensor, Tensor]:
    """The same for a transposed convolution, whose weights are [in, out, 3, 3]."""
    weight, gain, bias = _with_gain(layer)
    return weight * gain[None, :, None, None], bias


def _with_gain(layer: nn.Module) -> tuple[Tensor, Tensor, Tensor]:
    """The convolution's weights, what the normalisation multiplies each channel by, and what it then adds."""
    held: dict[str, Tensor] = layer.state_dict()
    (eps,) = (each.eps for each in layer.children() if isinstance(each, nn.BatchNorm2d))
    gain = held["1.weight"] / (held["1.running_var"] + eps).sqrt()
    return held["0.weight"], gain, (held["0.bias"] - held["1.running_mean"]) * gain + held["1.bias"]


def _phases(weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """A transposed convolution [in, out, 3, 3] of stride 2 and padding 1 as a 2 x 2 one: [4 * out, in, 2, 2].

    Output 2i is w[1] x[i], output 2i + 1 is w[2] x[i] + w[0] x[i + 1], along either axis.
    """
    taps = {0: ((0, 1),), 1: ((0, 2), (1, 0))}  # phase -> (offset of x, index of w)
    inputs, outputs = weight.shape[:2]
    found = weight.new_zeros(2, 2, outputs, inputs, 2, 2)
    for row, rows in taps.items():
        for column, columns in taps.items():
            for y, i in rows:
                for x, j in columns:
                    found[row, column, :, :, y, x] = weight[:, :, i, j].T
    return found.reshape(4 * outputs, inputs, 2, 2), bias.repeat(4)
