"""Many machines' models on one device: windows in, scores out; held against `monitor.memcae.plain`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from monitor.audio.windows import Window
from monitor.errors import DeviceError
from monitor.memcae import crowd, records, ways
from monitor.memcae.abreast import Abreast
from monitor.memcae.allocation import keep_freed_memory, leave_out_what_stays
from monitor.memcae.crowd import Member, Stack
from monitor.memcae.model import MachineModel
from monitor.memcae.preset import Preset
from monitor.memcae.score import Score
from monitor.memcae.sharing import Sharing
from monitor.memcae.ways import Choice, Way

BATCH_SAMPLES = 2_560_000
"""Samples in one pass at most, 160 s: a few windows at a time wait less for each other's processor, more than 16 take
more memory and are no faster (measured with 2 to 32)."""

GPU_SAMPLES = 16 * BATCH_SAMPLES
"""The same for a GPU, which wants hundreds of windows at a time; some 40 bytes a sample are held."""

STACKED = 128
"""Machines in all stacks that are kept, some 1 MB each; in service the same machines' windows come together again."""

GPU_STACKED = 16 * STACKED
"""The same on a GPU, whose stacks are of hundreds."""

COMPILED_STACKED = 8 * STACKED
"""The same of stacks for the compiled kernels, some 12 KB a machine: the models' matrices are not copied."""


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


@dataclass(frozen=True, slots=True, eq=False)
class _Job:
    """Windows that are scored in one pass."""

    places: Sequence[int]
    windows: Sequence[Window]
    members: Sequence[Member]
    together: Stack | None
    abreast: bool


