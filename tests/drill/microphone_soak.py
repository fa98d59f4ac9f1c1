"""Hours of eight microphones in minutes: memory, open files and threads must not grow. ``--hours H``, ``--speed S``."""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).parents[2]))

from monitor.audio.capture import process
from monitor.audio.microphone import MicrophoneSource
from monitor.audio.source import MODEL_RATE_HZ
from monitor.audio.windows import WindowSpec
from monitor.service.ears import Ear

CHILD = Path(__file__).with_name("microphone_fast_child.py")
DEVICES = 8
SPEED = 40.0
"""Times real time: two processors keep up with eight devices at twice that."""
WARM_UP_S = 600.0
"""Of the microphones' own time: every block of every ring has been used, and every buffer has its size."""
MOST_GROWTH = 0.02
SHORT_GROWTH = 0.05
"""In seconds instead of minutes the allocators have not filled their arenas: 2 to 3 % were seen. A leak of every block
that is read would be 4.6 MB of 80 by then."""
TURN_S = 0.02
TEN = 10 * MODEL_RATE_HZ
"""A window."""


class FastClock:
    """Both clocks, ``speed`` times as fast."""

    def __init__(self, speed: float) -> None:
        self.speed = speed
        self.base_s = time.monotonic()
        self._utc_s = time.time()

    def monotonic(self) -> float:
        return self.base_s + (time.monotonic() - self.base_s) * self.speed

    def time(self) -> float:
        return self._utc_s + self.monotonic() - self.base_s


@dataclass(frozen=True)
class Use:
    """What this process and its capture processes hold."""

    memory: int
    """Bytes that are theirs alone; of the rings, those that they share, once."""
    files: int
    threads: int
    processes: int

    @classmethod
    def now(cls) -> Use:
        """As it is."""
        me = psutil.Process()
        all_of_them = [me, *me.children(recursive=True)]
        return cls(
            memory=sum(process.memory_full_info().pss for process in all_of_them),
            files=sum(process.num_fds() for process in all_of_them),
            threads=sum(process.num_threads() for process in all_of_them),
            processes=len(all_of_them),
        )


@dataclass(frozen=True)
class Soaked:
    """The outcome."""

    hours: float
    """Of the microphones' time."""
    devices: int
    windows: int
    lost: int
    before: Use
    after: Use

    def __str__(self) -> str:
        before, after = self.before, self.after
        return (
            f"{self.devices} devices, {self.hours:g} h of their time: {self.windows} windows, {self.lost} lost; memory "
            f"{before.memory / 1e6:.1f} -> {after.memory / 1e6:.1f} MB ({self.growth:+.2%}); files {before.files} -> "
            f"{after.files}; threads {before.threads} -> {after.threads}"
        )

    @property
    def growth(self) -> float:
        """Share by which memory has grown since the warm-up."""
        return self.after.memory / self.before.memory - 1.0

    def good(self, most_growth: float = MOST_GROWTH) -> bool:
        """Whether nothing grew, memory by no more than that share, and nothing was lost."""
        held = ("files", "threads", "processes")
        same = all(getattr(self.before, name) == getattr(self.after, name) for name in held)
        whole = self.lost == 0 and self.windows >= self.devices * (self.hours * 360 - 2)
        return self.growth < most_growth and same and whole


@contextmanager
def patience(speed: float) -> Iterator[None]:
    """Deadlines of real time, whatever the devices' own."""
    before = process.STALL_S, process.OPEN_S
    process.STALL_S, process.OPEN_S = before[0] * speed, before[1] * speed * 3
    try:
        yield
    finally:
        process.STALL_S, process.OPEN_S = before


def soak(hours: float, speed: float = SPEED, devices: int = DEVICES, warm_up_s: float = WARM_UP_S) -> Soaked:
    """Listen to so many devices for so many hours of their time."""
    clock = FastClock(speed)
    program = (str(CHILD), str(speed), str(clock.base_s))
    ears = [
        Ear(f"mic{n}", MicrophoneSource(f"mic{n}", 1, None, clock, program), (WindowSpec(f"m{n}", 0, TEN, TEN),))
        for n in range(devices)
    ]
    windows = lost = 0
    before: Use | None = None
    silent = {ear.name for ear in ears}
    began_s = clock.monotonic()
    with contextlib.ExitStack() as stack:
        stack.enter_context(patience(speed))
        for ear in ears:
            stack.callback(ear.close)
        while (passed_s := clock.monotonic() - began_s) < warm_up_s + hours * 3600:
            for ear in ears:
                heard = ear.hear(clock.time())
                assert heard.fault is None, heard.fault
                if heard.opened:
                    silent.remove(ear.name)
                if before is not None:
                    windows += len(heard.windows)
                    lost += sum(window.lost for window in heard.windows)
            if silent:
                began_s = clock.monotonic()
            elif before is None and passed_s > warm_up_s:
                before = Use.now()
            time.sleep(TURN_S)
        after = Use.now()
    assert before is not None
    return Soaked(hours, devices, windows, lost, before, after)


def main() -> int:
    """0 when it held."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=6.0)
    parser.add_argument("--speed", type=float, default=SPEED)
    options = parser.parse_args()
    began_s = time.monotonic()
    found = soak(options.hours, options.speed)
    minutes = (time.monotonic() - began_s) / 60
    print(f"{found}; {minutes:.1f} min; {'held' if found.good() else 'DID NOT HOLD'}")
    return 0 if found.good() else 1


if __name__ == "__main__":
    sys.exit(main())
