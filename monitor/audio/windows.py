"""Cut the blocks of a source into the windows of one machine: a pure fold, blind to how the blocks were cut."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from monitor.audio.block import AudioBlock, Samples
from monitor.audio.stretch import follow


class Stretch:
    """Sound without a gap, of which windows are cut; nothing but which one it is counts."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """The sound that is scored as one: some seconds of one channel, for one machine."""

    machine: str
    start_s: float
    """UTC of the first sample, POSIX seconds."""
    rate_hz: int
    channel: int
    """Index of the source's channel, from 0."""
    samples: Samples
    """Shape [n], float32, full scale is +-1; shorter than a whole window when ``lost``. Not to be written to: windows
    that overlap may have the sound that they share in common."""
    lost: bool = False
    """True when audio was lost inside the window: it holds what came before the loss and cannot be scored."""
    stretch: Stretch | None = None
    """What it was cut of; None where that is not known."""
    position: int = 0
    """Of its first sample in the stretch."""

    @property
    def end_s(self) -> float:
        """UTC just after the last sample, POSIX seconds."""
        return self.start_s + len(self.samples) / self.rate_hz


@dataclass(frozen=True, slots=True)
class WindowSpec:
    """Which channel belongs to which machine, and how long its windows are.

    Raises:
        ValueError: a length is not positive, or the channel is negative.
    """

    machine: str
    channel: int
    """Index of the source's channel, from 0."""
    window: int
    """Samples in a window."""
    hop: int
    """Samples from the start of a window to the start of the next; greater than ``window`` skips audio."""
    grid: int = 1
    """Every window begins at a multiple of so many samples, the nearest to where ``hop`` would have it; at most
    ``hop``. What scores overlapping windows can then go on from one to the next (`monitor.memcae.overlap`)."""

    def __post_init__(self) -> None:
        if self.window < 1 or self.hop < 1 or self.channel < 0:
            raise ValueError(f"window and hop must be at least 1 and the channel at least 0: {self}")
        if not 1 <= self.grid <= self.hop:
            raise ValueError(f"the grid must be between 1 and the hop: {self}")

    def start(self, index: int) -> int:
        """Where the window of this number, from 0, begins: samples from the beginning of the stretch."""
        return (2 * index * self.hop + self.grid) // (2 * self.grid) * self.grid


@dataclass(frozen=True, slots=True, eq=False)
class WindowState:
    """What is held between blocks: the audio of the next window so far. Begin with ``WindowState()``."""

    chunks: tuple[Samples, ...] = ()
    """Each of shape [n], float32; joined only when a window completes."""
    pending: int = 0
    """Samples in ``chunks`` together."""
    fresh: int = 0
    """The last of the pending samples that have not been in a complete window."""
    skip: int = 0
    """Samples still to pass over before the next window begins (hop greater than window)."""
    count: int = 0
    """Windows of the stretch so far."""
    position: int = 0
    """Samples of the stretch so far, up to the end of ``chunks``."""
    origin_s: float = 0.0
    """UTC of the first sample of the stretch, POSIX seconds."""
    rate_hz: int = 0
    """Samples per second; 0 before the first block."""
    stretch: Stretch | None = None
    """The one that is going on; None before the first block."""


def fold(spec: WindowSpec, state: WindowState, block: AudioBlock) -> tuple[WindowState, tuple[Window, ...]]:
    """Take one block in; give what is held now and the windows that became complete, oldest first.

    A gap drops what is pending; if any of it had not been in a complete window, it comes out as one short window
    with ``lost`` set, so that the loss is seen; not where a recording ended and the next begins, which loses nothing.
    A change of rate counts as a gap.

    Raises:
        IndexError: the block has no such channel.
    """
    lost: tuple[Window, ...] = ()
    if block.gap or block.rate_hz != state.rate_hz:
        lost = () if block.begins else _interrupted(spec, state)
        state = WindowState(origin_s=block.start_s, rate_hz=block.rate_hz, stretch=Stretch())
    state, complete = _complete(spec, _append(spec, state, block))
    return state, lost + complete


def missing(spec: WindowSpec, state: WindowState) -> int:
    """Samples still to come until the next window is complete; 1 or more."""
    return state.skip + spec.window - state.pending


def _interrupted(spec: WindowSpec, state: WindowState) -> tuple[Window, ...]:
    if state.fresh == 0:
        return ()
    return (_window(spec, state, np.concatenate(state.chunks), first=state.position - state.pending, lost=True),)


def _append(spec: WindowSpec, state: WindowState, block: AudioBlock) -> WindowState:
    origin_s = follow(state.origin_s, state.position, state.rate_hz, block.start_s)
    skipped = min(state.skip, block.frames)
    new = block.samples[skipped:, spec.channel].astype(np.float32)  # a copy: the rest of the block is let go
    return replace(
        state,
        chunks=(*state.chunks, new) if new.size else state.chunks,
        pending=state.pending + new.size,
        fresh=state.fresh + new.size,
        skip=state.skip - skipped,
        position=state.position + block.frames,
        origin_s=origin_s,
    )


def _complete(spec: WindowSpec, state: WindowState) -> tuple[WindowState, tuple[Window, ...]]:
    if state.pending < spec.window:
        return state, ()
    held = np.concatenate(state.chunks)
    first = state.position - held.size
    starts: list[int] = []
    while (at := spec.start(state.count + len(starts)) - first) + spec.window <= held.size:
        starts.append(at)
    windows = tuple(_window(spec, state, held[at : at + spec.window], first=first + at) for at in starts)
    next_start = at
    rest = held[next_start:]
    if rest.size < held.size // 2:  # a little of it must not keep all of it in memory
        rest = rest.copy()
    state = replace(
        state,
        chunks=(rest,) if rest.size else (),
        pending=rest.size,
        fresh=min(rest.size, held.size - (starts[-1] + spec.window)),
        skip=max(0, next_start - held.size),
        count=state.count + len(starts),
    )
    return state, windows


def _window(spec: WindowSpec, state: WindowState, samples: Samples, first: int, *, lost: bool = False) -> Window:
    start_s = state.origin_s + first / state.rate_hz
    return Window(spec.machine, start_s, state.rate_hz, spec.channel, samples, lost, state.stretch, first)