class Fleet:
    """The models that are in service, by machine; owned by one thread."""

    def __init__(self, models: Mapping[str, MachineModel], device: str = "auto") -> None:
        self.device = choose_device(device)
        self._members: dict[str, Member] = {}
        self._choices: dict[Preset, Choice] = {}
        self._stacks: dict[tuple[str, ...], Stack] = {}
        self._abreast = Abreast()
        self._sharing = Sharing(self._stack, self._abreast)
        for machine, model in models.items():
            self.replace(machine, model)

    @property
    def models(self) -> Mapping[str, MachineModel]:
        """The models in service, by machine."""
        return {machine: member.model for machine, member in self._members.items()}

    @property
    def kept(self) -> frozenset[str]:
        """Machines whose windows overlap, of which what the next window shares is kept."""
        return self._sharing.machines

    def prepare(self, stopped: Callable[[], bool] = lambda: False) -> Mapping[str, Choice]:
        """Get ready for years of scoring: find out, in about a second per preset, which way is fastest here.

        Without this the windows are scored one machine after another, which is never far from the fastest.

        Args:
            stopped: whether there is nothing to get ready for any more; what has not been tried by then is left out.

        Returns:
            What was found, by the preset's name.
        """
        keep_freed_memory()
        models: dict[Preset, list[MachineModel]] = {}
        for member in self._members.values():
            models.setdefault(member.model.preset, []).append(member.model)
        self._choices = {preset: ways.choose(alike, self._abreast, stopped=stopped) for preset, alike in models.items()}
        self._members = {
            machine: ways.remade(ready, self._way(ready.model.preset)) for machine, ready in self._members.items()
        }
        leave_out_what_stays()
        return {preset.name: choice for preset, choice in self._choices.items()}

    def cost_s(self, machine: str) -> float:
        """What scoring a window of ``machine`` among others was found to take, seconds; 0 where that is not known."""
        member = self._members.get(machine)
        choice = None if member is None else self._choices.get(member.model.preset)
        return 0.0 if choice is None else choice.costs.get(choice.way, 0.0)

    def replace(self, machine: str, model: MachineModel) -> None:
        """Score ``machine`` by ``model`` from now on; no other machine is touched."""
        self.remove(machine)
        self._members[machine] = ways.member(model.to(self.device), self._way(model.preset))

    def remove(self, machine: str) -> None:
        """Forget ``machine``; harmless when it is not there."""
        self._members.pop(machine, None)
        self._sharing.forget(machine)
        self._stacks = {names: stack for names, stack in self._stacks.items() if machine not in names}

    def score(self, windows: Sequence[Window]) -> list[Score]:
        """The scores of ``windows``, in their order.

        A window that lost audio, is too short, is of another rate, is not finite, or belongs to a machine without a
        model gets the value NaN; no other window is touched by it.
        """
        scores = [records.unknown(window) for window in windows]
        # on a GPU a whole window costs no more than what is new of it
        shared = self._sharing.score(windows, self._members) if self.device.type == "cpu" else {}
        for place, score in shared.items():
            scores[place] = score
        rest = [place for place in range(len(windows)) if place not in shared]
        jobs = [self._job(windows, places) for places in self._batches(windows, rest)]
        alone, beside = ([job for job in jobs if job.abreast == abreast] for abreast in (False, True))
        said_of = [*map(self._judge, alone), *self._abreast.run(self._judge, beside)]
        for job, said in zip([*alone, *beside], said_of, strict=True):
            for place, score in zip(job.places, said, strict=True):
                scores[place] = score
        return scores

    def _batches(self, windows: Sequence[Window], among: Sequence[int]) -> Iterator[list[int]]:
        """Places of windows that can be scored in one pass: of one preset and length, machine by machine."""
        alike: dict[tuple[Preset, int, int], list[int]] = {}
        seen: Counter[str] = Counter()
        for place in among:
            window = windows[place]
            member = self._members.get(window.machine)
            if member is None or not records.can_score(member.model, window):
                continue
            preset = member.model.preset
            turn = seen[window.machine] if self._way(preset).stacked else 0  # a stack has every machine once
            seen[window.machine] += 1
            alike.setdefault((preset, len(window.samples), turn), []).append(place)
        for (preset, length, _), places in alike.items():
            ordered = sorted(places, key=lambda place: windows[place].machine)  # stable: a machine's own order stays
            step = max(1, (GPU_SAMPLES if self.device.type == "cuda" else BATCH_SAMPLES) // length)
            if self._way(preset).abreast:
                step = min(step, self._abreast.share(len(ordered)))
            for first in range(0, len(ordered), step):
                yield ordered[first : first + step]

    def _job(self, windows: Sequence[Window], places: Sequence[int]) -> _Job:
        chosen = [windows[i] for i in places]
        members = [self._members[window.machine] for window in chosen]
        return _Job(places, chosen, members, self._together(members), self._way(members[0].model.preset).abreast)

    def _judge(self, job: _Job) -> list[Score]:
        samples = torch.from_numpy(np.stack([window.samples for window in job.windows])).to(self.device)
        said = crowd.judge(job.members, samples, job.together)
        normal = crowd.normal_levels(job.members, job.together)
        return records.scores(job.windows, said, normal, job.members[0].model.preset.spectrogram)

    def _together(self, members: Sequence[Member]) -> Stack | None:
        """These windows' machines as one; None where they are asked one after another."""
        if len(members) == 1 or not self._way(members[0].model.preset).stacked:
            return None
        return self._stack(members)

    def _stack(self, members: Sequence[Member]) -> Stack:
        names = tuple(member.model.machine for member in members)
        if names in self._stacks:
            return self._stacks[names]
        stack = crowd.together(members)
        on_gpu = self.device.type == "cuda"
        most = COMPILED_STACKED if stack.network.compiled else GPU_STACKED if on_gpu else STACKED
        if len(self._members) <= most:  # of more it would be gone before its machines come together again
            while self._stacks and sum(map(len, self._stacks)) + len(names) > most:
                self._stacks.pop(next(iter(self._stacks)))
            self._stacks[names] = stack
        return stack

    def _way(self, preset: Preset) -> Way:
        return self._choices[preset].way if preset in self._choices else Way()
