"""Whether a folder can be written to, found out before long work and not after it."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from monitor.errors import MonitorError


def refuse_unwritable(folder: Path, error: type[MonitorError]) -> None:
    """Make a folder in ``folder``, which may not be there yet, and take it away again: nothing is left behind.

    Args:
        folder: that will be written to.
        error: what is raised; names the folder and the reason.

    Raises:
        MonitorError: of the kind ``error``; it cannot be written to.
    """
    trial = folder / f".trial.{os.getpid()}"
    try:
        made = [path for path in (trial, folder, *folder.parents) if not path.exists()]
        trial.mkdir(parents=True)
    except OSError as problem:
        raise error(f"{folder}: cannot be written: {problem.strerror}") from problem
    with contextlib.suppress(OSError):  # someone else has begun to use it
        for path in made:
            path.rmdir()
