"""Numbers of things as a person writes them."""

from __future__ import annotations


def counted(number: int, thing: str) -> str:
    """A number with its thing, whose plural ends in s.

    >>> counted(1, "recording"), counted(0, "file")
    ('1 recording', '0 files')
    """
    return f"{number} {thing}" + ("" if number == 1 else "s")
