"""Which windows share sound with the last one of their machine, and so their work; the rest is computed whole."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeAlias

import numpy as np
import torch

from monitor.audio.windows import Window
from monitor.memcae import continued, crowd, overlap, records
from monitor.memcae.abreast import Abreast
from monitor.memcae.crowd import Member, Stack
from monitor.memcae.preset import Preset
from monitor.memcae.score import Score

Past: TypeAlias = overlap.Past | continued.Past

Heard: TypeAlias = tuple[int, Window, Member]
"""A window that shares sound: its place among all, and who scores it."""

AT_ONCE = 32
"""Machines that go on together at most, in parts as equal as can be: half as many take 9 to 12 % longer (measured with
20 to 40), more hold more memory."""

_Job: TypeAlias = tuple[Sequence[Heard], Sequence[Past | None], int, Stack | None]
"""Windows of one preset and length, what their machines keep, by how many samples they go on from that, and, for
`continued`, the machines as one."""


class Sharing:
    """What machines whose windows overlap keep of their last window.

    Args:
        together: makes different machines of one preset one.
        abreast: threads that nobody else uses meanwhile.
    """

    def __init__(self, together: Callable[[Sequence[Member]], Stack], abreast: Abreast) -> None:
        self._together = together
        self._abreast = abreast
        self._pasts: dict[str, Past] = {}
        self._ends_s: dict[str, float] = {}  # when each machine's last window ended, UTC, POSIX seconds

    @property
    def machines(self) -> frozenset[str]:
        """Those of which something is kept."""
        return frozenset(self._pasts)

    def forget(self, machine: str) -> None:
        """Keep nothing of ``machine``; harmless when nothing was kept."""
        self._pasts.pop(machine, None)

    def score(self, windows: Sequence[Window], members: Mapping[str, Member]) -> dict[int, Score]:
        """The scores of the windows that share sound with the last one of their machine, by their place.

        Args:
            windows: of any machines, each machine's in the order of time.
            members: the models in service, by machine.
        """
        found: dict[int, Score] = {}
        for turn in _turns(self._sharing(windows, members)):
            jobs = list(self._jobs(turn))
            # small operations: threads beside each other would wait for the interpreter (measured: twice the time)
            small, large = ([job for job in jobs if (job[-1] is None) == alone] for alone in (False, True))
            with _one_thread():  # nor do two that divide so little take less long
                done = [*map(_score, small), *self._abreast.run(_score, large)]
            for pasts, scores in done:
                self._pasts.update({past.window.machine: past for past in pasts})
                found |= scores
        return found

    def _jobs(self, turn: Sequence[Heard]) -> Iterator[_Job]:
        """The windows of one turn in parts that can be scored together; what is kept of them is theirs from here on."""
        groups: dict[tuple[Preset, int, int], list[Heard]] = {}
        for heard in turn:
            _, window, member = heard
            key = member.model.preset, len(window.samples), self._shift(window, member)
            groups.setdefault(key, []).append(heard)
        for (_, _, by), alike in groups.items():
            additive = alike[0][2].model.preset.additive
            step = 1 if additive else math.ceil(len(alike) / math.ceil(len(alike) / AT_ONCE))
            for first in range(0, len(alike), step):
                part = alike[first : first + step]
                kept = [self._pasts.pop(window.machine) if by else None for _, window, _ in part]
                yield part, kept, by, None if additive else self._together([member for _, _, member in part])

    def _sharing(self, windows: Sequence[Window], members: Mapping[str, Member]) -> Iterator[Heard]:
        for place, window in enumerate(windows):
            machine, member = window.machine, members.get(window.machine)
            before_s = self._ends_s.get(machine, -math.inf)
            self._ends_s[machine] = window.end_s
            overlaps = window.start_s < before_s < window.end_s
            if member and overlaps and _can_share(member, window, self._shift(window, member)):
                yield place, window, member
            else:
                self.forget(machine)

    def _shift(self, window: Window, member: Member) -> int:
        """Samples by which the window goes on from the last one of its machine; 0 where it does not."""
        past = self._pasts.get(window.machine)
        return 0 if past is None or not member.grid else shift(past.window, window, member.grid)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Let torch use one thread within."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@torch.inference_mode()
def _score(job: _Job) -> tuple[Sequence[Past], dict[int, Score]]:
    """What is kept of the windows of a job, and their scores by place."""
    heard, pasts, by, stack = job
    places, windows, members = zip(*heard, strict=True)
    preset = members[0].model.preset
    if stack is None:
        return _additive(members, pasts, windows, by, places)
    kept = [past for past in pasts if isinstance(past, continued.Past)]
    if len(kept) == len(windows):
        continued.go_on(preset, stack, kept, windows, by)
    else:
        kept = [continued.begin(*each) for each in zip(members, windows, strict=True)]
    said = crowd.judge_seen(members, continued.observe(preset, stack, kept), stack)
    scores = records.scores(windows, said, stack.normal, preset.spectrogram)
    return kept, dict(zip(places, scores, strict=True))


def _additive(
    members: Sequence[Member], pasts: Sequence[Past | None], windows: Sequence[Window], by: int, places: Sequence[int]
) -> tuple[Sequence[Past], dict[int, Score]]:
    found: list[overlap.Past] = []
    scores: dict[int, Score] = {}
    for member, past, window, place in zip(members, pasts, windows, places, strict=True):
        spec = member.model.preset.spectrogram
        if isinstance(past, overlap.Past):
            found.append(overlap.go_on(member.network, spec, past, window, by))
        else:
            found.append(overlap.begin(member.network, spec, window))
        said = overlap.judge(member.model, found[-1])
        (scores[place],) = records.scores([window], said, records.normal_levels([member.model]), spec)
    return found, scores


def shift(before: Window, window: Window, grid: int) -> int:
    """Samples by which ``window`` goes on from ``before``; 0 where the two do not share enough, or not the grid.

    Windows of one stretch have the same sound where they meet. Of others the time stamps only say where to look: what
    counts is that the shared sound is the same, sample for sample.
    """
    size = len(window.samples)
    if window.rate_hz != before.rate_hz or size != len(before.samples):
        return 0
    known = window.stretch is not None and window.stretch is before.stretch
    apart = window.position - before.position if known else round((window.start_s - before.start_s) * window.rate_hz)
    by = apart if known else round(apart / grid) * grid
    shared = size - by
    if by <= 0 or by % grid or shared < window.rate_hz:
        return 0
    return by if known or np.array_equal(before.samples[by:], window.samples[:shared]) else 0


def _can_share(member: Member, window: Window, by: int) -> bool:
    """Whether what is computed of ``window`` may be kept.

    Args:
        member: who scores it.
        window: with sound of which some is known to be whole.
        by: samples by which it goes on from the one that was kept last; 0 where there is none.
    """
    preset = member.model.preset
    if not member.grid or not records.can_score(member.model, window):
        return False
    new = window.samples[-by:]
    power = float(np.dot(new, new))  # not finite where a sample is not, which would be kept
    enough = by > 0 or preset.additive or continued.long_enough(preset, len(window.samples))
    return math.isfinite(power) and enough


def _turns(sharing: Iterable[Heard]) -> list[list[Heard]]:
    """Every machine's first window, then every machine's second one, and so on."""
    turns: list[list[Heard]] = []
    seen: Counter[str] = Counter()
    for heard in sharing:
        turn = seen[heard[1].machine]
        seen[heard[1].machine] += 1
        if turn == len(turns):
            turns.append([])
        turns[turn].append(heard)
    return turns
