"""What the views may look at, by the compiled kernels: a window is heard in one go, frames, columns and envelopes."""

from __future__ import annotations

from functools import lru_cache

from torch import Tensor

from monitor.memcae import kernels
from monitor.memcae.kernels import Bands, Beside
from monitor.memcae.once import once
from monitor.memcae.preset import QUIET_BLOCK, SpectrogramSpec
from monitor.memcae.spectrogram import POWER_FLOOR, hann, mirrored
from monitor.memcae.views import envelope, quiet
from monitor.memcae.views.observation import Observation


class KernelObservation(Observation):
    """A batch of B windows on a processor, of a preset that `monitor.memcae.compiled.can`.

    Columns of several frames and the envelopes are computed together; the power of every frame, if it is asked for
    beside them, once more.
    """

    @once
    def power(self) -> Tensor:
        """[B, F, frames], the squared magnitude of every frame, not averaged."""
        return power(self.samples, self.spec)

    @once
    def averaged(self) -> Tensor:
        """[B, F, T], power averaged over the frames of every column."""
        return self.power if self.spec.average == 1 else self._heard[0].transpose(1, 2)

    @once
    def envelopes(self) -> Tensor:
        """[B, frames, bands], the loudness of a few bands in every frame, nepers."""
        return self._heard[1].add_(POWER_FLOOR).log_()

    @once
    def quiet_db(self) -> Tensor:
        """[B, F], the level of every bin in the quieter half of the window, decibels."""
        blocks = quiet.blocks_of(self.averaged, max(1, QUIET_BLOCK // self.spec.average))
        return quiet.of_rows(Beside(blocks.transpose(1, 2).contiguous().unbind()), POWER_FLOOR)

    @once
    def _heard(self) -> tuple[Tensor, Tensor]:
        return _hear(self.samples, self.spec, self.spec.average, _bands(self.spec))


def power(samples: Tensor, spec: SpectrogramSpec) -> Tensor:
    """As `monitor.memcae.spectrogram.power`."""
    return _hear(samples, spec, 1)[0].transpose(1, 2)


def _hear(samples: Tensor, spec: SpectrogramSpec, average: int, loud: Bands | None = None) -> tuple[Tensor, Tensor]:
    heard = mirrored(samples, spec.n_fft // 2) if spec.centred else samples.contiguous()
    window = hann(spec.n_fft, samples.dtype, samples.device)
    return kernels.hear(heard, window, spec.hop, average, spec.frames(samples.shape[1]), loud)


@lru_cache
def _bands(spec: SpectrogramSpec) -> Bands:
    return kernels.bands(envelope.weights(spec))
