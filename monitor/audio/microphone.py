"""A real microphone: what its capture process delivers is dated, counted and brought to the model's rate."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from monitor.audio.block import AudioBlock
from monitor.audio.capture.clock import Anchor, CaptureClock, told_step
from monitor.audio.capture.process import CHILD, CaptureProcess
from monitor.audio.capture.rate import CaptureStats, RateMeter
from monitor.audio.capture.reader import Captured
from monitor.audio.capture.ring import Field
from monitor.audio.cards import find_card, names_a_card, read_cards
from monitor.audio.resample import StreamResampler
from monitor.audio.source import MODEL_RATE_HZ, Pace

STEPS_KEPT = 8
"""So many settings of the system's clock are told of: one that is set all the time is told of by the first."""


class Clock(Protocol):
    """The two clocks of a computer."""

    def monotonic(self) -> float:
        """Seconds that never jump, the same for every process."""
        ...

    def time(self) -> float:
        """UTC, POSIX seconds; may be set at any moment."""
        ...


@dataclass(slots=True)
class _Open:
    """What is held while a device is open."""

    process: CaptureProcess
    resampler: StreamResampler = field(default_factory=StreamResampler)
    clock: CaptureClock | None = None
    meter: RateMeter | None = None
    expected: int | None = None
    """Number of the sample that follows the last one passed on; None before the first."""
    seen: int | None = None
    """Number of the sample that follows the last one that came."""
    stats: CaptureStats = field(default_factory=CaptureStats)


class MicrophoneSource:
    """The `Source` of a sound device, at its native rate, resampled after capture.

    Opening only begins a process; whether there is such a device shows in `read`. Blocks are dated by the clocks
    themselves: the time that `read` is told may be a whole turn old.

    Args:
        selector: which device, as `monitor.audio.devices.find_device` takes it; looked up at each opening.
        channels_wanted: how many channels are needed, counted from the first; None for one.
        rate_hz: capture at this rate; None for the device's own.
        clock: the computer's clocks.
        program: what Python runs to capture.
    """

    def __init__(
        self,
        selector: str,
        channels_wanted: int | None = None,
        rate_hz: int | None = None,
        clock: Clock = time,
        program: Sequence[str] = CHILD,
    ) -> None:
        self._selector = selector
        self._channels = 1 if channels_wanted is None else channels_wanted
        self._rate_hz = rate_hz
        self._clock = clock
        self._program = tuple(program)
        self._open: _Open | None = None
        self._stats = CaptureStats()
        self._anchor = Anchor()
        self._steps: deque[str] = deque(maxlen=STEPS_KEPT)

    @property
    def channels(self) -> int:
        """Number of channels in every block."""
        return self._channels

    @property
    def finished(self) -> bool:
        """Never: a microphone that is gone may come back."""
        return False

    @property
    def lost_samples(self) -> int:
        """Samples lost since open, counted at ``MODEL_RATE_HZ``; overruns are estimated."""
        stats = self.stats
        return round(stats.lost / stats.rate_hz * MODEL_RATE_HZ) if stats.rate_hz else 0

    @property
    def stats(self) -> CaptureStats:
        """What was counted since open; after `close`, of the last time."""
        return self._stats if self._open is None else self._open.stats

    @property
    def problems(self) -> tuple[str, ...]:
        """When the system's clock was set; what a microphone loses is counted and marked by a gap."""
        return tuple(self._steps)

    @property
    def pace(self) -> Pace | None:
        """How fast samples come, over the last minute; None until that is sure."""
        return self.stats.pace

    @property
    def pid(self) -> int | None:
        """The capture process's number; None when there is none."""
        return None if self._open is None else self._open.process.pid

    def open(self, now_s: float) -> None:
        """Begin to capture.

        Raises:
            DeviceError: the selector names no or no single card, or no process can be started.
        """
        del now_s
        self.close()
        if names_a_card(self._selector):  # one look at the kernel's list, in place of a process that can only fail
            find_card(self._selector, read_cards())
        self._stats = CaptureStats()
        self._open = _Open(
            CaptureProcess(self._selector, self._channels, self._rate_hz, self._clock.monotonic(), self._program)
        )

    def read(self, now_s: float) -> Sequence[AudioBlock]:
        """What was captured since the last read, oldest first; may be empty.

        Raises:
            DeviceError: there is no or no single such device, it has too few channels or cannot be opened, it has ended
                or delivers nothing, or its process is dead.
        """
        del now_s
        if self._open is None:
            return ()
        captured = self._open.process.take(self._clock.monotonic())
        if not captured:
            return ()
        self._look_at_clocks(self._open)
        return [block for one in captured for block in self._pass_on(self._open, one)]

    def close(self) -> None:
        """Stop capturing and let go of the device; harmless when not open."""
        if self._open is None:
            return
        self._stats = self._open.stats
        process, self._open = self._open.process, None
        process.close()

    def _look_at_clocks(self, opened: _Open) -> None:
        step_s = self._anchor.observe(self._clock.monotonic(), self._clock.time())
        if step_s is None:
            return
        opened.stats = replace(opened.stats, clock_steps=opened.stats.clock_steps + 1)
        self._steps.append(told_step(step_s, self._clock.time()))

    def _pass_on(self, opened: _Open, one: Captured) -> tuple[AudioBlock, ...]:
        """Count a block, date it, and bring it to the model's rate."""
        clock, meter, rate_hz = self._measures(opened)
        clock.observe(one.end, one.arrived_s)
        passes = meter.passes(len(one.samples), one.end, one.arrived_s)
        lost = one.first - (0 if opened.seen is None else opened.seen)
        if one.overrun:
            lost += round(clock.missed(one.end, one.arrived_s) * rate_hz)
        opened.seen = one.end
        gap = one.first != opened.expected or one.overrun
        opened.stats = replace(
            opened.stats,
            rate_hz=rate_hz,
            measured_hz=meter.measured_hz,
            span_s=meter.span_s,
            samples=one.end,
            expected=meter.expected,
            lost=opened.stats.lost + lost + (0 if passes else len(one.samples)),
            overruns=opened.process.reader[Field.OVERRUNS],
            gaps=opened.stats.gaps + (passes and gap and opened.expected is not None),
        )
        if not passes:
            return ()
        opened.expected = one.end
        start_s = clock.date(one.first) + self._anchor.offset_s
        return opened.resampler.push(AudioBlock(one.samples, rate_hz, start_s, gap=gap))

    @staticmethod
    def _measures(opened: _Open) -> tuple[CaptureClock, RateMeter, int]:
        rate_hz = opened.process.reader[Field.RATE_HZ]
        if opened.clock is None or opened.meter is None:
            opened.clock, opened.meter = CaptureClock(rate_hz), RateMeter(rate_hz)
        return opened.clock, opened.meter, rate_hz
