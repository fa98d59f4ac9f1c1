"""A real microphone through PortAudio: its thread copies blocks into a bounded queue, the reader does all else."""

from __future__ import annotations

import atexit
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from monitor.audio.block import AudioBlock, Samples
from monitor.audio.capture_clock import CaptureClock
from monitor.audio.devices import SoundDevice, find_device, portaudio
from monitor.audio.patience import hung, patiently
from monitor.audio.resample import StreamResampler
from monitor.audio.source import MODEL_RATE_HZ, Pace
from monitor.errors import DeviceError

T = TypeVar("T")

BLOCK_S = 0.05
"""Seconds in a captured block: 20 wake-ups a second cost nothing, and a reader sees audio soon."""
QUEUE_S = 20.0
"""Seconds that may wait for the reader: more than scoring every machine of a node takes, or loading a model; at 8
channels of 48 kHz this is 31 MB."""
STALL_S = 5.0
"""No sample for so long is a dead device. A stalled PortAudio stream goes on calling itself active; USB hiccups and
start-up take less than two seconds."""
OPEN_S = 10.0
"""Longest wait for a device to open: a sound server takes up to a second; every other queue holds twice this."""
CLOSE_S = 3.0
"""Longest wait for a device to close: three of its buffers and more."""
MOST_COUNTED_S = 1.0
"""Of the time between two reads, at most this counts as silence: the system's clock may have been set in between."""

_open_streams: set[int] = set()
"""Sources of this process that are open, by their id; PortAudio can be restarted only when there is none."""


@dataclass(frozen=True, slots=True, eq=False)
class _Captured:
    first: int
    """Number of the first sample since capture began."""
    samples: Samples
    overflow: bool
    """PortAudio says that samples before this block were lost; it does not say how many."""


class _Queue:
    """What PortAudio's thread writes and the reader takes; appending to and taking from a deque need no lock."""

    def __init__(self, limit: int) -> None:
        self.blocks: deque[_Captured] = deque()
        self.frames = 0
        self._limit = limit

    def capture(self, samples: Samples, frames: int, _times: object, status: Any) -> None:  # noqa: ANN401
        """PortAudio's callback. What finds no room is dropped; the jump in the numbering tells the reader."""
        first = self.frames
        self.frames += frames  # before the block can be seen, so that whoever sees it finds it counted
        if len(self.blocks) < self._limit:
            self.blocks.append(_Captured(first, samples.copy(), bool(status.input_overflow)))

    def drain(self) -> list[_Captured]:
        """Take what is waiting, oldest first."""
        return [self.blocks.popleft() for _ in range(len(self.blocks))]


