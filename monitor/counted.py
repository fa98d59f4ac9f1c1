"""Numbers of things, and their names, as a person writes them."""

from __future__ import annotations

from collections.abc import Sequence


def counted(number: int, thing: str) -> str:
    """A number with its thing, whose plural ends in s.

    >>> counted(1, "recording"), counted(0, "file")
    ('1 recording', '0 files')
    """
    return f"{number} {thing}" + ("" if number == 1 else "s")


def first_names(names: Sequence[str], most: int) -> str:
    """The first names on one line, at most so many; more are no help on it.

    >>> first_names(["a", "b", "c"], 2)
    'a, b, ...'
    """
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")
