"""Cut the blocks of a source into the windows of one machine: a pure fold, blind to how the blocks were cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from monitor.audio.block import AudioBlock, Samples
from monitor.audio.stretch import follow

ROOM = 0.5
"""Of a window: so much place for more is kept after one that the next ones share most of, whose sound is then copied
once in so long and not for every window (measured: 0.16 ms of processor for ten seconds of sound)."""
SHARED = 0.75
"""Of a window, from which share on that is so: with the room no more than twice what waits is kept in memory."""


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


class Room:
    """Memory that sound is put into, piece after piece; what was put there stays as it is.

    Args:
        pieces: the first ones, each of shape [n]; copied.
        more: samples that there is place for behind them.
    """

    __slots__ = ("_samples", "_used")

    def __init__(self, pieces: Sequence[Samples], more: int) -> None:
        self._used = sum(piece.size for piece in pieces)
        self._samples: Samples = np.empty(self._used + more, np.float32)
        np.concatenate(pieces, out=self._samples[: self._used])

    @property
    def sound(self) -> Samples:
        """All of it so far."""
        return self._samples[: self._used]

    def put(self, first: int, end: int, new: Samples) -> Samples | None:
        """What lies from ``first`` to ``end`` and ``new`` behind it; None if something else is there, or no room."""
        after = end + new.size
        if end != self._used or after > self._samples.size:
            return None
        self._samples[end:after] = new
        self._used = after
        return self._samples[first:after]


@dataclass(frozen=True, slots=True, eq=False)
class WindowState:
    """What is held between blocks: the audio of the next window so far. Begin with ``WindowState()``."""

    chunks: tuple[Samples, ...] = ()
    """Each of shape [n], float32; joined only when a window completes."""
    room: Room | None = None
    """That the only chunk lies in; None where it does not lie in one."""
    place: int = 0
    """Where it begins there."""
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
    new = block.samples[skipped:, spec.channel]
    room = state.room
    longer = None if room is None else room.put(state.place, state.place + state.pending, new)
    if longer is None:  # a copy is kept in any case: the rest of the block is let go
        room = None
        chunks = (*state.chunks, np.array(new, np.float32)) if new.size else state.chunks
    else:
        chunks = (longer,)
    return replace(
        state,
        chunks=chunks,
        room=room,
        pending=state.pending + new.size,
        fresh=state.fresh + new.size,
        skip=state.skip - skipped,
        position=state.position + block.frames,
        origin_s=origin_s,
    )


def _complete(spec: WindowSpec, state: WindowState) -> tuple[WindowState, tuple[Window, ...]]:
    if state.pending < spec.window:
        return state, ()
    state = _joined(spec, state)
    (held,) = state.chunks
    first = state.position - held.size
    starts: list[int] = []
    while (at := spec.start(state.count + len(starts)) - first) + spec.window <= held.size:
        starts.append(at)
    windows = tuple(_window(spec, state, held[at : at + spec.window], first=first + at) for at in starts)
    next_start = at
    rest, room = held[next_start:], state.room
    if rest.size < held.size // 2:  # a little of it must not keep all of it in memory
        rest, room = rest.copy(), None
    state = replace(
        state,
        chunks=(rest,) if rest.size else (),
        room=room,
        place=state.place + next_start,
        pending=rest.size,
        fresh=min(rest.size, held.size - (starts[-1] + spec.window)),
        skip=max(0, next_start - held.size),
        count=state.count + len(starts),
    )
    return state, windows


def _joined(spec: WindowSpec, state: WindowState) -> WindowState:
    """The same with one chunk, in a room if the next windows have most of it too."""
    if state.room is not None:
        return state
    if spec.hop > (1 - SHARED) * spec.window or state.pending >= spec.window + spec.hop:
        return replace(state, chunks=(np.concatenate(state.chunks),))
    room = Room(state.chunks, round(ROOM * spec.window))
    return replace(state, chunks=(room.sound,), room=room, place=0)


def _window(spec: WindowSpec, state: WindowState, samples: Samples, first: int, *, lost: bool = False) -> Window:
    start_s = state.origin_s + first / state.rate_hz
    return Window(spec.machine, start_s, state.rate_hz, spec.channel, samples, lost, state.stretch, first)
