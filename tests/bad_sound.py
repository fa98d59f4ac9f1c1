"""What a broken microphone makes of good sound: [n] -> [n], float32, at the model's rate."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import signal

from monitor.audio.block import Samples
from monitor.audio.source import MODEL_RATE_HZ
from monitor.detect.finding import MicrophoneFault


def zeros(sound: Samples) -> Samples:
    return np.zeros_like(sound)


def constant(sound: Samples) -> Samples:
    return np.full_like(sound, 0.25)


def offset(sound: Samples) -> Samples:
    return np.asarray(np.clip(sound + 0.3, -1, 1), dtype=np.float32)


def clipped(sound: Samples) -> Samples:
    """An overdriven converter."""
    return np.asarray(np.clip(sound * (2.0 / sound.std()), -1, 1), dtype=np.float32)


def saturated(sound: Samples) -> Samples:
    """An overdriven amplifier before the converter: cut off far below full scale."""
    top = 0.5 * float(sound.std())
    return np.asarray(np.clip(sound, -top, top), dtype=np.float32)


def muffled(sound: Samples) -> Samples:
    sections = signal.butter(2, 1000, fs=MODEL_RATE_HZ, output="sos")
    return np.asarray(signal.sosfilt(sections, sound), dtype=np.float32)


def deaf(sound: Samples) -> Samples:
    """A dead capsule: the preamplifier's own noise is all there is."""
    return np.random.default_rng(1).normal(0, 2e-5, sound.shape).astype(np.float32)


def hum(sound: Samples, mains_hz: float = 50.0) -> Samples:
    """A broken shield: odd and even multiples of the mains frequency, as loud as the machine itself."""
    time_s = np.arange(len(sound)) / MODEL_RATE_HZ
    comb = sum(np.sin(2 * np.pi * mains_hz * k * time_s + k) / k for k in range(1, 9))
    return np.asarray(sound + comb / np.std(comb) * sound.std(), dtype=np.float32)


BAD: dict[MicrophoneFault, Callable[[Samples], Samples]] = {
    MicrophoneFault.SILENT: zeros,
    MicrophoneFault.OFFSET: offset,
    MicrophoneFault.CLIPPED: clipped,
    MicrophoneFault.QUIET: deaf,
    MicrophoneFault.MUFFLED: muffled,
    MicrophoneFault.HUM: hum,
}
"""What must be told of each, and nothing else before it."""
