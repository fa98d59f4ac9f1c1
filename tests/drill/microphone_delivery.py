"""The drills of what a device delivers: how fast, on which channel, and at which level."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import soundfile

from monitor.audio.block import Samples
from monitor.audio.level import rms_dbfs
from tests.drill.microphone_hall import PATIENCE_S, hall
from tests.drill.microphone_scale import LIMIT_S, Found, Scale
from tests.virtual_microphone import virtual_microphones

RATE_HZ = 16_000
RECORDING = ("recordings", "mimii_8ch", "fan_normal.flac")


class Pipe:
    """What an ALSA device hears through a FIFO: as much a second as it is told to give, float32 of one channel."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.alsa = (
            f'pcm.pipe {{ type file slave.pcm "null" file "/dev/null" infile "{path}" format "raw" '
            f'hint.description "a pipe" }}'
        )
        self.factor = 1.0
        """Times real time."""
        self._fd = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._feed, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End."""
        self._stop.set()
        self._thread.join()
        os.close(self._fd)

    def _feed(self) -> None:
        step_s, block = 0.02, np.full(RATE_HZ // 100, 0.1, np.float32).tobytes()
        owed = 0.0
        while not self._stop.wait(step_s):
            owed += self.factor * step_s / 0.01
            while owed >= 1.0:
                owed -= 1.0
                try:
                    os.write(self._fd, block)
                except BlockingIOError:  # full: nobody reads, or not so fast
                    owed = 0.0


def stalled_and_runaway(folder: Path, scale: Scale) -> Found:
    """A source that stalls, returns, and then runs ten times too fast."""
    pipe = Pipe(folder / "pipe")
    try:
        with (
            virtual_microphones(folder, "mic1", also=pipe.alsa) as running,
            hall(running.env, "mic1", "pipe", rate_hz=RATE_HZ) as plant,
        ):
            pipe.factor, begun_s = 0.0, time.monotonic()
            noticed_s = plant.failed("pipe") - begun_s
            pipe.factor, begun_s = 1.0, time.monotonic()
            returned_s = plant.back("pipe") - begun_s
            pipe.factor, begun_s = 10.0, time.monotonic()
            plant.until(lambda: (pace := plant.sources["pipe"].pace) is not None and pace.deviation > 1.0)
            seen_s = time.monotonic() - begun_s
            process = psutil.Process(plant.pid("pipe"))
            process.cpu_percent()
            windows = len(plant.told["pipe"].windows)
            plant.run(scale.runaway_s)
            load = process.cpu_percent()
            heard = len(plant.told["pipe"].windows) - windows
            pace = plant.sources["pipe"].pace
            assert pace is not None
            other = plant.told["mic1"]
    finally:
        pipe.close()
    good = max(noticed_s, returned_s, seen_s) < LIMIT_S and other.unbroken() and load < 50.0
    good = good and heard < 1.5 * scale.runaway_s + 10
    return Found(
        good,
        f"stall told in {noticed_s:.1f} s, heard again in {returned_s:.1f} s; wrong rate sure in {seen_s:.1f} s "
        f"({pace.deviation:+.0%}), then {heard} windows in {scale.runaway_s:g} s at {load:.0f} % of a processor; "
        f"the other lost {0 if other.unbroken() else 'some'} of {len(other.windows)} windows",
    )


def eight_channels(folder: Path, scale: Scale) -> Found:
    """Eight channels of one device feed eight machines, sample for sample."""
    sound = _eight(scale.sound_s)
    pcm = np.round(sound * 32768).astype("<i2")
    hush = np.zeros((RATE_HZ, 8), "<i2")  # a sound server that begins to play swallows the first few samples
    with (
        virtual_microphones(folder, "array", channels=8) as running,
        hall(running.env, "array", channels=8, rate_hz=RATE_HZ) as plant,
    ):
        player = threading.Thread(target=running.play_raw, args=("array", np.concatenate([hush, pcm, hush]).tobytes()))
        player.start()
        plant.until(lambda: not player.is_alive())
        plant.run(2.0)
        told = plant.told["array"].windows
    channels = [
        np.concatenate([window.samples for window in told if window.machine == f"array-{number}"])
        for number in range(8)
    ]
    heard = np.round(np.stack(channels, axis=1) * 32768).astype(np.int32)
    at = _where(heard, pcm[: RATE_HZ // 2])
    same = heard[at : at + len(pcm)] == pcm
    good = len(same) == len(pcm) and bool(same.all())
    return Found(good, f"{np.count_nonzero(same)} of {pcm.size} samples are those of the recording")


def _eight(seconds: float) -> Samples:
    """The first seconds of a real fan on eight microphones; noise where there is no such recording."""
    shared = os.environ.get("MONITOR_TEST_DATA") or Path(__file__).parents[3] / "shared" / "data"
    path = Path(shared).joinpath(*RECORDING)
    if path.is_file():
        recorded: Samples = soundfile.read(path, round(seconds * RATE_HZ), dtype="float32", always_2d=True)[0]
        return recorded
    noise = np.random.default_rng(0).uniform(-0.3, 0.3, (round(seconds * RATE_HZ), 8))
    return noise.astype(np.float32)


def _where(heard: np.ndarray, begin: np.ndarray) -> int:
    """The frame of ``heard`` that a recording begins at."""
    (candidates,) = np.nonzero((heard == begin[0]).all(axis=1))
    return next(int(at) for at in candidates if np.array_equal(heard[at : at + len(begin)], begin))


def resampled(folder: Path, _scale: Scale) -> Found:
    """48 kHz stereo to 16 kHz: 7.75 kHz keeps its level, 12 kHz is gone."""
    times = np.arange(60 * 48_000) / 48_000
    tones = 0.25 * np.stack([np.sin(2 * np.pi * 7750 * times), np.sin(2 * np.pi * 12_000 * times)], axis=1)
    soundfile.write(folder / "tones.wav", tones.astype(np.float32), 48_000, subtype="FLOAT")
    with (
        virtual_microphones(folder, "stereo", rate_hz=48_000, channels=2) as running,
        hall(running.env, "stereo", channels=2, rate_hz=48_000) as plant,
    ):
        running.start_playing("stereo", folder / "tones.wav")
        plant.run(2.0)
        count = len(plant.told["stereo"].windows)
        plant.until(lambda: len(plant.told["stereo"].windows) >= count + 6, PATIENCE_S)
        latest = plant.told["stereo"].windows[count + 2 :]
    left, right = (
        rms_dbfs(np.concatenate([window.samples for window in latest if window.channel == channel]))
        for channel in (0, 1)
    )
    played = 20 * np.log10(0.25) - 3.0103
    good = abs(left - played) < 0.1 and right - played < -100.0
    return Found(good, f"7.75 kHz at {left - played:+.3f} dB, 12 kHz at {right - played:.0f} dB re what was played")
