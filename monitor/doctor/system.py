"""The computer: the service's unit under systemd, and whether its clock is right."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from pathlib import Path

from monitor.doctor.finding import Finding, fail, note, ok

UNIT = "monitor"
SYSTEMD = Path("/run/systemd/system")
"""There exactly when systemd is what was booted: sd_booted(3)."""
ASK_S = 3.0
"""systemctl answers in milliseconds unless systemd itself hangs."""
TIMEX_BYTES = 512
"""More than the kernel's `struct timex` (208 bytes); its first number, `modes`, is 0: read only."""
TIME_ERROR = 5
"""adjtimex(2): the clock is not synchronised."""


def unit() -> Finding | None:
    """The unit's state; None where systemd does not run or does not know the unit."""
    systemctl = _systemctl()
    if systemctl is None:
        return None
    try:
        active, enabled = _ask(systemctl, "is-active"), _ask(systemctl, "is-enabled")
    except (OSError, subprocess.TimeoutExpired):
        return note("service", f"systemctl gives no answer within {ASK_S:g} s")
    return unit_finding(active, enabled)


def unit_finding(active: str, enabled: str) -> Finding | None:
    """What `systemctl is-active` and `is-enabled` say, as a finding; None when there is no such unit."""
    if enabled in {"", "not-found"} and active in {"inactive", "unknown", ""}:
        return None
    detail = f"unit {UNIT} is {active} and {enabled or 'not installed'}"
    if active not in {"active", "reloading"}:
        return fail("service", detail, f"journalctl -u {UNIT} -n 50; sudo systemctl restart {UNIT}")
    if enabled != "enabled":
        return note("service", f"{detail}: it does not start with the computer", f"sudo systemctl enable {UNIT}")
    return ok("service", detail)


def _systemctl() -> str | None:
    """The command, where systemd runs."""
    return shutil.which("systemctl") if SYSTEMD.is_dir() else None


def _ask(systemctl: str, *question: str) -> str:
    command = [systemctl, *question, UNIT]
    done = subprocess.run(command, capture_output=True, text=True, timeout=ASK_S, check=False)  # noqa: S603
    return done.stdout.strip()


def unit_user() -> str | None:
    """`User=` of the installed unit; None where there is none, or systemd does not say."""
    systemctl = _systemctl()
    if systemctl is None:
        return None
    try:
        return _ask(systemctl, "show", "--property=User", "--value") or None
    except (OSError, subprocess.TimeoutExpired):
        return None


def clock() -> Finding:
    """Whether the kernel holds its clock for synchronised; alarms come all the same, with wrong times."""
    try:
        state = int(ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.create_string_buffer(TIMEX_BYTES)))
    except (OSError, AttributeError):
        state = -1
    return clock_finding(state)


def clock_finding(state: int) -> Finding:
    """What adjtimex(2) returns, as a finding."""
    if state < 0:
        return note("clock", "the kernel does not say whether it is synchronised")
    if state == TIME_ERROR:
        detail = "not synchronised: the times of alarms may be wrong"
        return note("clock", detail, "sudo timedatectl set-ntp true; without internet, name the plant's time server")
    return ok("clock", "synchronised")
