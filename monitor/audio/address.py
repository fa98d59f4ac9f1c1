"""The address of a stream as it may be printed, and as it is opened."""

from __future__ import annotations

import re
from urllib.parse import quote

_CREDENTIALS = re.compile(r"(?<=://)[^/@]*@")


def without_credentials(url: str) -> str:
    """The address without user and password, and without its query, which may hold a key."""
    return _CREDENTIALS.sub("", url).split("?", 1)[0]


def with_credentials(url: str, username: str | None, password: str | None) -> str:
    """The address with user and password (RFC 3986, section 3.2.1); as it stands without a user."""
    if username is None:
        return url
    scheme, _, rest = url.partition("://")
    user = quote(username, safe="") if password is None else f"{quote(username, safe='')}:{quote(password, safe='')}"
    return f"{scheme}://{user}@{rest}"
