"""Whether the service's user may read a file, seen from root, who may read all; decided on stat results alone."""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class User:
    """Whom the service runs as."""

    name: str
    number: int
    groups: Collection[int]


@dataclass(frozen=True, slots=True)
class Place:
    """A file or folder, as stat(2) has it."""

    path: Path
    owner: int
    group: int
    mode: int


def obstacle(user: User, way: Sequence[Place]) -> Path | None:
    """The first on the ``way`` to a file, the file itself last, that keeps the user from reading it; None: it can.

    Mode bits alone: an access control list can allow more, and its mask shows in the group's bits.
    """
    if user.number == 0:
        return None
    for place in way:
        needed = stat.S_IXOTH if stat.S_ISDIR(place.mode) else stat.S_IROTH
        if place.owner == user.number:
            needed <<= 6
        elif place.group in user.groups:
            needed <<= 3
        if not place.mode & needed:
            return place.path
    return None


def way_to(path: Path) -> tuple[Place, ...]:
    """Every folder from the root to the file, and the file; links are followed.

    Raises:
        OSError: one of them cannot be looked at.
    """
    real = path.resolve(strict=True)
    return tuple(_place(each) for each in (*reversed(real.parents), real))


def _place(path: Path) -> Place:
    found = path.stat()
    return Place(path, found.st_uid, found.st_gid, found.st_mode)


def service_user(named: str | None, state_dir: Path) -> User | None:
    """The user of the unit, else the owner of the state directory; None when neither is known here.

    Args:
        named: `User=` of the installed unit; None without one.
        state_dir: where it writes.
    """
    try:
        entry = pwd.getpwnam(named) if named else pwd.getpwuid(state_dir.stat().st_uid)
    except (KeyError, OSError):
        return None
    return User(entry.pw_name, entry.pw_uid, frozenset(os.getgrouplist(entry.pw_name, entry.pw_gid)))


def unreadable(user: User, files: Iterable[Path]) -> tuple[Path, Path] | None:
    """The first file that the user cannot read, and what keeps him from it; None when he can read them all."""
    for file in files:
        try:
            closed = obstacle(user, way_to(file))
        except OSError:
            continue  # that it is missing is told by who reads it
        if closed is not None:
            return file, closed
    return None
