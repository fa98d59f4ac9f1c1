"""Whether a daemon runs on a state directory: it holds the lock beside its database for as long as it lives."""

from __future__ import annotations

import fcntl
from pathlib import Path

from monitor.doctor.finding import Finding, fail, note, ok


def running(lock: Path) -> bool | None:
    """Whether a process holds the lock now; None when this user may not look.

    Asked by a shared lock that is given back at once. A daemon that runs keeps its own; one that starts within these
    microseconds would find the directory in use, and systemd starts it again.
    """
    try:
        with lock.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    except OSError:
        return None
    return False


def finding(is_running: bool | None, state_dir: Path, *, installed: bool) -> Finding:  # noqa: FBT001  three answers
    """The answer as a finding.

    Args:
        is_running: as `running` says.
        state_dir: where.
        installed: whether the service is, so that systemd starts it.
    """
    if is_running is None:
        return note("daemon", f"this user may not see whether one runs on {state_dir}", "sudo monitor doctor")
    if is_running:
        return ok("daemon", f"one runs on {state_dir}")
    start = (
        "sudo systemctl start monitor; journalctl -u monitor -n 50 says why it ended" if installed else "monitor run"
    )
    return fail("daemon", f"none runs on {state_dir}: nothing is listened to", start)
