"""How far the drills of the microphones go, in full and in short, and what one of them gives."""

from __future__ import annotations

from dataclasses import dataclass

from tests.drill.microphone_soak import MOST_GROWTH, SHORT_GROWTH, SPEED, WARM_UP_S

FOUR = ("mic1", "mic2", "mic3", "mic4")
LIMIT_S = 15.0
"""A fault is told, and what is mended is heard again, within so long."""


@dataclass(frozen=True)
class Scale:
    """How often and how long."""

    unplugs: int
    alarms: int
    bad_sounds: int
    restarts: int
    freezes: int
    runaway_s: float
    sound_s: float
    soak_h: float
    soak_speed: float
    soak_devices: int
    soak_growth: float
    """Share by which memory may grow."""
    warm_up_s: float


FULL = Scale(
    unplugs=20, alarms=20, bad_sounds=5, restarts=200, freezes=10, runaway_s=60.0, sound_s=10.0,
    soak_h=6.0, soak_speed=SPEED, soak_devices=8, soak_growth=MOST_GROWTH, warm_up_s=WARM_UP_S,
)  # fmt: skip
SHORT = Scale(
    unplugs=1, alarms=1, bad_sounds=1, restarts=3, freezes=1, runaway_s=2.0, sound_s=2.0,
    soak_h=0.01, soak_speed=10.0, soak_devices=2, soak_growth=SHORT_GROWTH, warm_up_s=100.0,
)  # fmt: skip


@dataclass(frozen=True)
class Found:
    """One drill's outcome."""

    good: bool
    figures: str
