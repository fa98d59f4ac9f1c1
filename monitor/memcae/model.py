"""One machine's model: everything needed to score its windows, fitted and immutable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from monitor.memcae import explanation, fusion
from monitor.memcae.explanation import NormalLevels
from monitor.memcae.fusion import Reference
from monitor.memcae.network import MemCAE
from monitor.memcae.preset import Preset
from monitor.memcae.views import VIEWS
from monitor.memcae.views.observation import Observation
from monitor.memcae.views.view import View

LEAST_SECONDS = 1.0
"""Shortest sound that is scored: below a second a mean spectrum says more of the moment than of the machine."""

BATCH_SAMPLES = 1_280_000
"""Samples in one forward pass at most, 80 s: bounds memory, and larger batches are no faster on a CPU."""


@dataclass(frozen=True, slots=True)
class ViewScores:
    """What a model says of B windows."""

    value: Tensor
    """[B], the fused score; NaN where the sound is not finite."""
    views: Mapping[str, Tensor]
    """Each view's value, [B], in the same unit as ``value``; NaN with it."""
    excess_db: Tensor
    """[B, K], level of each band of `explanation.edges_hz` above normal; NaN with it."""

    def where(self, heard: Tensor) -> ViewScores:
        """The same, NaN for the windows that were not ``heard``, [B]: some stages leave out what is not finite."""
        views = {name: column.where(heard, torch.nan) for name, column in self.views.items()}
        return ViewScores(self.value.where(heard, torch.nan), views, self.excess_db.where(heard[:, None], torch.nan))


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What was learnt of a machine's normal sound beside the network."""

    views: Mapping[str, Mapping[str, Tensor]]
    """What each view's `fit` gave, by the view's name."""
    reference: Reference
    """The views' distances on normal sound out of sample."""
    levels: NormalLevels
    """Band levels of normal sound, for the explanation."""


class MachineModel:
    """The model of one machine.

    Args:
        machine: the machine's id.
        version: the id of the stored version; empty while it is not stored.
        preset: what it is made of.
        window_s: length of the windows it was fitted on; others are scored, but less comparably.
        network: trained; taken over and put into evaluation mode.
        knowledge: fitted statistics on the same device as the network.
    """

    def __init__(
        self, machine: str, version: str, preset: Preset, window_s: float, network: MemCAE, knowledge: Knowledge
    ) -> None:
        self.machine = machine
        self.version = version
        self.preset = preset
        self.window_s = window_s
        self.network = network.eval().requires_grad_(requires_grad=False)
        self.knowledge = knowledge
        self._views: tuple[View, ...] = tuple(VIEWS[name] for name in preset.views)

    @property
    def device(self) -> torch.device:
        """Where the model computes."""
        return self.network.centre.device

    def to(self, device: torch.device) -> MachineModel:
        """This model on ``device``; itself when it is there already."""
        if self.device == device:
            return self
        tensors = {name: tensor.to(device) for name, tensor in self.tensors().items()}
        return from_tensors(self.machine, self.version, self.preset, self.window_s, tensors)

    @property
    def least_samples(self) -> int:
        """Samples that a window must have to be scored."""
        return round(LEAST_SECONDS * self.preset.spectrogram.rate_hz)

    def score_batch(self, samples: Tensor) -> ViewScores:
        """The scores of ``samples`` [B, n], float32, full scale +-1, on the model's device, n at least `least_samples`.

        A window with a sample that is not finite scores NaN; the others are not touched by it.
        """
        step = max(1, BATCH_SAMPLES // samples.shape[1])
        parts = [self._observe(part) for part in torch.split(samples, step)]
        return parts[0] if len(parts) == 1 else _joined(parts)

    @torch.inference_mode()
    def _observe(self, samples: Tensor) -> ViewScores:
        return self.judge(Observation(samples, self.preset.spectrogram, self.network))

    def judge(self, seen: Observation) -> ViewScores:
        """The scores of the observed windows."""
        distances = self.distances(seen)
        plain = self.preset.fusion == "plain"
        comparable = distances if plain else fusion.values(distances, self.knowledge.reference)
        excess = explanation.band_levels(seen.quiet_db, seen.spec) - self.knowledge.levels.mean_db
        columns = dict(zip(self.preset.views, comparable.unbind(dim=1), strict=True))
        roles = [view.role for view in self._views]
        said = ViewScores(fusion.fuse(comparable, roles, self.preset.fusion), columns, excess)
        return said.where(finite(seen.samples))

    def distances(self, seen: Observation) -> Tensor:
        """Each view's distance of the observed windows: [B, V]."""
        fitted = self.knowledge.views
        return torch.stack([view.distance(fitted[view.name], view.describe(seen)) for view in self._views], dim=1)

    def tensors(self) -> dict[str, Tensor]:
        """Everything learnt, by name, as it is stored."""
        known = self.knowledge
        stored = {f"network.{name}": value for name, value in self.network.state_dict().items()}
        for view, fitted in known.views.items():
            stored |= {f"view.{view}.{name}": value for name, value in fitted.items()}
        return stored | {
            "reference.location": known.reference.location,
            "reference.spread": known.reference.spread,
            "levels.mean_db": known.levels.mean_db,
            "levels.spread_db": known.levels.spread_db,
        }


def from_tensors(
    machine: str, version: str, preset: Preset, window_s: float, tensors: Mapping[str, Tensor]
) -> MachineModel:
    """The model whose `MachineModel.tensors` these are.

    Raises:
        ValueError: a tensor is missing or has a shape other than the preset's; says which.
    """
    device = next(iter(tensors.values())).device if tensors else torch.device("cpu")
    network = MemCAE(preset.network, preset.spectrogram.bins).to(device)
    try:
        network.load_state_dict(_below(tensors, "network."))
        views = {name: {key: tensors[f"view.{name}.{key}"] for key in VIEWS[name].learns} for name in preset.views}
        reference = Reference(tensors["reference.location"], tensors["reference.spread"])
        levels = NormalLevels(tensors["levels.mean_db"], tensors["levels.spread_db"])
    except KeyError as error:
        raise ValueError(f"holds no tensor {error.args[0]!r}") from error
    except RuntimeError as error:
        raise ValueError(f"does not fit its preset: {' '.join(str(error).split())}") from error
    return MachineModel(machine, version, preset, window_s, network, Knowledge(views, reference, levels))


def finite(samples: Tensor) -> Tensor:
    """Which of the windows [B, n] hold no NaN, no infinity and nothing whose sum is one: [B]."""
    return samples.sum(dim=1).isfinite()


def _below(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _joined(parts: list[ViewScores]) -> ViewScores:
    views = {name: torch.cat([part.views[name] for part in parts]) for name in parts[0].views}
    value = torch.cat([part.value for part in parts])
    return ViewScores(value, views, torch.cat([part.excess_db for part in parts]))
