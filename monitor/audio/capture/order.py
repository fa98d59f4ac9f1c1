"""What a capture process is asked for, as its only argument."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

LIST = "list"
"""The argument that asks for the sound devices instead."""


@dataclass(frozen=True, slots=True)
class Order:
    """One device."""

    selector: str
    """Which, as `monitor.audio.devices.find_device` takes it."""
    channels: int
    """How many are needed, from the first."""
    rate_hz: int | None
    """Samples per second; None for the device's own."""
    memory: int
    """File descriptor of the shared memory."""
    parent: int
    """Process that it is captured for."""

    def to_json(self) -> str:
        """As text."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Order:
        """The inverse of `to_json`."""
        return cls(**json.loads(text))
