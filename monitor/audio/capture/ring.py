"""The memory that a capture process shares with its reader: counters and a ring of blocks; the writing side, no numpy.

One process writes, one reads. Each counter has one writer, is eight aligned bytes, and so is never seen half written;
a block is filled before the counter that shows it moves on, and is not filled again before the reader has let it go.
"""

from __future__ import annotations

import mmap
import os
import threading
from enum import IntEnum

QUEUE_S = 20.0
"""Seconds that may wait for the reader: more than scoring every machine of a node takes, or loading a model; at 8
channels of 48 kHz this is 31 MB."""
BLOCK_S = 0.05
"""Seconds in a block: 20 wake-ups a second cost nothing, and a reader sees audio soon."""
HEADER = 4096
"""Bytes before the first block: one page, which can be mapped before anybody knows how large the rest will be."""
SLOT_HEADER = 32
"""Bytes before a block's samples: `Slot`."""
SAMPLE = 4
"""Bytes of a sample: float32."""
MESSAGE = 1024
"""Where in the header the writer's last words begin, bytes."""
COUNTER = 8
"""Bytes of a counter: a signed integer."""


class Field(IntEnum):
    """The counters of the header, by their place."""

    STATE = 0
    RATE_HZ = 1
    CHANNELS = 2
    BLOCK = 3
    """Samples per channel in a block."""
    SLOTS = 4
    """Blocks in the ring."""
    WRITTEN = 5
    """Blocks written since the beginning."""
    TAKEN = 6
    """Blocks that the reader has let go; the reader's own counter."""
    FRAMES = 7
    """Samples per channel that the device delivered since the beginning, with room in the ring or without."""
    OVERRUNS = 8
    """How often PortAudio said that samples were lost before it got them."""
    BEAT_NS = 9
    """When the writer's main thread last came by, on the monotonic clock of the system."""
    ARRIVED_NS = 10
    """When the device last delivered, on the same clock."""
    MESSAGE_LENGTH = 11


class Slot(IntEnum):
    """What stands before a block's samples."""

    FIRST = 0
    """Number of its first sample since the beginning: a jump is a loss."""
    ARRIVED_NS = 1
    OVERRUN = 2
    """1 when samples before this block were lost; PortAudio does not say how many."""
    FRAMES = 3


class State(IntEnum):
    """How the writer stands."""

    STARTING = 0
    RUNNING = 1
    FAILED = 2
    """It says why, and ends."""


class Fence:
    """The memory barrier that pure Python has: what is written before it is seen before what is written after it.

    Letting a lock go orders everything before it, taking one orders everything after it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()

    def __call__(self) -> None:
        """Put everything so far in order before everything that follows."""
        self._lock.release()
        self._lock.acquire()


def slot_bytes(block: int, channels: int) -> int:
    """Bytes of one block with what stands before it, a whole number of counters."""
    size = SLOT_HEADER + block * channels * SAMPLE
    return -(-size // COUNTER) * COUNTER


class Writer:
    """The writing side.

    Args:
        fd: of the memory, at least one header long.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._bytes = memoryview(mmap.mmap(fd, HEADER))
        self._counters = self._bytes.cast("q")
        self._slot_bytes = 0
        self._slots = 0
        self._frame_bytes = 0
        self._fence = Fence()

    def begin(self, rate_hz: int, channels: int, queue_s: float = QUEUE_S) -> int:
        """Make room for so much of the device's sound; gives the samples per channel of a block."""
        block = round(rate_hz * BLOCK_S)
        self._slots = round(queue_s / BLOCK_S)
        self._slot_bytes = slot_bytes(block, channels)
        self._frame_bytes = channels * SAMPLE
        size = HEADER + self._slots * self._slot_bytes
        os.ftruncate(self._fd, size)
        self._bytes = memoryview(mmap.mmap(self._fd, size))
        self._counters = self._bytes.cast("q")
        for field, value in (
            (Field.RATE_HZ, rate_hz), (Field.CHANNELS, channels), (Field.BLOCK, block), (Field.SLOTS, self._slots),
        ):  # fmt: skip
            self._counters[field] = value
        self._fence()
        self._counters[Field.STATE] = State.RUNNING
        return block

    def write(self, samples: memoryview, frames: int, arrived_ns: int, *, overrun: bool) -> None:
        """Take one block in; what finds no room is dropped, and the jump in the numbering tells the reader.

        Args:
            samples: ``frames`` times channels, interleaved, float32, as bytes.
            frames: at most what `begin` gave.
            arrived_ns: on the monotonic clock.
            overrun: samples before these were lost.
        """
        counters = self._counters
        first, written = counters[Field.FRAMES], counters[Field.WRITTEN]
        counters[Field.OVERRUNS] += overrun
        if written - counters[Field.TAKEN] < self._slots:
            self._fence()
            at = HEADER + written % self._slots * self._slot_bytes
            slot = at // COUNTER
            counters[slot + Slot.FIRST] = first
            counters[slot + Slot.ARRIVED_NS] = arrived_ns
            counters[slot + Slot.OVERRUN] = overrun
            counters[slot + Slot.FRAMES] = frames
            self._bytes[at + SLOT_HEADER : at + SLOT_HEADER + frames * self._frame_bytes] = samples
            self._fence()
            counters[Field.WRITTEN] = written + 1
        counters[Field.FRAMES] = first + frames
        counters[Field.ARRIVED_NS] = arrived_ns

    def beat(self, now_ns: int) -> None:
        """Show that the main thread lives."""
        self._counters[Field.BEAT_NS] = now_ns

    def fail(self, message: str) -> None:
        """The last words; no letter of them is cut in two."""
        encoded = message.encode()[: HEADER - MESSAGE].decode(errors="ignore").encode()
        self._bytes[MESSAGE : MESSAGE + len(encoded)] = encoded
        self._counters[Field.MESSAGE_LENGTH] = len(encoded)
        self._fence()
        self._counters[Field.STATE] = State.FAILED
