"""Find the recordings that a user names by file, folder or pattern."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

SUFFIXES = (".wav", ".wave", ".flac", ".rf64", ".w64", ".aif", ".aiff", ".caf")
"""Lossless formats taken from a folder, in any case of letters; a file named outright may have any suffix."""


@dataclass(frozen=True, slots=True)
class RecordingSet:
    """The recordings found, and one line for each name that led to none."""

    files: tuple[Path, ...]
    """In the order of the names given, sorted within a folder or pattern, each file once."""
    problems: tuple[str, ...] = ()


def find_recordings(patterns: Sequence[str | Path]) -> RecordingSet:
    """Every recording that the names stand for; files are not opened yet.

    Args:
        patterns: files, folders (searched at any depth, links followed, hidden files passed over) and patterns
            (``*``, ``?``, ``[...]``, ``**``) of either.
    """
    files: dict[Path, None] = {}
    problems: list[str] = []
    for pattern in patterns:
        matches = _matches(str(pattern))
        if not matches:
            missing = "nothing matches this pattern" if glob.has_magic(str(pattern)) else "no such file or folder"
            problems.append(f"{pattern}: {missing}")
        for match in matches:
            found = sorted(_in_folder(match)) if match.is_dir() else [match]
            if not found:
                problems.append(f"{match}: no recordings in this folder (looked for {' '.join(SUFFIXES)})")
            files.update(dict.fromkeys(found))
    return RecordingSet(tuple(files), tuple(problems))


def _matches(pattern: str) -> list[Path]:
    path = Path(pattern).expanduser()
    if path.exists():  # a name that exists is meant as it stands, even with a bracket in it
        return [path]
    wanted = (*SUFFIXES, path.suffix.lower())  # "*.mp3" asks for them, "*" does not
    found = (Path(match) for match in sorted(glob.glob(str(path), recursive=True)))  # noqa: PTH207  takes absolute ones
    return [match for match in found if match.is_dir() or (match.suffix and match.suffix.lower() in wanted)]


def _in_folder(folder: Path) -> Iterator[Path]:
    seen = set()
    for root, folders, names in os.walk(folder, followlinks=True):
        real = Path(root).resolve()
        if real in seen:  # a link that leads back up
            folders.clear()
            continue
        seen.add(real)
        folders[:] = [name for name in folders if not name.startswith(".")]
        # hidden files are unfinished recordings of our own, and macOS leaves a "._x.wav" beside each x.wav it copies
        yield from (Path(root, name) for name in names if _is_recording(name))


def _is_recording(name: str) -> bool:
    return not name.startswith(".") and name.lower().endswith(SUFFIXES)
