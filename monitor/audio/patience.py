"""Call PortAudio without being held by it for ever: on a device that has frozen, opening and closing never return."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from monitor.errors import DeviceError

T = TypeVar("T")

_hung: list[threading.Thread] = []
"""Calls that have not come back in time. PortAudio is not made for a second call beside one, so there is none until
the last of these has returned."""


class _Call(Generic[T]):
    """One call in a thread of its own, which is left behind when it takes too long."""

    def __init__(self, name: str, call: Callable[[], T], undo: Callable[[T], object] | None) -> None:
        self.name = name
        self._call = call
        self._undo = undo
        self._lock = threading.Lock()
        self._results: list[T] = []
        self._errors: list[Exception] = []
        self._abandoned = False
        self.thread = threading.Thread(target=self._run, name=name, daemon=True)

    def result(self, limit_s: float) -> T:
        """What the call returned or raised.

        Raises:
            DeviceError: it has not come back within ``limit_s``.
        """
        self.thread.start()
        self.thread.join(limit_s)
        with self._lock:
            self._abandoned = not self._results and not self._errors
        if self._abandoned:
            _hung.append(self.thread)
            raise DeviceError(f"PortAudio hangs {self.name}: no answer in {limit_s:g} s")
        if self._errors:
            raise self._errors[0]
        return self._results[0]

    def _run(self) -> None:
        try:
            result = self._call()
        except Exception as error:  # noqa: BLE001  handed over to the thread that asked
            with self._lock:
                self._errors.append(error)
            return
        with self._lock:
            self._results.append(result)
            late = self._abandoned
        if late and self._undo is not None:
            self._undo(result)


def patiently(name: str, call: Callable[[], T], limit_s: float, undo: Callable[[T], object] | None = None) -> T:
    """What ``call`` returns, if it does within a time.

    Args:
        name: what it does, as in "opening mic1".
        call: runs in a thread of its own.
        limit_s: seconds to wait for it.
        undo: is given the result if it comes too late.

    Raises:
        DeviceError: it has not come back in time, or an earlier call has not yet.
    """
    if hung():
        raise DeviceError(
            f"PortAudio still hangs {_hung[0].name}; it can do nothing else until the program is restarted"
        )
    return _Call(name, call, undo).result(limit_s)


def hung() -> bool:
    """True while a call has not come back."""
    _hung[:] = [thread for thread in _hung if thread.is_alive()]
    return bool(_hung)
