"""Which recordings are of one session: files that `monitor record` wrote one after another."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

MOST_APART_S = 600.0
"""Recordings that begin later than this after the end of the one before are of another session, seconds: gaps in the
sound are seconds long, while whoever comes back after ten minutes has another moment of the machine's day."""

_FORMAT = "%Y%m%dT%H%M%S.%f"
_NAME = re.compile(r".*-(\d{8}T\d{6}\.\d{3})Z")


def file_stem(name: str, start_s: float) -> str:
    """A recording's name without its suffix: ``name`` and the UTC of its first sample (POSIX seconds) to the ms."""
    return f"{name}-{datetime.fromtimestamp(start_s, UTC).strftime(_FORMAT)[:-3]}Z"


def start_of(path: Path) -> float | None:
    """When a recording begins, POSIX seconds, by the name that `file_stem` gave it; None for another name."""
    found = _NAME.fullmatch(path.stem)
    if found is None:
        return None
    try:
        return datetime.strptime(found[1], _FORMAT).replace(tzinfo=UTC).timestamp()
    except ValueError:  # figures that are no date
        return None


def of_one_session(paths: Sequence[Path], seconds: Sequence[float]) -> bool:
    """Whether the names say that the recordings followed one another; other names than `file_stem`'s say nothing.

    Args:
        paths: recordings.
        seconds: length of each.
    """
    starts = [start_of(path) for path in paths]
    spans = sorted((start, start + length) for start, length in zip(starts, seconds, strict=True) if start is not None)
    if len(spans) < max(2, len(paths)):
        return False
    return all(start - end <= MOST_APART_S for (_, end), (start, _) in itertools.pairwise(spans))
