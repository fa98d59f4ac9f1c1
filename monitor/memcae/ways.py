"""Which way of scoring is fastest here: measured on this machine's processor or GPU, in a fraction of a second."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from monitor.memcae import compiled, crowd
from monitor.memcae.abreast import Abreast
from monitor.memcae.compiled import Compiled
from monitor.memcae.crowd import Member
from monitor.memcae.folded import Folded
from monitor.memcae.model import MachineModel
from monitor.memcae.parts import Parts, parts_of

TRIED = 8
"""Machines that the ways are tried on: enough that two threads have four each, which shows whether stacking helps."""

RUNS = 3
"""Runs of each way, of which the fastest counts: the first one also makes the buffers."""

WORTH = 0.9
"""Any way but the plain one must cost less than this share of it: a moment's other load counts for a few per cent, and
four stacked networks that are as fast as four single ones are slower when there are thirty (measured, by 13 %)."""

HOPELESS = 2.0
"""A way that costs so many times the best so far is not run again, nor on several threads: they gain less."""

LOUDNESS = 0.1
"""Of the noise that is scored, full scale 1: what it says does not matter, what it costs does not depend on it."""


@dataclass(frozen=True, slots=True)
class Way:
    """How the windows of one preset are scored."""

    stacked: bool = False
    """Networks of one specification as one, instead of one after another."""
    brief: bool = False
    """The memory read in bfloat16 where that changes nothing (`monitor.memcae.fused_read`)."""
    compiled: bool = False
    """By the compiled kernels (`monitor.memcae.kernels`), each of which computes on one processor."""
    abreast: bool = False
    """Every processor has windows of its own, instead of a share in every operation (`monitor.memcae.abreast`)."""

    def __str__(self) -> str:
        order = "stacked" if self.stacked else "one after another"
        divided = "by window" if self.abreast else "within operations"
        memory = f"memory in {'bfloat16' if self.brief else 'float32'}"
        return f"{order}, {memory}, by {'kernels' if self.compiled else 'torch'}, processors divided {divided}"


@dataclass(frozen=True, slots=True)
class Choice:
    """What was measured for one preset."""

    way: Way
    """The fastest by a margin (`WORTH`)."""
    costs: Mapping[Way, float]
    """Seconds per window, by way."""


def member(model: MachineModel, way: Way) -> Member:
    """The machine of ``model``, made ready for ``way``."""
    return Member(model, network([parts_of(model.network)], way))


def remade(ready: Member, way: Way) -> Member:
    """The same machine, made ready for ``way``; its network is not rearranged again."""
    return Member(ready.model, network(ready.network.parts, way))


def network(parts: Sequence[Parts], way: Way) -> Folded:
    """The network of ``parts``, or the networks as one, made ready for ``way``."""
    return (Compiled if way.compiled else Folded)(parts, brief=way.brief)


def candidates(models: Sequence[MachineModel]) -> tuple[Way, ...]:
    """The ways that torch can score these models of one preset; only one machine has nothing to stack."""
    several, on_processor = len(models) > 1, models[0].device.type == "cpu"
    ways = [Way()]
    if on_processor and _plain_memory(models[0]):
        ways.append(Way(brief=True))
    if several:
        ways.append(Way(stacked=True))
    if several and on_processor and torch.get_num_threads() > 1:
        ways += [replace(way, abreast=True) for way in ways]
    return tuple(ways)


def compiled_candidates(models: Sequence[MachineModel]) -> tuple[Way, ...]:
    """The ways that the kernels can; none where there are none."""
    if models[0].device.type != "cpu" or not compiled.can(models[0].preset):
        return ()
    several = len(models) > 1
    ways = [Way(compiled=True, abreast=several and torch.get_num_threads() > 1)]  # or one processor alone is busy
    if _plain_memory(models[0]):
        ways.append(replace(ways[0], brief=True))
    if several:
        ways.append(replace(ways[0], stacked=True))
    return tuple(ways)


def _plain_memory(model: MachineModel) -> bool:
    spec = model.preset.network
    return spec.decoder and spec.slots > 0 and spec.addressing == "dot" and not spec.shrinkage


def choose(
    models: Sequence[MachineModel],
    abreast: Abreast | None = None,
    clock: Callable[[], float] = time.perf_counter,
    stopped: Callable[[], bool] = lambda: False,
) -> Choice:
    """The fastest way for ``models``, of one preset and on one device, at least one.

    Where the kernels are faster than torch as it stands, nothing else of torch's is tried.

    Args:
        models: that are to be scored.
        abreast: threads for the ways that need them.
        clock: what costs are measured by, seconds.
        stopped: whether nobody waits for the answer any more; it then is the plain way's, or of what was tried so far.
    """
    tried = list(models[:TRIED])
    length = round(tried[0].window_s * tried[0].preset.spectrogram.rate_hz)
    generator = torch.Generator().manual_seed(0)
    samples = (LOUDNESS * torch.randn(len(tried), length, generator=generator)).to(tried[0].device)
    threads = abreast or Abreast()
    made = [member(model, Way()) for model in tried]
    costs: dict[Way, float] = {}

    def measure(ways: Sequence[Way]) -> None:
        for way in ways:
            if costs and stopped():
                return
            hopeless_s = HOPELESS * min(costs.values(), default=float("inf"))
            if costs.get(replace(way, abreast=False), 0.0) <= hopeless_s:
                members = [remade(each, way) for each in made]
                costs[way] = _cost(way, members, samples, threads, clock, hopeless_s)

    by_torch, by_kernels = candidates(tried), compiled_candidates(tried)
    measure((*by_torch[:1], *by_kernels))
    if fastest(costs) not in by_kernels:
        measure(by_torch[1:])
    return Choice(fastest(costs), costs)


def fastest(costs: Mapping[Way, float]) -> Way:
    """The way that costs least; the plain one where no other is worth it."""
    best = min(costs, key=lambda way: costs[way])
    return best if costs[best] < WORTH * costs[Way()] else Way()


def _cost(
    way: Way,
    members: Sequence[Member],
    samples: Tensor,
    abreast: Abreast,
    clock: Callable[[], float],
    hopeless_s: float,
) -> float:
    """Seconds per window; of one run where that takes longer than ``hopeless_s``."""
    step = abreast.share(len(members)) if way.abreast else len(members)
    parts = [slice(first, first + step) for first in range(0, len(members), step)]
    stacks = {part.start: crowd.together(members[part]) if way.stacked else None for part in parts}

    def judge(part: slice) -> None:
        crowd.judge(members[part], samples[part], stacks[part.start]).value.tolist()  # waits for a GPU

    best_s = float("inf")
    for _ in range(RUNS):
        began_s = clock()
        if way.abreast:
            abreast.run(judge, parts)
        else:
            judge(parts[0])
        best_s = min(best_s, (clock() - began_s) / len(members))
        if best_s > hopeless_s:
            break
    return best_s
