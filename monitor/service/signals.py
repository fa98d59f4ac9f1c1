"""SIGTERM and SIGINT as data: an event that everything looks at, and the exit code of an ordinary stop at any time."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import NoReturn

SIGNALS = (signal.SIGTERM, signal.SIGINT)
"""What a service manager sends, and Ctrl-C."""


@contextlib.contextmanager
def stop_on_signals(stop: threading.Event) -> Iterator[None]:
    """SIGTERM and SIGINT set ``stop``; the handlers of before return with the context."""

    def end(signum: int, _frame: FrameType | None) -> None:
        del signum
        stop.set()

    with _handled(end):
        yield


@contextlib.contextmanager
def end_on_signals() -> Iterator[None]:
    """SIGTERM and SIGINT end the process here and now with exit code 0: for as long as nothing is open.

    Loading torch takes seconds. An exception from a handler could be taken for a library's own trouble meanwhile.
    """

    def end(signum: int, _frame: FrameType | None) -> NoReturn:
        del signum
        os._exit(0)

    with _handled(end):
        yield


@contextlib.contextmanager
def _handled(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler_before in before.items():
            signal.signal(number, handler_before)
