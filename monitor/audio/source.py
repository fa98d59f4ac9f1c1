"""The one seam through which sound enters: what a microphone, a recording and a simulated machine have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from monitor.audio.block import AudioBlock

MODEL_RATE_HZ = 16_000
"""Every source delivers this rate: the model's (DESIGN section 3, DCASE Task 2); others are resampled with soxr."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How many samples a device has delivered lately, against what its rate promises."""

    delivered: int
    """Samples per channel."""
    expected: int
    """By the monotonic clock and the rate that the device was opened with, greater than 0."""

    @property
    def deviation(self) -> float:
        """Share by which it is too fast (positive) or too slow."""
        return self.delivered / self.expected - 1.0


class Source(Protocol):
    """Sound of one device or file list, polled by the one thread that owns it.

    No method blocks; whoever owns the source decides how long to wait between reads.
    """

    @property
    def channels(self) -> int:
        """Number of channels in every block; known once open."""
        ...

    @property
    def finished(self) -> bool:
        """True when no block will ever come again (a recording without loop at its end)."""
        ...

    @property
    def lost_samples(self) -> int:
        """Samples lost since open (queue full, overrun), counted at MODEL_RATE_HZ."""
        ...

    @property
    def problems(self) -> tuple[str, ...]:
        """What had to be passed over since open, one line each, such as a recording that cannot be read."""
        ...

    @property
    def pace(self) -> Pace | None:
        """How fast samples come, over the last seconds; None where nobody can tell (yet), and for what is no device."""
        ...

    def open(self, now_s: float) -> None:
        """Start delivering; audio that becomes due from ``now_s`` (UTC, POSIX seconds) on is returned by `read`.

        Raises:
            DeviceError: the device is missing or cannot be opened; calling again later may work.
            RecordingError: no recording can be read.
        """
        ...

    def read(self, now_s: float) -> Sequence[AudioBlock]:
        """Blocks at MODEL_RATE_HZ that have become due up to ``now_s``, oldest first; may be empty.

        Raises:
            DeviceError: the device failed; the owner closes the source and opens it again later.
        """
        ...

    def close(self) -> None:
        """Stop and release everything; harmless when not open."""
        ...
