"""The plain way of scoring: eager, one machine and one window at a time, the memory in one piece.

This is what every faster way is held against, in the tests for its scores and in the benchmarks for its speed. It stays
as slow as it is obvious: each stage is the formula, written down once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from monitor.audio.windows import Window
from monitor.memcae import records
from monitor.memcae.model import MachineModel, ViewScores
from monitor.memcae.network import MemCAE
from monitor.memcae.once import once
from monitor.memcae.score import Score
from monitor.memcae.views.observation import Observation


class PlainObservation(Observation):
    """What the views may look at, with z^ = softmax(z M^T) M over all queries at once."""

    @once
    def reconstruction(self) -> Tensor:
        """[B, F, T], what comes back through the memory and the decoder."""
        if not isinstance(self.network, MemCAE):
            raise TypeError("the plain way takes the network as it was trained")
        reconstruction, _ = self.network.reconstruct(self.target, self.layers[-1])
        return reconstruction

    @once
    def missing(self) -> Tensor:
        """[B, F], the time average of target less reconstruction, over the inner columns."""
        return (self.target - self.reconstruction)[..., self.inner].mean(dim=2)


@torch.inference_mode()
def judge(model: MachineModel, samples: Tensor) -> ViewScores:
    """What ``model`` says of one window [n], float32, full scale +-1, on the model's device."""
    return model.judge(PlainObservation(samples[None], model.preset.spectrogram, model.network))


class PlainFleet:
    """The models by machine, each asked for one window at a time; scores as `monitor.memcae.fleet.Fleet` does.

    Args:
        models: by machine.
        device: where they compute.
    """

    def __init__(self, models: Mapping[str, MachineModel], device: str = "cpu") -> None:
        self.device = torch.device(device)
        self.models = {machine: model.to(self.device) for machine, model in models.items()}

    def score(self, windows: Sequence[Window]) -> list[Score]:
        """The scores of ``windows``, in their order; NaN for what cannot be scored."""
        return [self._score(window) for window in windows]

    def _score(self, window: Window) -> Score:
        model = self.models.get(window.machine)
        if model is None or not records.can_score(model, window):
            return records.unknown(window)
        said = judge(model, torch.from_numpy(window.samples).to(self.device))
        (score,) = records.scores([window], said, records.normal_levels([model]), model.preset.spectrogram)
        return score
