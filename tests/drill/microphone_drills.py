"""The drills of the microphones: each lets one thing go wrong, and counts what every other microphone lost by it."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import soundfile

from monitor.audio.block import Samples
from monitor.audio.level import rms_dbfs
from tests.drill.microphone_hall import PATIENCE_S, hall, residue
from tests.drill.microphone_soak import MOST_GROWTH, SHORT_GROWTH, SPEED, WARM_UP_S, soak
from tests.virtual_microphone import virtual_microphones

FOUR = ("mic1", "mic2", "mic3", "mic4")
LIMIT_S = 15.0
"""A fault is told, and what is mended is heard again, within so long."""
RATE_HZ = 16_000
RECORDING = ("recordings", "mimii_8ch", "fan_normal.flac")


@dataclass(frozen=True)
class Scale:
    """How often and how long."""

    unplugs: int
    alarms: int
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
    unplugs=20, alarms=20, restarts=200, freezes=10, runaway_s=60.0, sound_s=10.0,
    soak_h=6.0, soak_speed=SPEED, soak_devices=8, soak_growth=MOST_GROWTH, warm_up_s=WARM_UP_S,
)  # fmt: skip
SHORT = Scale(
    unplugs=1, alarms=1, restarts=3, freezes=1, runaway_s=2.0, sound_s=2.0,
    soak_h=0.01, soak_speed=10.0, soak_devices=2, soak_growth=SHORT_GROWTH, warm_up_s=100.0,
)  # fmt: skip


@dataclass(frozen=True)
class Found:
    """One drill's outcome."""

    good: bool
    figures: str


def unplugged(folder: Path, scale: Scale) -> Found:
    """One of four microphones unplugged and plugged in again."""
    noticed, returned = [], []
    with (
        virtual_microphones(_folder(folder, "others"), *FOUR[1:]) as three,
        virtual_microphones(_folder(folder, "one"), FOUR[0], also=three.alsa) as running,
        hall(running.env, *FOUR) as plant,
    ):
        for _ in range(scale.unplugs):
            out_s = time.monotonic()
            running.unplug("mic1")
            noticed.append(plant.failed("mic1") - out_s)
            plant.run(2.0)
            in_s = time.monotonic()
            running.plug("mic1")
            returned.append(plant.back("mic1") - in_s)
            plant.run(1.0)
        others = [plant.told[name] for name in FOUR[1:]]
    windows = sum(len(told.windows) for told in others)
    good = max(noticed) < LIMIT_S and max(returned) < LIMIT_S and all(told.unbroken() for told in others)
    return Found(
        good,
        f"{scale.unplugs} times; told within {max(noticed):.1f} s, heard again within {max(returned):.1f} s; "
        f"the others lost {sum(not told.unbroken() for told in others)} of {windows} windows",
    )


def _folder(folder: Path, name: str) -> Path:
    path = folder / name
    path.mkdir()
    return path


def alarmed(folder: Path, scale: Scale) -> Found:
    """The same in the daemon: the microphone alarm comes and goes, and no other machine knows of it."""
    from tests.drill.microphone_daemon import cycles, trained  # torch: the other drills do without

    came, went, windows, missing, others = cycles(folder, scale.alarms, trained(folder))
    good = max(came) < LIMIT_S and max(went) < LIMIT_S and missing == 0 and not others
    return Found(
        good,
        f"{scale.alarms} times; alarm within {max(came):.1f} s, over within {max(went):.1f} s of the return; "
        f"the others lost {missing} of {sum(windows.values())} windows; other alarms: {', '.join(others) or 'none'}",
    )


def killed(folder: Path, scale: Scale) -> Found:
    """Capture processes of three of four microphones killed (-9) again and again."""
    away, count = [], 0
    with virtual_microphones(folder, *FOUR) as running:
        with hall(running.env, *FOUR) as plant:
            before = residue()
            while count < scale.restarts:
                begun_s = time.monotonic()
                opened = {name: len(plant.told[name].opened) for name in FOUR[:3]}
                for name in FOUR[:3]:
                    os.kill(plant.pid(name), signal.SIGKILL)
                count += 3
                back_s = plant.until(
                    lambda opened=opened: all(len(plant.told[name].opened) > n for name, n in opened.items())  # type: ignore[misc]
                )
                away.append(back_s - begun_s)
            after = residue()
            fourth = plant.told["mic4"]
        left = residue()
    nothing_left = left["children"] == before["children"] - len(FOUR) and left["memories"] == 0
    good = max(away) < LIMIT_S and before == after and fourth.unbroken() and nothing_left
    return Found(
        good,
        f"{count} restarts; heard again within {max(away):.1f} s; the fourth lost "
        f"{0 if fourth.unbroken() else 'some'} of {len(fourth.windows)} windows; before {before}, after {after}",
    )


def frozen(folder: Path, scale: Scale) -> Found:
    """Capture process of one of four microphones stopped (SIGSTOP)."""
    noticed, away = [], []
    with virtual_microphones(folder, *FOUR) as running, hall(running.env, *FOUR) as plant:
        for _ in range(scale.freezes):
            begun_s = time.monotonic()
            os.kill(plant.pid("mic1"), signal.SIGSTOP)
            noticed.append(plant.failed("mic1") - begun_s)
            away.append(plant.back("mic1") - begun_s)
        left = residue()
        said = {text for _, text in plant.told["mic1"].faults}
        others = [plant.told[name] for name in FOUR[1:]]
    good = (
        max(away) < LIMIT_S
        and left["zombies"] == 0
        and said == {"microphone mic1: its capture process stands still"}
        and all(told.unbroken() for told in others)
    )
    return Found(
        good,
        f"{scale.freezes} times; told within {max(noticed):.1f} s, heard again within {max(away):.1f} s; "
        f"{left['zombies']} zombies; the others lost {sum(not told.unbroken() for told in others)} windows",
    )


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
    """48 kHz stereo to 16 kHz: 1 kHz keeps its level, 12 kHz is gone."""
    times = np.arange(60 * 48_000) / 48_000
    tones = 0.25 * np.stack([np.sin(2 * np.pi * 1000 * times), np.sin(2 * np.pi * 12_000 * times)], axis=1)
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
    good = abs(left - played) < 0.1 and right - played < -60.0
    return Found(good, f"1 kHz at {left - played:+.3f} dB, 12 kHz at {right - played:.0f} dB re what was played")


def soaked(_folder: Path, scale: Scale) -> Found:
    """Hours of microphones in minutes: nothing grows and nothing is lost."""
    found = soak(scale.soak_h, scale.soak_speed, scale.soak_devices, scale.warm_up_s)
    return Found(found.good(scale.soak_growth), str(found))


Drill = Callable[[Path, Scale], Found]
DRILLS: tuple[Drill, ...] = (unplugged, alarmed, killed, frozen, stalled_and_runaway, eight_channels, resampled, soaked)
