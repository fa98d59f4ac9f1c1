"""A source that a thread of its own reads: a network stream, or standard input; whoever polls it never waits."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from monitor.audio.block import AudioBlock, Samples
from monitor.audio.capture.clock import Anchor, CaptureClock
from monitor.audio.resample import StreamResampler
from monitor.audio.source import MODEL_RATE_HZ, Pace
from monitor.errors import DeviceError

QUEUE_S = 20.0
"""Seconds that may wait for the reader, as with a microphone; what comes beyond is lost, and marked by a gap."""
AHEAD_S = 5.0
"""Sound is taken no further ahead of time: a server sends a few seconds at once to a new listener, and one that
serves a file would send all of it; the rest waits on its side."""
STALL_S = 5.0
"""No sample for so long is a dead source."""
OPEN_S = 10.0
"""Longest wait for the first sample: a camera takes some seconds to answer."""


class Feed:
    """What the thread writes and the reader takes; a deque needs no lock for either."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        """Set when nobody listens any more: the thread ends."""
        self.failure: str | None = None
        """Why the thread has ended; set after its last samples."""
        self._chunks: deque[tuple[int, Samples, int, float]] = deque()
        self._frames = 0
        self._begun_s: float | None = None

    def put(self, samples: Samples, rate_hz: int) -> None:
        """Hand on samples [n, channels], float32, full scale +-1; waits while they come too far ahead of time."""
        now_s = time.monotonic()
        self._begun_s = now_s if self._begun_s is None else self._begun_s
        first = self._frames
        self._frames += len(samples)
        ahead_s = self._frames / rate_hz - (now_s - self._begun_s)
        held = sum(len(chunk[1]) for chunk in tuple(self._chunks))
        if held < QUEUE_S * rate_hz:
            self._chunks.append((first, samples, rate_hz, now_s))
        if ahead_s > AHEAD_S:
            self.stop.wait(ahead_s - AHEAD_S)

    def take(self) -> list[tuple[int, Samples, int, float]]:
        """What waits, oldest first: number of the first sample, samples, rate, and when they came (monotonic)."""
        return [self._chunks.popleft() for _ in range(len(self._chunks))]


Read = Callable[[Feed], None]
"""Reads until ``feed.stop`` is set; raises DeviceError when the source fails, and returns when it has ended."""


@dataclass(slots=True)
class _Open:
    feed: Feed
    opened_s: float
    """Monotonic seconds."""
    heard_s: float | None = None
    resampler: StreamResampler = field(default_factory=StreamResampler)
    clock: CaptureClock | None = None
    rate_hz: int = 0
    expected: int | None = None


class LiveSource:
    """The `Source` of whatever a thread reads.

    Args:
        name: for messages; without credentials.
        channels: how many are needed, counted from the first.
        read: runs in the thread.
    """

    def __init__(self, name: str, channels: int, read: Read) -> None:
        self._name = name
        self._channels = channels
        self._read = read
        self._open: _Open | None = None
        self._anchor = Anchor()
        self._lost_s = 0.0

    @property
    def channels(self) -> int:
        """Number of channels in every block."""
        return self._channels

    @property
    def finished(self) -> bool:
        """Never: a source that is gone may come back."""
        return False

    @property
    def lost_samples(self) -> int:
        """Samples for which there was no room, at ``MODEL_RATE_HZ``, since open."""
        return round(self._lost_s * MODEL_RATE_HZ)

    @property
    def problems(self) -> tuple[str, ...]:
        """Always empty."""
        return ()

    @property
    def pace(self) -> Pace | None:
        """None: a stream's rate is what its sender says, and it is read no faster than time passes."""
        return None

    def open(self, now_s: float) -> None:
        """Begin to read; whether anything is there shows in `read`."""
        del now_s
        self.close()
        feed = Feed()
        self._lost_s = 0.0
        self._open = _Open(feed, time.monotonic())
        threading.Thread(target=self._run, args=(feed,), name=f"reads {self._name}", daemon=True).start()

    def read(self, now_s: float) -> Sequence[AudioBlock]:
        """What has come since the last read, oldest first; may be empty.

        Raises:
            DeviceError: it cannot be reached, has failed or ended, or brings nothing any more.
        """
        del now_s
        opened = self._open
        if opened is None:
            return ()
        failure = opened.feed.failure  # before taking: what was put before it is not lost
        self._anchor.observe(time.monotonic(), time.time())
        chunks = opened.feed.take()
        if not chunks:
            self._watch(opened, failure)
        return [block for chunk in chunks for block in self._pass_on(opened, *chunk)]

    def close(self) -> None:
        """Stop listening; the thread ends by itself. Harmless when not open."""
        if self._open is not None:
            self._open.feed.stop.set()
            self._open = None

    def _run(self, feed: Feed) -> None:
        try:
            self._read(feed)
            feed.failure = "has ended"
        except DeviceError as error:
            feed.failure = str(error)
        except Exception as error:  # noqa: BLE001  a decoder may raise anything, and a dead thread must be told of
            feed.failure = f"cannot be read ({type(error).__name__})"

    def _watch(self, opened: _Open, failure: str | None) -> None:
        if failure is not None:
            raise DeviceError(f"{self._name}: {failure}")
        since_s, limit_s = (opened.opened_s, OPEN_S) if opened.heard_s is None else (opened.heard_s, STALL_S)
        if time.monotonic() - since_s > limit_s:
            raise DeviceError(f"{self._name}: has brought nothing for {limit_s:g} s")

    def _pass_on(
        self, opened: _Open, first: int, samples: Samples, rate_hz: int, came_s: float
    ) -> tuple[AudioBlock, ...]:
        if samples.shape[1] < self._channels:
            raise DeviceError(
                f"{self._name}: channel {self._channels} is needed, but there are {samples.shape[1]} channels"
            )
        opened.heard_s = came_s
        if opened.clock is None or rate_hz != opened.rate_hz:
            opened.clock, opened.rate_hz = CaptureClock(rate_hz), rate_hz
        opened.clock.observe(first + len(samples), came_s)
        gap = first != opened.expected
        if gap and opened.expected is not None:
            self._lost_s += (first - opened.expected) / rate_hz
        opened.expected = first + len(samples)
        start_s = opened.clock.date(first) + self._anchor.offset_s
        return opened.resampler.push(AudioBlock(samples[:, : self._channels], rate_hz, start_s, gap=gap))
