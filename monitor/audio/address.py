"""The address of a stream as it may be printed."""

from __future__ import annotations

import re

_CREDENTIALS = re.compile(r"(?<=://)[^/@]*@")


def without_credentials(url: str) -> str:
    """The address without user and password, and without its query, which may hold a key."""
    return _CREDENTIALS.sub("", url).split("?", 1)[0]
