"""The broker's password and the state directory, as the user who runs this sees them."""

from __future__ import annotations

import os
import pwd
import shutil
from dataclasses import dataclass
from pathlib import Path

from monitor.config import Config
from monitor.config.secret import CREDENTIALS_ENV, find_secret, read_password
from monitor.doctor.finding import Finding, fail, note, ok
from monitor.errors import ConfigurationError

CREDSTORE = Path("/etc/credstore")
"""Where systemd finds what LoadCredential= names; usually for root alone."""

SPARE_MB = 100
"""Room for the database when its outbox is full, its log and the clip of an alarm: less, and events may be lost."""
LITTLE_MB = 1000
"""Room for the clips that are kept by default (`evidence.max_mb`)."""


@dataclass(frozen=True, slots=True)
class Password:
    """The broker's password, as far as this user may know it."""

    finding: Finding
    value: str | None = None
    known: bool = True
    """Whether the service's password is `value`; otherwise nothing can be tried with it."""


def broker_password(config: Config) -> Password:
    """The password that the service would send, also where systemd alone hands it to the service."""
    name = config.mqtt.password_file
    try:
        value = config.mqtt_password()
    except ConfigurationError as error:
        return _of_systemd(name, config.folder) or Password(fail("password", str(error), _remedy(name)), known=False)
    if value is None:
        return Password(ok("password", "none is configured"))
    where = config.mqtt.password_env if name is None else str(find_secret(name, config.folder))
    return Password(ok("password", f"{where} can be read"), value)


def _of_systemd(name: str | None, folder: Path) -> Password | None:
    """The password as one of systemd's credentials; None when it cannot be one."""
    if name is None or "/" in name or os.environ.get(CREDENTIALS_ENV) or (folder / name).exists():
        return None
    stored = CREDSTORE / name
    try:
        value = read_password("mqtt", str(stored), None, folder)
    except ConfigurationError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            return None
        if isinstance(error.__cause__, PermissionError):
            detail = f"{stored} is for root and the service: this user cannot tell whether it is right"
            return Password(note("password", detail, "sudo monitor doctor"), known=False)
        return Password(fail("password", str(error)), known=False)
    return Password(ok("password", f"{stored} can be read, which systemd hands to the service"), value)


def _remedy(name: str | None) -> str:
    if name is None:
        return "set the variable where monitor is started"
    return f"write the password into the file, readable by the service's user (for the unit: {CREDSTORE}, by root)"


def state_directory(folder: Path) -> list[Finding]:
    """Whether it is there and can be written, and how much room its disk has; nothing is written to find out."""
    name = "state directory"
    try:
        owner_id = folder.stat().st_uid
    except FileNotFoundError:
        make = f"sudo install -d -o monitor -g monitor -m 750 {folder}; systemd makes /var/lib/monitor by itself"
        return [fail(name, f"{folder} does not exist", make)]
    except PermissionError:
        return [note(name, f"{folder} is not for this user to look into", "sudo monitor doctor")]
    if not folder.is_dir():
        return [fail(name, f"{folder} is not a folder", "name another one as state_dir in the configuration")]
    return [_writable(folder, owner_id), _room(folder)]


def _writable(folder: Path, owner_id: int) -> Finding:
    owner, mine = _user(owner_id), owner_id == os.geteuid()
    if os.access(folder, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids):
        if mine:
            return ok("state directory", f"{folder} can be written")
        told = f"{folder} can be written by this user ({_user(os.geteuid())}), and belongs to {owner}"
        return note("state directory", told, f"to see it as its owner does: sudo -u {owner} monitor doctor")
    if mine or os.geteuid() == 0:
        remedy = f"chmod u+rwx {folder}; is its disk mounted read-only? findmnt -T {folder}"
        return fail("state directory", f"{folder} of {owner} cannot be written", remedy)
    told = f"{folder} belongs to {owner} and cannot be written by this user ({_user(os.geteuid())})"
    return note("state directory", told, f"sudo -u {owner} monitor doctor")


def _room(folder: Path) -> Finding:
    return room_finding(folder, shutil.disk_usage(folder).free // 1_000_000)


def room_finding(folder: Path, free_mb: int) -> Finding:
    """Whether so many free megabytes are enough."""
    free = f"{free_mb} MB are free under {folder}"
    if free_mb < SPARE_MB:
        return fail("disk", f"{free}, {SPARE_MB} are needed", "free some: du -xh / | sort -h | tail -20")
    if free_mb < LITTLE_MB:
        return note("disk", f"{free}: little for the sound kept of alarms", "free some, or lower evidence.max_mb")
    return ok("disk", free)


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)
