"""A block of sound as it comes from a source: the first value in the data flow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Samples: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class AudioBlock:
    """Consecutive samples of every channel of one source."""

    samples: Samples
    """Shape [frames, channels], float32, full scale is +-1."""
    rate_hz: int
    """Samples per second and channel."""
    start_s: float
    """UTC of the first sample, POSIX seconds."""
    gap: bool = False
    """True when this block does not follow the one before it: audio was lost, or a new recording begins."""
    begins: bool = False
    """True, beside ``gap``, when what came before had come to its own end, so that nothing was lost in between."""

    @property
    def frames(self) -> int:
        """Number of samples per channel."""
        return int(self.samples.shape[0])

    @property
    def end_s(self) -> float:
        """UTC just after the last sample, POSIX seconds."""
        return self.start_s + self.frames / self.rate_hz
