"""What a running process uses, from /proc."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Usage:
    """At one moment."""

    at_s: float
    """Monotonic seconds."""
    processor_s: float
    """User and system time of all threads so far."""
    resident: int
    """Bytes."""


def usage(pid: int) -> Usage:
    """Of a process that is running."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ticks = int(fields[11]) + int(fields[12])  # utime and stime, proc(5); counted after the name's bracket
    resident = int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return Usage(time.monotonic(), ticks / os.sysconf("SC_CLK_TCK"), resident)


def usage_here() -> Usage:
    """Of this process."""
    return usage(os.getpid())
