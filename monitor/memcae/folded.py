"""A trained network as scoring uses it: the same numbers as `MemCAE`, computed so that a processor is kept busy.

- Its layers are those of `monitor.memcae.parts`.
- The memory is read by a fused softmax product, whose N weights per query never leave the cache.
- Where only averages of the reconstruction over time are asked for, the last layer, which is linear, comes after them.

Several networks of one specification can be folded together; then window i is seen by network i, all in one grouped
convolution. On a GPU that is what keeps it busy; on a processor it is measured (`monitor.memcae.ways`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from monitor.memcae import fused_read
from monitor.memcae.fused_read import Read
from monitor.memcae.network import MemCAE, padded
from monitor.memcae.parts import Layer, Parts

LARGE = 1 << 22
"""Products of channels and positions from which a layer of the decoder is computed as it stands. Measured on one core
and on two, of 60 lengths of windows each: that takes 65 to 92 % of the time for the layers of `paper`; those of
`default`, a tenth as large, take anything from less time to ten times as much, by the length."""

LARGE_ALONE = 1 << 20
"""The same where one thread computes: from here on, 1.4 s of `paper`, it takes 57 to 88 % of the time."""


class Folded:
    """One network for a batch of any size, or G networks for batches of exactly G windows.

    Args:
        parts: of networks of one specification (`parts_of`).
        brief: read the memory in bfloat16 where `monitor.memcae.fused_read` says that this changes nothing.
    """

    compiled = False
    """Whether kernels compute it (`monitor.memcae.compiled`)."""

    _exponentials_ = staticmethod(fused_read.exponentials_)

    @torch.inference_mode()
    def __init__(self, parts: Sequence[Parts], *, brief: bool = False) -> None:
        first = parts[0].network
        self.parts = tuple(parts)
        self.spec = first.spec
        self.bins = first.bins
        self._stacked = len(parts) > 1
        self._format = (
            torch.contiguous_format if self._stacked or first.centre.device.type != "cpu" else torch.channels_last
        )  # measured on a processor: twice as fast with the channels last
        self._networks = tuple(each.network for each in parts)
        self.centre, spread = (
            torch.stack(row) for row in zip(*((n.centre, n.spread) for n in self._networks), strict=True)
        )
        self._gain, self._shift = 1 / spread[:, None], (-self.centre / spread)[:, None]  # [G, 1, F]
        self._as_is = not bool(self.centre.any()) and bool((spread == 1).all())
        lasts = [part.last for part in parts if part.last is not None]
        if lasts:
            self._last = torch.stack([weight[:, 0] for weight, _ in lasts])  # [G, C, 3, 3]
            self._last_bias = torch.stack([bias for _, bias in lasts])  # [G, 1]
        self._arrange()
        memory = first.memory if brief and self._read is not None and not self._stacked else None
        self._brief = None if memory is None else fused_read.brief_reader(memory, self._exponentials_)

    def _arrange(self) -> None:
        """Make the layers ready, and the reading of the memories."""
        parts = self.parts
        self._encoder = [self._join(each) for each in zip(*(part.encoder for part in parts), strict=True)]
        readings = [part.reading for part in parts if part.reading is not None]
        self._read: Read | None = fused_read.beside(readings) if readings else None
        self._inner = [self._join(each) for each in zip(*(part.inner for part in parts), strict=True)]
        # as they stand, where that may be faster
        fits = self._format == torch.channels_last
        self._ups = [up.contiguous(memory_format=self._format) if fits else None for up in parts[0].ups]
        outers = [part.outer for part in parts if part.outer is not None]
        self._outer = self._join(outers) if outers else None

    def standardise(self, seen: Tensor) -> Tensor:
        """As `MemCAE.standardise`."""
        # frame by frame, as it is in memory, the convolution and the error take longer than a copy
        return self.standardised(seen.transpose(1, 2)).transpose(1, 2).contiguous()

    def standardised(self, columns: Tensor) -> Tensor:
        """The same of columns one after another as they lie in memory, [B, T, F] -> [B, T, F]."""
        return columns if self._as_is else torch.addcmul(self._shift, columns, self._gain)

    def layers(self, target: Tensor) -> tuple[Tensor, ...]:
        """As `MemCAE.layers`."""
        found = [self._as_wanted(padded(target, len(self._encoder)))]
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
        """As `MemCAE.mean_decoded`."""
        columns = target.shape[2]
        return self._sums_decoded(recalled, columns, 1)[:, 0, : target.shape[1]] / columns

    def unit_sums(self, recalled: Tensor, target: Tensor) -> Tensor:
        """The sum of what `decode` gives over each unit of columns (`network.inner`): [B, C, F', U + 1] -> [B, U, F].

        Args:
            recalled: the units' and the following position.
            target: [B, F, T], T a multiple of the units' columns.
        """
        units = target.shape[2] >> len(self.spec.channels)
        return self._sums_decoded(recalled, target.shape[2], units)[:, :, : target.shape[1]]

    def _sums_decoded(self, recalled: Tensor, columns: int, parts: int) -> Tensor:
        """What comes back, added up over equal parts of the columns: [B, C, F', T'] -> [B, parts, F].

        The last layer is linear, so its input is added up before it. Several parts have an even number of columns each.
        """
        by_column = self._hidden(recalled).permute(0, 2, 3, 1)[:, :-1]  # [B, H, W, C], as it lies in memory
        half = columns // parts // 2  # two columns come of each column of the input, the odd ones of its neighbour too
        count = half * parts
        batch, height, _, channels = by_column.shape
        inside = by_column[:, :, :count].reshape(batch, height, parts, half, channels).sum(dim=3)
        first, last = by_column[:, :, :count:half], by_column[:, :, half : count + 1 : half]
        middle = inside if columns == 2 * count else inside + last
        sums = torch.stack([inside - first + last, middle, inside], dim=3)  # by what each column of the kernel meets
        rows = torch.einsum("bhutc,bcft->buhf", sums, self._last.expand(len(sums), -1, -1, -1))  # [B, U, H, 3]
        return interleaved(rows) + columns // parts * self._last_bias[:, None]

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
        large = LARGE_ALONE if torch.get_num_threads() == 1 else LARGE
        if up is not None and outputs * seen[0].numel() >= large:
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

    def _join(self, layers: Sequence[Layer]) -> Layer:
        weight = torch.cat([weight for weight, _ in layers])
        return weight.contiguous(memory_format=self._format), torch.cat([bias for _, bias in layers])


def interleaved(rows: Tensor) -> Tensor:
    """A transposed convolution of stride 2 along frequency, from what its three weights give: [.., H, 3] -> [.., 2H-1].

    Output 2i is of weight 1 on i, output 2i + 1 of weight 2 on i and weight 0 on i + 1.
    """
    out = rows.new_empty(*rows.shape[:-2], 2 * rows.shape[-2] - 1)
    out[..., 0::2] = rows[..., 1]
    out[..., 1::2] = rows[..., :-1, 2] + rows[..., 1:, 0]
    return out
