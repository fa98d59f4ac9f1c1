"""The parent's side of a capture process: begin it, take its blocks, tell when it or its device is dead, end it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from monitor.audio.capture.order import LIST, Order
from monitor.audio.capture.reader import Captured, Reader
from monitor.audio.capture.ring import Field, State
from monitor.audio.devices import SoundDevice
from monitor.errors import DeviceError

CHILD = ("-m", "monitor.audio.capture.child")
"""What Python is to run."""
HOME = str(Path(__file__).parents[3])
"""Where this package lies."""
STALL_S = 5.0
"""No sample for so long is a dead device. A stalled PortAudio stream goes on calling itself active; USB hiccups take
less than two seconds."""
OPEN_S = 10.0
"""Longest wait for the first sample: Python and a sound server take up to a second each, on a busy PC some more."""
DOUBT_S = 0.5
"""A device is given up only when it is still silent so long after it was first found so: this process itself, or the
whole PC, may have stood still, and what was delivered meanwhile be about to come."""
BEAT_LATE_S = 2.0
"""A capture process that has not shown itself for so long stands still: eight of its beats."""
LEAVE_S = 1.0
"""Longest wait for a capture process to let go of its device by itself; one of its beats and closing a stream."""
REAP_S = 0.5
"""Longest wait for a killed process to be gone; one that the kernel holds in a broken driver is looked after later."""
LIST_S = 20.0
"""Longest wait for the list of devices: PortAudio opens each."""

_unreaped: list[tuple[str, subprocess.Popen[bytes]]] = []
"""Killed processes that were not gone in time, each with its device's selector."""


class CaptureProcess:
    """A running capture process and the memory that it fills.

    Args:
        selector: which device.
        channels: how many, from the first.
        rate_hz: capture at this rate; None for the device's own.
        now_s: monotonic seconds.
        program: what Python runs.
    """

    def __init__(
        self, selector: str, channels: int, rate_hz: int | None, now_s: float, program: Sequence[str] = CHILD
    ) -> None:
        self._name = f"microphone {selector}"
        _reap()
        if selector in (held for held, _ in _unreaped):  # another would hang as well, and they would pile up
            raise DeviceError(f"{self._name}: an earlier capture process still hangs in the driver")
        self._selector = selector
        self._began_s = now_s
        self._doubted: tuple[int, float] | None = None
        self.reader = Reader()
        order = Order(selector, channels, rate_hz, self.reader.fd, os.getpid())
        try:
            with _signals_kept_from_children():
                self._process = subprocess.Popen(  # noqa: S603  this very program
                    [sys.executable, *program, order.to_json()],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,  # ALSA talks there, without end where a device is broken
                    pass_fds=(self.reader.fd,),
                    env=_environment(),
                )
        except OSError as error:
            self.reader.close()
            raise DeviceError(f"{self._name}: no process can be started for it ({error})") from None

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    def take(self, now_s: float) -> list[Captured]:
        """The blocks that came since the last time, oldest first.

        Args:
            now_s: monotonic seconds.

        Raises:
            DeviceError: the device or the process is dead, or was never there.
        """
        captured = self.reader.take()
        if captured:
            self._doubted = None
            return captured
        if self.reader.state is State.FAILED:
            raise DeviceError(self.reader.message)
        if self._process.poll() is not None:
            raise DeviceError(f"{self._name}: its capture process has ended ({_ending(self._process.returncode)})")
        self._watch(now_s)
        return []

    def close(self) -> None:
        """Let it close its device and end, or end it."""
        stdin = self._process.stdin
        if stdin is not None:
            with suppress(OSError):
                stdin.close()
        if self._doubted is None:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(LEAVE_S)
        self._process.kill()  # whatever holds it; it has no effect on one that has ended
        try:
            self._process.wait(REAP_S)
        except subprocess.TimeoutExpired:
            _unreaped.append((self._selector, self._process))
        self.reader.close()

    def _watch(self, now_s: float) -> None:
        """Tell death by counting samples: nothing else can be believed."""
        frames = self.reader[Field.FRAMES]
        latest_s = self.reader[Field.ARRIVED_NS] * 1e-9 if frames else self._began_s
        limit_s = STALL_S if frames else OPEN_S
        if now_s - latest_s < limit_s:
            return
        if self._doubted is None or self._doubted[0] != frames:
            self._doubted = frames, now_s
        elif now_s - self._doubted[1] >= DOUBT_S:
            raise DeviceError(self._death(now_s, limit_s))

    def _death(self, now_s: float, limit_s: float) -> str:
        if self.reader.state is State.STARTING:
            return f"{self._name}: PortAudio hangs opening it, no answer in {limit_s:g} s"
        if now_s - self.reader[Field.BEAT_NS] * 1e-9 > BEAT_LATE_S:
            return f"{self._name}: its capture process stands still"
        return f"{self._name}: has delivered nothing for {limit_s:g} s"


def list_devices(limit_s: float = LIST_S) -> tuple[SoundDevice, ...]:
    """Every device with an input, as PortAudio finds them now.

    Args:
        limit_s: PortAudio has so long.

    Raises:
        DeviceError: PortAudio is not installed, fails or hangs.
    """
    try:
        done = subprocess.run(  # noqa: S603  this very program
            [sys.executable, *CHILD, LIST],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=limit_s,
            check=False,
            env=_environment(),
        )
    except subprocess.TimeoutExpired:
        raise DeviceError(f"the sound devices cannot be listed: PortAudio gives no answer in {limit_s:g} s") from None
    try:
        found: Any = json.loads(done.stdout)
    except ValueError:
        raise DeviceError(f"the sound devices cannot be listed ({_ending(done.returncode)})") from None
    if isinstance(found, dict):
        raise DeviceError(found["error"])
    return tuple(SoundDevice.from_dict(one) for one in found)


def _environment() -> dict[str, str]:
    """This process's, and where this very package lies."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (HOME, os.environ.get("PYTHONPATH"))))}


@contextmanager
def _signals_kept_from_children() -> Iterator[None]:
    """What is begun here never gets the signals that a terminal or systemd sends to all: it ends when its parent does.

    Otherwise every stop of the service would begin with the death of its microphones, and an alarm for each.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM, signal.SIGHUP))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _ending(code: int) -> str:
    """How a process ended, in words."""
    try:
        return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
    except ValueError:
        return f"killed by signal {-code}"


def _reap() -> None:
    _unreaped[:] = [(selector, process) for selector, process in _unreaped if process.poll() is None]
