"""Many machines' models on one device: windows in, scores out; held against `monitor.memcae.plain`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from monitor.audio.windows import Window
from monitor.errors import DeviceError
from monitor.memcae import records
from monitor.memcae.model import MachineModel
from monitor.memcae.score import Score


def choose_device(name: str) -> torch.device:
    """The device called ``name``: `cpu`, `cuda`, `cuda:1`, or `auto` for a GPU where there is one.

    Raises:
        DeviceError: there is no such device here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name == "cpu":
        return torch.device("cpu")
    kind, _, index = name.partition(":")
    if kind != "cuda" or not (index.isdecimal() or index == ""):
        raise DeviceError(f"device: {name!r} is none of auto, cpu, cuda, cuda:0, cuda:1, ...")
    present = torch.cuda.device_count()
    if int(index or 0) >= present:
        raise DeviceError(f"device: {name!r} was asked for, but {present} CUDA devices are present")
    return torch.device(name)


class Fleet:
    """The models that are in service, by machine; owned by one thread."""

    def __init__(self, models: Mapping[str, MachineModel], device: str = "auto") -> None:
        self.device = choose_device(device)
        self._models: dict[str, MachineModel] = {}
        for machine, model in models.items():
            self.replace(machine, model)

    @property
    def models(self) -> Mapping[str, MachineModel]:
        """The models in service, by machine."""
        return dict(self._models)

    def replace(self, machine: str, model: MachineModel) -> None:
        """Score ``machine`` by ``model`` from now on; no other machine is touched."""
        self._models[machine] = model.to(self.device)

    def remove(self, machine: str) -> None:
        """Forget ``machine``; harmless when it is not there."""
        self._models.pop(machine, None)

    def score(self, windows: Sequence[Window]) -> list[Score]:
        """The scores of ``windows``, in their order.

        A window that lost audio, is too short, is of another rate, is not finite, or belongs to a machine without a
        model gets the value NaN; no other window is touched by it.
        """
        scores = [records.unknown(window) for window in windows]
        alike: dict[tuple[str, int], list[int]] = {}
        for place, window in enumerate(windows):
            if records.can_score(self._models.get(window.machine), window):
                alike.setdefault((window.machine, len(window.samples)), []).append(place)
        for (machine, _), places in alike.items():
            for place, score in zip(places, self._score(machine, [windows[i] for i in places]), strict=True):
                scores[place] = score
        return scores

    def _score(self, machine: str, windows: Sequence[Window]) -> list[Score]:
        model = self._models[machine]
        samples = torch.from_numpy(np.stack([window.samples for window in windows])).to(self.device)
        return records.scores(model, windows, model.score_batch(samples))
