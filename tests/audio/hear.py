"""Run by the tests with the environment of virtual microphones: one scenario each, its findings as JSON on stdout."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import soundfile

from monitor.audio import microphone
from monitor.audio.block import AudioBlock
from monitor.audio.devices import list_devices
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
    except DeviceError as error:
        return str(error)
    source.close()
    return ""


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


def sleepy_reader(selector: str) -> object:
    """A reader that does not come for much longer than the queue holds."""
    microphone.QUEUE_S = 0.5
    source = opened(selector)
    blocks = listen(source, 2)
    began_s = blocks[0].start_s
    time.sleep(3)
    blocks += listen(source, 1)
    source.close()
    heard = sum(block.frames for block in blocks)
    second = [block for block in blocks if block.gap][1]
    return {
        "gaps": [block.gap for block in blocks].count(True),
        "lost_s": source.lost_samples / 16_000,
        "heard_s": heard / 16_000,
        "span_s": blocks[-1].end_s - began_s,
        "late_s": time.time() - blocks[-1].end_s,
        "gap_at_s": second.start_s - began_s,
    }


def unplugged(selector: str, module: str) -> object:
    """The microphone is pulled out, and put in again."""
    source = opened(selector)
    listen(source, 1)
    subprocess.run(["pactl", "unload-module", module], check=True)
    error, after_s = failure(source)
    source.close()
    away = said(source)
    command = ["pactl", "load-module", "module-null-sink", f"sink_name={selector}", "rate=16000", "channels=1"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    source.open(time.time())
    back = next((heard for heard in (listen(source, 2) for _ in range(5)) if heard), [])  # it comes when it comes
    source.close()
    return {"error": error, "after_s": after_s, "away": away, "back": sum(block.frames for block in back)}


def frozen(selector: str, server: str) -> object:
    """The sound server stands still: the stream calls itself active, and closing it never returns."""
    source = opened(selector)
    listen(source, 1)
    os.kill(int(server), signal.SIGSTOP)
    error, after_s = failure(source)
    active = bool(source._stream.active)
    begin_s = time.monotonic()
    source.close()
    closed_s = time.monotonic() - begin_s
    return {"error": error, "after_s": after_s, "active": active, "closed_s": closed_s, "again": said(source)}


if __name__ == "__main__":
    scenario, *arguments = sys.argv[1:]
    scenarios = (devices, sound, errors, sleepy_reader, unplugged, frozen)
    chosen = {function.__name__: function for function in scenarios}[scenario]
    print(json.dumps(chosen(*arguments)))
