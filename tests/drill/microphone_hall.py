"""A hall of virtual microphones for the drills: ears on real capture processes, turned as the daemon turns them."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import psutil

from monitor.audio.microphone import MicrophoneSource
from monitor.audio.source import MODEL_RATE_HZ
from monitor.audio.windows import Window, WindowSpec
from monitor.service.ears import Ear

TURN_S = 0.05
"""As the daemon."""
PATIENCE_S = 60.0
"""For whatever is waited for, on a busy machine."""


@dataclass
class Told:
    """What one ear has told, with the monotonic time of it."""

    windows: list[Window] = field(default_factory=list, repr=False)
    opened: list[float] = field(default_factory=list)
    faults: list[tuple[float, str]] = field(default_factory=list)

    def unbroken(self) -> bool:
        """Whether no window was lost, cut short or left out since it was opened, once."""
        starts = [window.start_s for window in self.windows]
        steps = [after - before for before, after in itertools.pairwise(starts)]
        whole = not any(window.lost for window in self.windows)
        return whole and not self.faults and len(self.opened) == 1 and all(abs(step - 1.0) < 0.1 for step in steps)


class Hall:
    """Some ears in one thread.

    Args:
        selectors: a microphone each; its windows are of a second.
        channels: of each.
        rate_hz: capture at this rate; None for the device's own.
    """

    def __init__(self, *selectors: str, channels: int = 1, rate_hz: int | None = None) -> None:
        self.sources = {name: MicrophoneSource(name, channels, rate_hz) for name in selectors}
        second = MODEL_RATE_HZ
        self.ears = {
            name: Ear(name, source, tuple(WindowSpec(f"{name}-{c}", c, second, second) for c in range(channels)))
            for name, source in self.sources.items()
        }
        self.told = {name: Told() for name in selectors}

    def turn(self) -> None:
        """Hear every ear once."""
        for name, ear in self.ears.items():
            heard = ear.hear(time.time())
            told = self.told[name]
            told.windows.extend(heard.windows)
            if heard.opened:
                told.opened.append(time.monotonic())
            if heard.fault is not None:
                told.faults.append((time.monotonic(), heard.fault))
        time.sleep(TURN_S)

    def run(self, seconds: float) -> None:
        """Turn for so long."""
        self.until(lambda: False, seconds, required=False)

    def until(self, true: Callable[[], bool], seconds: float = PATIENCE_S, *, required: bool = True) -> float:
        """Turn until something is so; gives the monotonic time."""
        end_s = time.monotonic() + seconds
        while not true() and time.monotonic() < end_s:
            self.turn()
        assert true() or not required, f"not so within {seconds:g} s: {self.told}"
        return time.monotonic()

    def all_open(self) -> None:
        """Turn until every ear hears something."""
        self.until(lambda: all(told.opened for told in self.told.values()))

    def back(self, name: str) -> float:
        """Turn until an ear that failed hears again; gives the monotonic time."""
        count = len(self.told[name].opened)
        return self.until(lambda: len(self.told[name].opened) > count)

    def failed(self, name: str) -> float:
        """Turn until an ear fails; gives the monotonic time."""
        count = len(self.told[name].faults)
        return self.until(lambda: len(self.told[name].faults) > count)

    def pid(self, name: str) -> int:
        """An ear's capture process."""
        pid = self.sources[name].pid
        assert pid is not None
        return pid

    def close(self) -> None:
        """Let go of every device."""
        for ear in self.ears.values():
            ear.close()


@contextmanager
def hall(env: Mapping[str, str], *selectors: str, channels: int = 1, rate_hz: int | None = None) -> Iterator[Hall]:
    """A hall whose every microphone is heard, in the environment of its sound server."""
    before = dict(os.environ)
    os.environ.update(env)
    opened = Hall(*selectors, channels=channels, rate_hz=rate_hz)
    try:
        opened.all_open()
        yield opened
    finally:
        opened.close()
        os.environ.clear()
        os.environ.update(before)


def residue() -> dict[str, int]:
    """What a process can leave behind: children, zombies among them, open files, shared memory, threads."""
    me = psutil.Process()
    children = me.children(recursive=True)
    links = [os.path.realpath(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")]  # noqa: PTH208
    return {
        "children": len(children),
        "zombies": sum(child.status() == psutil.STATUS_ZOMBIE for child in children),
        "files": me.num_fds(),
        "memories": sum("monitor-capture" in link for link in links),
        "named memories": len(os.listdir("/dev/shm")),  # noqa: PTH208
        "threads": me.num_threads(),
    }
