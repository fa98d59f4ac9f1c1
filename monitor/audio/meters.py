"""Live levels of several sound devices at once, for whoever has to find out which microphone is which."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from monitor.audio.capture.rate import CaptureStats
from monitor.audio.devices import SoundDevice
from monitor.audio.level import peak_dbfs, rms_dbfs
from monitor.audio.microphone import MicrophoneSource
from monitor.errors import DeviceError

RETRY_S = 3.0
"""A device that fails is tried again so soon: somebody is standing there with the plug in hand."""
MOST_CHANNELS = 16
"""A device that claims more is no converter but a program, and makes channels up; its first two are watched."""


@dataclass(frozen=True, slots=True)
class Level:
    """What one device brought since the last look."""

    selector: str
    rms_dbfs: tuple[float, ...] = ()
    """Per channel; empty when no sound came."""
    peak_dbfs: tuple[float, ...] = ()
    stats: CaptureStats = field(default_factory=CaptureStats)
    trouble: str | None = None
    """Why nothing comes; None while it does, or may still."""


class Meters:
    """The devices, each heard through its own capture process.

    Args:
        devices: which ones.
        make: a source from a selector and a number of channels.
    """

    def __init__(
        self, devices: Sequence[SoundDevice], make: Callable[[str, int], MicrophoneSource] = MicrophoneSource
    ) -> None:
        self._meters = [_Meter(device.selector, make(device.selector, watched_channels(device))) for device in devices]

    def look(self, now_s: float) -> tuple[Level, ...]:
        """How loud every device was since the last look, in the order given.

        Args:
            now_s: UTC, POSIX seconds.
        """
        return tuple(meter.look(now_s) for meter in self._meters)

    def close(self) -> None:
        """Let go of every device."""
        for meter in self._meters:
            meter.source.close()


def watched_channels(device: SoundDevice) -> int:
    """How many of a device's channels are worth a look."""
    return device.channels if device.channels <= MOST_CHANNELS else 2


class _Meter:
    def __init__(self, selector: str, source: MicrophoneSource) -> None:
        self.source = source
        self._selector = selector
        self._retry_s = float("-inf")
        self._is_open = False
        self._trouble: str | None = None

    def look(self, now_s: float) -> Level:
        if not self._is_open and now_s < self._retry_s:
            return Level(self._selector, trouble=self._trouble)
        try:
            if not self._is_open:
                self.source.open(now_s)
                self._is_open = True
            blocks = self.source.read(now_s)
        except DeviceError as error:
            self.source.close()
            self._is_open, self._retry_s, self._trouble = False, now_s + RETRY_S, str(error)
            return Level(self._selector, trouble=self._trouble)
        if not blocks:
            return Level(self._selector, trouble=self._trouble)
        self._trouble = None
        samples = np.concatenate([block.samples for block in blocks])
        channels = [samples[:, channel] for channel in range(samples.shape[1])]
        return Level(self._selector, tuple(map(rms_dbfs, channels)), tuple(map(peak_dbfs, channels)), self.source.stats)
