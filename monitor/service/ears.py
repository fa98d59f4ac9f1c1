"""An ear is one sound source and the machines heard on it; it opens, reads, fails and comes back, and never raises."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass

from monitor.audio.block import AudioBlock
from monitor.audio.health import MeterState, Second, measure
from monitor.audio.source import MODEL_RATE_HZ, Pace, Source
from monitor.audio.windows import Window, WindowSpec, WindowState, fold, missing
from monitor.errors import MonitorError
from monitor.service.backoff import Backoff
from monitor.service.fetching import CATCHING_UP_S, HURRIED_S, TURN_S, Fetching

MOST_COUNTED_S = 2.0
"""Of the time between two looks, at most this counts as silence: the thread may have been busy, or the system's clock
have been set."""
OPENING_S = 10.0
"""A source that was just opened may take so long to bring its first sound before that counts as silence."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What one turn of listening brought."""

    windows: tuple[Window, ...] = ()
    seconds: tuple[Second, ...] = ()
    """What each second that became complete says of the microphone, per channel."""
    rest_s: float = TURN_S
    """How long the source can wait for the next turn, seconds; 0 where more sound may be there at once."""
    opened: bool = False
    """The source came (back) to life in this turn: the first sound since it was opened."""
    problems: tuple[str, ...] = ()
    """What the source had to pass over since the last turn, one line each."""
    ended: bool = False
    """The source came to its own end in this turn."""
    fault: str | None = None
    """Why the source failed in this turn; None when it did not, or fails as it did before."""
    failing: str | None = None
    """Why nothing can be heard now; None while sound comes, and before the first try."""
    starved_s: float = 0.0
    """For so long it has been open and brought nothing, seconds."""
    pace: Pace | None = None
    """How fast its samples come, where the source can tell."""
    since_s: float = 0.0
    """Time since the last look, seconds, at most ``MOST_COUNTED_S``."""


NOTHING = Heard()
"""A turn without news."""


class Ear:
    """One source, the machines on its channels, and its back-off.

    Args:
        name: for the log.
        source: is opened at the first turn.
        listeners: the machines.
    """

    def __init__(self, name: str, source: Source, listeners: tuple[WindowSpec, ...]) -> None:
        self.name = name
        self.source = source
        self.later_s = 0.0
        """So long after the first turn the source is opened, seconds: windows of many sources are not to end at once
        (`monitor.service.crew.spread`)."""
        self._opens_s: float | None = None
        self._fetching = Fetching()
        self._listeners: Mapping[str, WindowSpec] = {spec.machine: spec for spec in listeners}
        self._states = {machine: WindowState() for machine in self._listeners}
        self._channels = tuple(sorted({spec.channel for spec in listeners}))
        self._meter = MeterState()
        self._starved_s = -OPENING_S
        self._turned_s: float | None = None
        self._backoff = Backoff()
        self._jitter = random.Random(name)
        self.is_open = False
        self.failing: str | None = None
        """Why nothing can be heard now; None while sound comes, and before the first try."""
        self._silent = True
        self._ended = False
        self._problems: set[str] = set()

    @property
    def machines(self) -> tuple[str, ...]:
        """The machines heard on this source."""
        return tuple(self._listeners)

    def channel(self, machine: str) -> int:
        """Index of the channel that a machine is heard on, from 0."""
        return self._listeners[machine].channel

    @property
    def finished(self) -> bool:
        """True when nothing will ever be heard here again."""
        return self.is_open and self.source.finished

    def hear(self, now_s: float) -> Heard:
        """Everything that became due up to ``now_s`` (UTC, POSIX seconds), folded into windows."""
        if self.is_open and not self._fetching.due(now_s):
            return NOTHING
        since_s = self._passed(now_s)
        try:
            self._open(now_s)
            if not self.is_open:
                return NOTHING if self.failing is None else Heard(failing=self.failing, since_s=since_s)
            blocks = self.source.read(now_s)
            windows = tuple(window for block in blocks for window in self._fold(block))
            seconds = tuple(second for block in blocks for second in self._measure(block))
        except MonitorError as error:
            return self._failed(now_s, since_s, error)
        opened = self._silent and bool(blocks)
        if blocks:
            self._backoff = Backoff()
            self._silent = False
            self.failing = None
        self._starve(since_s, fed=bool(blocks) or self.finished)
        brought_s = sum(block.frames / block.rate_hz for block in blocks)
        self._fetching = self._fetching.heard(now_s, brought_s, self._missing_s())
        rest_s = 0.0 if brought_s >= HURRIED_S else CATCHING_UP_S if self._fetching.fast else TURN_S
        problems = tuple(problem for problem in self.source.problems if problem not in self._problems)
        self._problems.update(problems)
        ended = self.finished and not self._ended
        self._ended |= ended
        return Heard(
            windows=windows,
            seconds=seconds,
            rest_s=rest_s,
            opened=opened,
            problems=problems,
            ended=ended,
            failing=self.failing,
            starved_s=max(0.0, self._starved_s),
            pace=self.source.pace,
            since_s=since_s,
        )

    def close(self) -> None:
        """Let go of the source."""
        self.is_open = False
        self.source.close()

    def _open(self, now_s: float) -> None:
        if self._opens_s is None:
            self._opens_s = now_s + self.later_s
        waits = now_s < self._opens_s <= now_s + self.later_s  # further away is a clock that was set back
        if self.is_open or waits or not self._backoff.due(now_s):
            return
        self.source.open(now_s)
        self.is_open = True
        self._silent = True
        self._starved_s = -OPENING_S

    def _starve(self, since_s: float, *, fed: bool) -> None:
        self._starved_s = 0.0 if fed else self._starved_s + since_s

    def _passed(self, now_s: float) -> float:
        before_s, self._turned_s = self._turned_s, now_s
        return 0.0 if before_s is None else min(MOST_COUNTED_S, max(0.0, now_s - before_s))

    def _fold(self, block: AudioBlock) -> list[Window]:
        windows: list[Window] = []
        for machine, spec in self._listeners.items():
            self._states[machine], complete = fold(spec, self._states[machine], block)
            windows.extend(complete)
        return windows

    def _measure(self, block: AudioBlock) -> tuple[Second, ...]:
        self._meter, seconds = measure(self._channels, self._meter, block)
        return seconds

    def _missing_s(self) -> float:
        """How much sound is missing until the next window is complete, seconds."""
        return min(
            missing(spec, state) / (state.rate_hz or MODEL_RATE_HZ)
            for spec, state in ((spec, self._states[machine]) for machine, spec in self._listeners.items())
        )

    def _failed(self, now_s: float, since_s: float, error: MonitorError) -> Heard:
        self.close()
        self._meter = MeterState()
        self._fetching = Fetching()
        self._backoff = self._backoff.failed(now_s, self._jitter.random())
        known, self.failing = self.failing, str(error)
        # What was pending is not joined to what comes after the fault: the next block carries a gap, which drops it.
        return Heard(fault=None if self.failing == known else self.failing, failing=self.failing, since_s=since_s)
