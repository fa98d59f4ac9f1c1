"""Run by the tests with the environment of virtual microphones: one scenario each, its findings as JSON on stdout."""

from __future__ import annotations

import itertools
import json
import os
import signal
import sys
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import soundfile

from monitor.audio.block import AudioBlock
from monitor.audio.capture.process import list_devices
from monitor.audio.microphone import MicrophoneSource
from monitor.errors import DeviceError

POLL_S = 0.02


def opened(selector: str, channels: int | None = None, rate_hz: int | None = None) -> MicrophoneSource:
    source = MicrophoneSource(selector, channels, rate_hz)
    source.open(time.time())
    return source


def listen(source: MicrophoneSource, seconds: float) -> list[AudioBlock]:
    """Blocks of so many seconds from now on."""
    end_s = time.monotonic() + seconds
    blocks: list[AudioBlock] = []
    while time.monotonic() < end_s:
        blocks.extend(source.read(time.time()))
        time.sleep(POLL_S)
    return blocks


def failure(source: MicrophoneSource, limit_s: float = 20.0) -> tuple[str, float]:
    """The error that reading comes to, and after how long."""
    begin_s = time.monotonic()
    try:
        listen(source, limit_s)
    except DeviceError as error:
        return str(error), time.monotonic() - begin_s
    return "", limit_s


def said(source: MicrophoneSource) -> str:
    """The error that opening comes to."""
    try:
        source.open(time.time())
        return failure(source)[0]
    except DeviceError as error:
        return str(error)
    finally:
        source.close()


def devices() -> object:
    return [asdict(device) for device in list_devices()]


def sound(selector: str, channels: str, rate: str, seconds: str, ready: str, out: str) -> object:
    """Record into a file; ``ready`` is made once samples arrive."""
    source = opened(selector, int(channels), int(rate) or None)
    blocks: list[AudioBlock] = []
    while not blocks:
        blocks.extend(listen(source, 0.1))
    Path(ready).touch()
    blocks += listen(source, float(seconds))
    late_s = time.time() - blocks[-1].end_s
    source.close()
    samples = np.concatenate([block.samples for block in blocks])
    soundfile.write(out, samples, 16_000, subtype="FLOAT")
    steps = [after.start_s - before.end_s for before, after in itertools.pairwise(blocks)]
    return {
        "channels": source.channels,
        "rates": sorted({block.rate_hz for block in blocks}),
        "gaps": [block.gap for block in blocks].count(True),
        "lost": source.lost_samples,
        "late_s": late_s,
        "worst_step_s": max(map(abs, steps)),
    }


def errors(selector: str) -> object:
    several = "mic"
    return [
        said(MicrophoneSource("nowhere")),
        said(MicrophoneSource(several)),
        said(MicrophoneSource(selector, 99)),
        said(MicrophoneSource(selector, 1, 7)),
    ]


def back(source: MicrophoneSource) -> int:
    """Samples that come after opening anew."""
    source.open(time.time())
    heard = next((heard for heard in (listen(source, 1) for _ in range(20)) if heard), [])  # it comes when it comes
    source.close()
    return sum(block.frames for block in heard)


def frozen(selector: str, server: str) -> object:
    """The sound server stands still: the stream calls itself active, and closing it never returns."""
    source = opened(selector)
    while not listen(source, 0.5):
        pass
    os.kill(int(server), signal.SIGSTOP)
    error, after_s = failure(source)
    begin_s = time.monotonic()
    source.close()
    closed_s = time.monotonic() - begin_s
    os.kill(int(server), signal.SIGCONT)
    return {"error": error, "after_s": after_s, "closed_s": closed_s, "back": back(source)}


def orphan(selector: str, signal_name: str) -> object:
    """Capture, send the capture process a signal, say its number and wait for the end."""
    source = opened(selector)
    while not listen(source, 0.5):
        pass
    assert source.pid is not None
    os.kill(source.pid, signal.Signals[signal_name])
    print(source.pid, flush=True)
    time.sleep(600)
    return None


if __name__ == "__main__":
    scenario, *arguments = sys.argv[1:]
    scenarios = (devices, sound, errors, frozen, orphan)
    chosen = {function.__name__: function for function in scenarios}[scenario]
    print(json.dumps(chosen(*arguments)))