class MicrophoneSource:
    """The `Source` of a sound device, at its native rate, resampled after capture.

    Args:
        selector: which device, as `monitor.audio.devices.find_device` takes it; looked up at each opening.
        channels_wanted: how many channels are needed, counted from the first; None for one.
        rate_hz: capture at this rate; None for the device's own.
    """

    def __init__(self, selector: str, channels_wanted: int | None = None, rate_hz: int | None = None) -> None:
        self._selector = selector
        self._wanted = 1 if channels_wanted is None else channels_wanted
        self._wanted_rate_hz = rate_hz
        self._channels = 0
        self._rate_hz = 0
        self._stream: Any = None
        self._queue = _Queue(0)
        self._resampler = StreamResampler()
        self._clock = CaptureClock(MODEL_RATE_HZ)
        self._expected: int | None = None
        self._lost_s = 0.0
        self._seen = 0
        self._silent_s = 0.0
        self._read_s = 0.0

    @property
    def channels(self) -> int:
        """Number of channels in every block; known once open."""
        return self._channels

    @property
    def finished(self) -> bool:
        """Never: a microphone that is gone may come back."""
        return False

    @property
    def lost_samples(self) -> int:
        """Samples lost since open (queue full, overrun), counted at ``MODEL_RATE_HZ``; overruns are estimated."""
        return round(self._lost_s * MODEL_RATE_HZ)

    @property
    def problems(self) -> tuple[str, ...]:
        """Always empty: what a microphone loses is counted and marked by a gap."""
        return ()

    @property
    def pace(self) -> Pace | None:
        """None: it is not measured."""
        return None

    def open(self, now_s: float) -> None:
        """Begin to capture.

        Raises:
            DeviceError: no or no single such device, too few channels, or PortAudio cannot open it.
        """
        self.close()
        self._channels = self._wanted
        self._queue = _Queue(round(QUEUE_S / BLOCK_S))
        self._resampler = StreamResampler()
        self._expected = None
        self._lost_s = self._silent_s = 0.0
        self._seen = 0
        self._read_s = now_s
        self._stream, self._rate_hz = _unheld(
            f"opening microphone {self._selector}", self._connect, OPEN_S, undo=lambda opened: _shut(opened[0])
        )
        self._clock = CaptureClock(self._rate_hz)
        _open_streams.add(id(self))

    def read(self, now_s: float) -> Sequence[AudioBlock]:
        """What was captured since the last read, oldest first; may be empty.

        Raises:
            DeviceError: the stream has ended, or delivers nothing any more.
        """
        if self._stream is None:
            return ()
        self._watch(now_s)
        waiting = self._queue.drain()
        frames = self._queue.frames
        if frames:
            self._clock.observe(frames, now_s)
        return [block for captured in waiting for block in self._take(captured, frames, now_s)]

    def close(self) -> None:
        """Stop capturing and let go of the device; harmless when not open."""
        if self._stream is None:
            return
        stream, self._stream = self._stream, None
        with suppress(DeviceError):  # it hangs: the next opening says so
            _unheld(f"closing microphone {self._selector}", lambda: _shut(stream), CLOSE_S)
        _open_streams.discard(id(self))

    def _connect(self) -> tuple[Any, int]:
        """The started stream, and its rate."""
        sounddevice = portaudio()
        if not _open_streams:
            _look_again(sounddevice)
        device = find_device(self._selector)
        if device.channels < self._wanted:
            raise DeviceError(
                f"microphone {self._selector}: channel {self._wanted} is needed, but the device has {device.channels}"
            )
        rate_hz = device.default_rate_hz if self._wanted_rate_hz is None else self._wanted_rate_hz
        return self._start(sounddevice, device, rate_hz), rate_hz

    def _start(self, sounddevice: Any, device: SoundDevice, rate_hz: int) -> Any:  # noqa: ANN401
        stream = None
        try:
            stream = sounddevice.InputStream(
                device=device.index,
                channels=self._channels,
                samplerate=rate_hz,
                blocksize=round(rate_hz * BLOCK_S),
                dtype="float32",
                latency="high",  # nothing here is in a hurry, and large buffers survive a busy plant PC
                callback=self._queue.capture,
            )
            stream.start()
        except (sounddevice.PortAudioError, ValueError) as error:
            if stream is not None:
                stream.close(ignore_errors=True)
            raise DeviceError(f"microphone {self._selector}: cannot be opened ({_reason(error)})") from None
        return stream

    def _watch(self, now_s: float) -> None:
        """Tell a dead stream by counting samples."""
        if not self._queue.blocks and not self._stream.active:
            raise DeviceError(f"microphone {self._selector}: the stream has ended (device unplugged?)")
        if self._queue.frames != self._seen:
            self._seen = self._queue.frames
            self._silent_s = 0.0
        else:
            self._silent_s += min(MOST_COUNTED_S, max(0.0, now_s - self._read_s))
        self._read_s = now_s
        if self._silent_s >= STALL_S:
            raise DeviceError(f"microphone {self._selector}: has delivered nothing for {STALL_S:g} s")

    def _take(self, captured: _Captured, frames: int, now_s: float) -> tuple[AudioBlock, ...]:
        gap = captured.first != self._expected or captured.overflow
        if self._expected is not None:
            self._lost_s += (captured.first - self._expected) / self._rate_hz
        if captured.overflow:
            self._lost_s += self._clock.missed(frames, now_s)
        self._expected = captured.first + captured.samples.shape[0]
        return self._resampler.push(
            AudioBlock(captured.samples, self._rate_hz, self._clock.date(captured.first), gap=gap)
        )


def _unheld(name: str, call: Callable[[], T], limit_s: float, undo: Callable[[T], object] | None = None) -> T:
    try:
        return patiently(name, call, limit_s, undo)
    finally:
        if hung():
            atexit.unregister(portaudio()._exit_handler)  # noqa: SLF001  it would hang too, and the process never end


def _shut(stream: Any) -> None:  # noqa: ANN401
    stream.abort(ignore_errors=True)  # stopping would wait for buffers that a dead device never fills
    stream.close(ignore_errors=True)


def _look_again(sounddevice: Any) -> None:  # noqa: ANN401
    """Let PortAudio find devices that came since it started: it looks only then."""
    try:
        sounddevice._terminate()  # noqa: SLF001  there is no public way
        sounddevice._initialize()  # noqa: SLF001
    except sounddevice.PortAudioError as error:
        raise DeviceError(f"PortAudio cannot be started: {error}") from None


def _reason(error: Exception) -> str:
    """PortAudio's own words, without sounddevice's frame around them."""
    return str(error).removeprefix("Error opening InputStream: ").strip()
