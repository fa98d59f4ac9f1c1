"""How values become JSON on the wire: RFC 3339 times, no NaN, nothing that a strict parser refuses."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache, lru_cache
from numbers import Integral, Real
from typing import Self, TypeAlias

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

_JSON = json.JSONEncoder(allow_nan=False, ensure_ascii=False, separators=(",", ":"))
_LAST_S = 253_402_300_799.0  # the last second of the year 9999, the last that RFC 3339 can say


class Utc(float):
    """A point in time: UTC, POSIX seconds; on the wire RFC 3339 with milliseconds.

    Raises:
        ValueError: not finite, or outside the years 1970 to 9999.
    """

    __slots__ = ()

    def __new__(cls, seconds: float) -> Self:
        """The time of ``seconds``."""
        if not 0.0 <= seconds <= _LAST_S:
            raise ValueError(f"{seconds} is no time: expected POSIX seconds of the years 1970 to 9999")
        return super().__new__(cls, seconds)

    def rfc3339(self) -> str:
        """The time as text, such as ``2026-03-01T12:00:00.250Z``."""
        whole = int(self)
        microseconds = round((self - whole) * 1e6)  # to the nearest, as `datetime` has it
        if microseconds == 1_000_000:
            whole, microseconds = whole + 1, 0
        return f"{_second(whole)}.{microseconds // 1000:03d}Z"


@lru_cache(maxsize=256)
def _second(posix_s: int) -> str:
    """Up to the second, such as ``2026-03-01T12:00:00``; the windows of a plant end in a few."""
    return datetime.fromtimestamp(posix_s, UTC).isoformat()[: len("2026-03-01T12:00:00")]


def to_json(value: object) -> Json:
    """A record, or anything inside one, as plain JSON values; a number that is not finite becomes null.

    Raises:
        TypeError: the value is of a type that has no form on the wire.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _text(value)  # an enumeration's value too
    if isinstance(value, (float, Real)):  # numpy's numbers too; `Real` alone takes long to find out
        return _number(value)
    if (names := _fields(type(value))) is not None:  # type: ignore[arg-type]  # mypy takes no type[object] for hashable
        return {name: to_json(getattr(value, name)) for name in names}
    if isinstance(value, Mapping | Sequence):
        return _container(value)
    raise TypeError(f"{type(value).__name__} has no form on the wire")


@cache
def _fields(kind: type) -> tuple[str, ...] | None:
    """The names of a record's fields; None where it is none."""
    return tuple(field.name for field in dataclasses.fields(kind)) if dataclasses.is_dataclass(kind) else None


def _container(value: Mapping[object, object] | Sequence[object]) -> Json:
    if isinstance(value, Mapping):
        return {_text(str(key)): to_json(item) for key, item in value.items()}
    return [to_json(item) for item in value]


def _text(value: str) -> str:
    """The text; half of a surrogate pair, as in a file's name that is not UTF-8, is spelt out.

    As text, not as JSON's escape: a strict parser refuses a lone half.
    """
    return value if type(value) is str and value.isascii() else value.encode(errors="backslashreplace").decode()


def _number(value: float | Real) -> Json:
    if isinstance(value, Utc):
        return value.rfc3339()
    if not isinstance(value, float) and isinstance(value, Integral):
        return int(value)
    number = float(value)
    return number if math.isfinite(number) else None


def encode(value: object) -> bytes:
    """The value as UTF-8 JSON without spaces, keys in the record's order."""
    return _JSON.encode(to_json(value)).encode()
