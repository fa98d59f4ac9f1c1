"""What the service tells systemd: ready, status, still alive, reloading, stopping (sd_notify(3)).

One datagram per message to the AF_UNIX socket named by ``NOTIFY_SOCKET``; silent where there is none, so that the same
daemon runs from a terminal.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping


class Notifier:
    """Sends states to the service manager that started this process, if one did."""

    def __init__(self, address: str | None, watchdog_s: float | None = None) -> None:
        self._address = address
        self.watchdog_s = watchdog_s
        """Seconds within which the service manager wants to hear from us; None without a watchdog."""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Notifier:
        """Read ``NOTIFY_SOCKET``, ``WATCHDOG_USEC`` and ``WATCHDOG_PID`` as sd_watchdog_enabled(3) does."""
        usec = environ.get("WATCHDOG_USEC", "")
        for_us = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        watchdog_s = int(usec) / 1e6 if usec.isdigit() and int(usec) > 0 and for_us else None
        return cls(environ.get("NOTIFY_SOCKET") or None, watchdog_s)

    def ready(self, status: str) -> None:
        """Everything is open and working."""
        self._send(f"READY=1\nSTATUS={_one_line(status)}")

    def status(self, status: str) -> None:
        """One line for `systemctl status`."""
        self._send(f"STATUS={_one_line(status)}")

    def alive(self) -> None:
        """Feed the watchdog; call only while the work really goes on."""
        self._send("WATCHDOG=1")

    def reloading(self, status: str) -> None:
        """The configuration is read again; `ready` ends it, of this process or of the one that takes its place."""
        usec = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._send(f"RELOADING=1\nMONOTONIC_USEC={usec}\nSTATUS={_one_line(status)}")

    def stopping(self, status: str) -> None:
        """A clean stop has begun."""
        self._send(f"STOPPING=1\nSTATUS={_one_line(status)}")

    def _send(self, state: str) -> None:
        if self._address is None:
            return
        # A leading @ names the abstract namespace, which the kernel spells with a NUL byte (unix(7)).
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
            try:
                # Never wait on the service manager: a full socket must not hold up the watchdog's own loop.
                channel.setblocking(False)
                channel.sendto(state.encode(), address)
            except OSError:
                # A manager that is gone or busy misses one status; the next one comes within seconds.
                return


def _one_line(text: str) -> str:
    return " ".join(text.split())
