"""PortAudio, for the capture process alone: listing, opening, delivering; nothing else in the program loads it.

A device that is pulled out can hold PortAudio for ever, and it looks for devices only when it starts.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from typing import Any

from monitor.audio.capture.ring import BLOCK_S, Writer
from monitor.audio.cards import read_cards
from monitor.audio.devices import SoundDevice, describe_devices
from monitor.errors import DeviceError

FASTEST = 4.0
"""A device that delivers faster than so many times real time is held back to it: enough to be seen, and no more than
a few per cent of a processor."""
HEAD_START_S = 5.0
"""Seconds of sound that may come at any speed, after the process was held up."""


def portaudio() -> Any:  # noqa: ANN401  sounddevice ships no types
    """The sounddevice package; loading it starts PortAudio.

    Raises:
        DeviceError: PortAudio is not installed.
    """
    try:
        return importlib.import_module("sounddevice")
    except OSError as error:  # the package is there, the library is not
        raise DeviceError(f"PortAudio cannot be loaded ({error}); on Debian: apt install libportaudio2") from None


def present_devices() -> tuple[SoundDevice, ...]:
    """Every device with an input that PortAudio found when it started.

    Raises:
        DeviceError: PortAudio is not installed or fails.
    """
    sounddevice = portaudio()
    try:
        apis = [str(api["name"]) for api in sounddevice.query_hostapis()]
        found = [dict(device) for device in sounddevice.query_devices()]
    except sounddevice.PortAudioError as error:
        raise DeviceError(f"the sound devices cannot be listed: {error}") from None
    return describe_devices(found, apis, read_cards())


def start_stream(name: str, device: SoundDevice, ring: Writer, rate_hz: int, channels: int) -> Any:  # noqa: ANN401
    """A stream that fills ``ring``.

    Args:
        name: of the microphone, for the error.
        device: which one.
        ring: takes the blocks.
        rate_hz: samples per second.
        channels: how many, from the first.

    Raises:
        DeviceError: PortAudio cannot open it so.
    """
    sounddevice = portaudio()
    try:
        stream = sounddevice.RawInputStream(
            device=device.index,
            channels=channels,
            samplerate=rate_hz,
            blocksize=ring.begin(rate_hz, channels),
            dtype="float32",
            latency="high",  # nothing here is in a hurry, and large buffers survive a busy plant PC
            callback=_callback(ring, rate_hz),
        )
        stream.start()
    except (sounddevice.PortAudioError, ValueError) as error:
        raise DeviceError(f"microphone {name}: cannot be opened ({_reason(error)})") from None
    return stream


def _callback(ring: Writer, rate_hz: int) -> Callable[[Any, int, object, Any], None]:
    began_ns = time.monotonic_ns()
    total = 0

    def deliver(samples: Any, frames: int, _times: object, status: Any) -> None:  # noqa: ANN401
        nonlocal total
        now_ns = time.monotonic_ns()
        ring.write(memoryview(samples), frames, now_ns, overrun=bool(status.input_overflow))
        total += frames
        ahead_s = (total / rate_hz - HEAD_START_S) / FASTEST - (now_ns - began_ns) * 1e-9
        if ahead_s > 0:
            time.sleep(min(ahead_s, BLOCK_S))

    return deliver


def _reason(error: Exception) -> str:
    """PortAudio's own words, without sounddevice's frame around them."""
    return str(error).removeprefix("Error opening RawInputStream: ").strip()
