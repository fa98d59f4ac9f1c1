"""Signals as data: events that everything looks at, and the exit code of an ordinary stop at any time."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from types import FrameType
from typing import NoReturn

STOPS = (signal.SIGTERM, signal.SIGINT)
"""What a service manager sends, and Ctrl-C."""
RELOAD = signal.SIGHUP
"""What `systemctl reload` sends."""


@contextlib.contextmanager
def stop_on_signals(stop: threading.Event, reload: threading.Event | None = None) -> Iterator[None]:
    """SIGTERM and SIGINT set ``stop``, SIGHUP ``reload`` if given; the handlers of before return with the context.

    A SIGHUP that `hold_reloads` kept is let through; those that come after the context are held again.
    """
    handlers: dict[signal.Signals, Callable[[int, FrameType | None], None]]
    handlers = dict.fromkeys(STOPS, lambda _signum, _frame: stop.set())
    if reload is not None:
        handlers[RELOAD] = lambda _signum, _frame: reload.set()
    with _handled(handlers):
        if reload is not None:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {RELOAD})
        try:
            yield
        finally:
            if reload is not None:
                hold_reloads()


@contextlib.contextmanager
def end_on_signals() -> Iterator[None]:
    """SIGTERM and SIGINT end the process here and now with exit code 0: for as long as nothing is open.

    Loading torch takes seconds. An exception from a handler could be taken for a library's own trouble meanwhile.
    """

    def end(signum: int, _frame: FrameType | None) -> NoReturn:
        del signum
        os._exit(0)

    with _handled(dict.fromkeys(STOPS, end)):
        yield


def hold_reloads() -> None:
    """Keep a SIGHUP until something can be done about it, also while one process takes another's place.

    The mask and what is pending outlive execve(2), which handlers do not; by itself the signal would end the process.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, {RELOAD})


@contextlib.contextmanager
def _handled(handlers: Mapping[signal.Signals, Callable[[int, FrameType | None], None]]) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler_before in before.items():
            signal.signal(number, handler_before)
