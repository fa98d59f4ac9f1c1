"""The reading side of the memory that a capture process fills; it makes the memory, which ends with its last user."""

from __future__ import annotations

import mmap
import os
from dataclasses import dataclass

import numpy as np

from monitor.audio.block import Samples
from monitor.audio.capture.ring import (
    COUNTER,
    HEADER,
    MESSAGE,
    SLOT_HEADER,
    Fence,
    Field,
    Slot,
    State,
    slot_bytes,
)


@dataclass(frozen=True, slots=True, eq=False)
class Captured:
    """A block as the device delivered it."""

    first: int
    """Number of the first sample since capture began."""
    samples: Samples
    """Shape [frames, channels], float32, full scale is +-1."""
    overrun: bool
    """Samples before this block were lost; nobody knows how many."""
    arrived_s: float
    """When it came out of the device, monotonic seconds."""

    @property
    def end(self) -> int:
        """Number of the sample after the last."""
        return self.first + int(self.samples.shape[0])


class Reader:
    """The memory, from the reader's side.

    It has no name in any file system: it is gone when the last process that has it open ends, however that ends.
    """

    def __init__(self) -> None:
        self.fd = os.memfd_create("monitor-capture", os.MFD_CLOEXEC)
        os.ftruncate(self.fd, HEADER)
        self._map = mmap.mmap(self.fd, HEADER)
        self._bytes = memoryview(self._map)
        self._counters = self._bytes.cast("q")
        self._fence = Fence()

    def __getitem__(self, field: Field) -> int:
        value = self._counters[field]
        self._fence()
        return value

    @property
    def state(self) -> State:
        """How the writer stands."""
        return State(self[Field.STATE])

    @property
    def message(self) -> str:
        """The writer's last words."""
        length = min(self[Field.MESSAGE_LENGTH], HEADER - MESSAGE)
        return bytes(self._bytes[MESSAGE : MESSAGE + length]).decode(errors="replace")

    def take(self) -> list[Captured]:
        """What is waiting, oldest first; nothing before the writer runs."""
        if self.state is State.STARTING:
            return []
        if len(self._bytes) == HEADER:
            self._map_all()
        slots = self[Field.SLOTS]
        if slots == 0:  # it failed before it began
            return []
        taken, written = self[Field.TAKEN], self[Field.WRITTEN]
        captured = [self._copy(number % slots) for number in range(taken, written)]
        self._fence()
        self._counters[Field.TAKEN] = written
        return captured

    def close(self) -> None:
        """Let the memory go."""
        self._unmap()
        os.close(self.fd)

    def _copy(self, slot: int) -> Captured:
        channels = self._counters[Field.CHANNELS]
        at = HEADER + slot * slot_bytes(self._counters[Field.BLOCK], channels)
        head = self._counters[at // COUNTER : at // COUNTER + len(Slot)]
        frames = head[Slot.FRAMES]
        samples = np.frombuffer(self._bytes, np.float32, frames * channels, at + SLOT_HEADER)
        return Captured(
            first=head[Slot.FIRST],
            samples=samples.reshape(frames, channels).copy(),
            overrun=bool(head[Slot.OVERRUN]),
            arrived_s=head[Slot.ARRIVED_NS] * 1e-9,
        )

    def _map_all(self) -> None:
        self._unmap()
        self._map = mmap.mmap(self.fd, os.fstat(self.fd).st_size)
        self._bytes = memoryview(self._map)
        self._counters = self._bytes.cast("q")

    def _unmap(self) -> None:
        self._counters.release()
        self._bytes.release()
        self._map.close()
