"""ULIDs: identifiers that sort by time, for messages, alarms and clips."""

from __future__ import annotations

import secrets

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32, as the ULID specification says
_PAIRS = tuple(high + low for high in _ALPHABET for low in _ALPHABET)  # two characters at a time: half the steps
_LENGTH = 26  # characters: 128 bits in groups of 5
_RANDOM_BITS = 80  # the ULID specification's; the other 48 are milliseconds
_LAST_MS = 2**48 - 1  # the year 10889, the last that 48 bits can say


def new_ulid(at_s: float) -> str:
    """A new ULID whose time part is ``at_s``.

    Args:
        at_s: UTC, POSIX seconds; clamped to what a ULID can say.

    Returns:
        26 characters of Crockford's base 32, upper case.
    """
    milliseconds = min(max(int(at_s * 1000), 0), _LAST_MS)
    number = milliseconds << _RANDOM_BITS | secrets.randbits(_RANDOM_BITS)
    return "".join([_PAIRS[number >> shift & 1023] for shift in range(5 * (_LENGTH - 2), -1, -10)])
