"""Windows of many machines judged together: what does not depend on the machine is computed in one batch for all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import torch
from torch import Tensor

from monitor.memcae import explanation, fusion, records
from monitor.memcae.compiled import CompiledOnward
from monitor.memcae.explanation import NormalLevels
from monitor.memcae.folded import Folded
from monitor.memcae.fusion import Reference
from monitor.memcae.model import MachineModel, ViewScores, finite
from monitor.memcae.once import once
from monitor.memcae.onward import Onward
from monitor.memcae.preset import Preset
from monitor.memcae.views import VIEWS
from monitor.memcae.views.kernel_observation import KernelObservation
from monitor.memcae.views.observation import InPieces, Observation
from monitor.memcae.views.view import Fit


@dataclass(frozen=True, eq=False)
class Member:
    """A machine's model, made ready."""

    model: MachineModel
    network: Folded
    """The model's network alone."""

    @once
    def grid(self) -> int:
        """`monitor.memcae.preset.Preset.grid`, which is asked for at every window."""
        return self.model.preset.grid


@dataclass(frozen=True, eq=False)
class Stack:
    """Different machines' models of one preset as one, for batches of one window of each."""

    network: Folded
    fits: Mapping[str, Fit]
    """What each view learnt of all of them, by view (`monitor.memcae.views.view.View.together`)."""
    reference: Reference
    """Of each machine, [B, V] each."""
    normal: NormalLevels
    """Of each machine, [B, K] each."""

    @once
    def onward(self) -> Onward:
        """Their networks for windows that go on; they have decoders."""
        return (CompiledOnward if self.network.compiled else Onward)(self.network)


@torch.inference_mode()
def together(members: Sequence[Member]) -> Stack:
    """The models of ``members`` as one."""
    network = type(members[0].network)([part for each in members for part in each.network.parts])
    models = [each.model for each in members]
    known = [each.knowledge.views for each in models]
    fits = {
        name: VIEWS[name].together([views[name] for views in known], apart=network.compiled)
        for name in models[0].preset.views
    }
    return Stack(network, fits, _references(models), records.normal_levels(models))


@torch.inference_mode()
def judge(members: Sequence[Member], samples: Tensor, stack: Stack | None = None) -> ViewScores:
    """What each window's own model says of it.

    Args:
        members: of each window; of one preset, the windows of one machine side by side.
        samples: [B, n], float32, full scale +-1, on the models' device, n at least `MachineModel.least_samples`.
        stack: the members as one, which then all are of different machines; None asks one after another.

    Returns:
        A window with a sample that is not finite scores NaN; the others are not touched by it.
    """
    preset = members[0].model.preset
    seen = observe(samples, preset, members[0].network if stack is None else stack.network)
    return judge_seen(members, seen, stack).where(finite(samples))


def observe(samples: Tensor, preset: Preset, network: Folded) -> Observation:
    """Samples [B, n] through ``network``, in the way that is fastest where they are."""
    if network.compiled:
        return KernelObservation(samples, preset.spectrogram, network)
    kind = InPieces if "rhythm" in preset.views and samples.device.type == "cpu" else Observation
    return kind(samples, preset.spectrogram, network)


def judge_seen(members: Sequence[Member], seen: Observation, stack: Stack | None) -> ViewScores:
    """The same of an observation of finite samples, through the network of the stack if there is one."""
    preset = members[0].model.preset
    views = [VIEWS[name] for name in preset.views]
    if stack is None:
        described = {view.name: view.describe(seen) for view in views if not view.network}
        distances = torch.stack([row for run in _runs(members) for row in _distances(run, seen, described)])
    else:
        columns = [view.distance(stack.fits[view.name], view.describe(seen)) for view in views]
        distances = torch.stack(columns, dim=1)
    reference = _references([member.model for member in members]) if stack is None else stack.reference
    plain = preset.fusion == "plain"
    comparable = distances if plain else fusion.values(distances, reference)
    value = fusion.fuse(comparable, [view.role for view in views], preset.fusion)
    excess = explanation.band_levels(seen.quiet_db, seen.spec) - normal_levels(members, stack).mean_db
    by_view = dict(zip(preset.views, comparable.unbind(dim=1), strict=True))
    return ViewScores(value, by_view, excess)


def normal_levels(members: Sequence[Member], stack: Stack | None) -> NormalLevels:
    """The normal levels of each window's machine, [B, K] each; the stack, if there is one, has them."""
    return records.normal_levels([member.model for member in members]) if stack is None else stack.normal


def _references(models: Sequence[MachineModel]) -> Reference:
    known = [model.knowledge.reference for model in models]
    return Reference(torch.stack([each.location for each in known]), torch.stack([each.spread for each in known]))


def _runs(members: Sequence[Member]) -> Iterator[tuple[Member, slice]]:
    """Each machine's member and where its windows are."""
    first = 0
    for member, same in groupby(members, key=lambda member: member):
        count = sum(1 for _ in same)
        yield member, slice(first, first + count)
        first += count


def _distances(run: tuple[Member, slice], seen: Observation, described: Mapping[str, Tensor]) -> Tensor:
    """Every view's distance of one machine's windows: [b, V]."""
    member, rows = run
    fitted = member.model.knowledge.views
    part = seen.part(rows, member.network)
    columns = []
    for name, known in fitted.items():
        view = VIEWS[name]
        vectors = described[name][rows] if name in described else view.describe(part)
        columns.append(view.distance(known, vectors))
    return torch.stack(columns, dim=1)
