"""A check that ends in time: what hangs in a driver, a share or a name server is left behind and told."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from monitor.doctor.finding import Finding, fail, note
from monitor.errors import MonitorError

T = TypeVar("T")


class TooSlowError(MonitorError):
    """There was no answer in time."""


def within(limit_s: float, work: Callable[[], T]) -> T:
    """What ``work`` gives, or whatever it raises.

    Its thread does not outlive the program: a call that never returns cannot be ended, only left behind.

    Raises:
        TooSlowError: it took longer than ``limit_s`` seconds.
    """
    answers: queue.Queue[tuple[T | None, Exception | None]] = queue.Queue()

    def run() -> None:
        try:
            answers.put((work(), None))
        except Exception as error:  # noqa: BLE001  re-raised below, on the caller's thread
            answers.put((None, error))

    threading.Thread(target=run, name="check", daemon=True).start()
    try:
        value, error = answers.get(timeout=limit_s)
    except queue.Empty:
        raise TooSlowError(f"no answer within {limit_s:g} s; this check was given up") from None
    if error is not None:
        raise error
    return value  # type: ignore[return-value]  # None only where T is


def checked(name: str, limit_s: float, check: Callable[[], list[Finding]]) -> list[Finding]:
    """The check's findings; whatever goes wrong in it is a finding too, so that the next ones are still made."""
    try:
        return within(limit_s, check)
    except (MonitorError, OSError) as error:
        return [fail(name, str(error) or type(error).__name__)]
    except Exception as error:  # noqa: BLE001  a mistake in one check must not hide the others' results
        return [fail(name, f"the check itself failed: {type(error).__name__}: {error}", "report this as a bug")]


def each(what: str, machines: Sequence[str], limit_s: float, check: Callable[[str], Finding]) -> Iterator[Finding]:
    """The finding of each machine; after one that takes too long the others are not made to wait for the same.

    Args:
        what: is looked at, of each machine.
        machines: their ids.
        limit_s: of one machine.
        check: makes a machine's finding.
    """
    for place, machine in enumerate(machines, start=1):
        started_s = time.monotonic()
        yield from checked(f"{machine} {what}", limit_s, lambda name=machine: [check(name)])  # type: ignore[misc]
        left = len(machines) - place
        if left and time.monotonic() - started_s >= limit_s:
            yield note(what, f"{left} more not looked at after that")
            return
