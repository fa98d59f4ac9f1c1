"""Reads typed values out of a saved JSON object and says which key is wrong when one is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TypeAlias

Json: TypeAlias = "str | int | float | bool | Sequence[Json] | Mapping[str, Json] | None"
JsonObject: TypeAlias = "dict[str, Json]"


def check_schema(data: Mapping[str, object], what: str, schema: int) -> None:
    """Refuse a saved object of another schema version.

    Raises:
        ValueError: ``schema`` is missing or is not the one that this code reads.
    """
    found = data.get("schema")
    if found != schema:
        raise ValueError(f"{what}: key 'schema' is {found!r}, this version reads {schema}")


def get_mapping(data: Mapping[str, object], key: str) -> Mapping[str, object]:
    """The JSON object under ``key``.

    Raises:
        ValueError: it is missing or no object.
    """
    value = _present(data, key)
    if not isinstance(value, Mapping):
        raise _wrong(key, value, "an object")
    return value


def get_list(data: Mapping[str, object], key: str) -> Sequence[object]:
    """The JSON array under ``key``.

    Raises:
        ValueError: it is missing or no array.
    """
    value = _present(data, key)
    if not isinstance(value, list | tuple):
        raise _wrong(key, value, "an array")
    return value


def get_str(data: Mapping[str, object], key: str) -> str:
    """The text under ``key``.

    Raises:
        ValueError: it is missing or no text.
    """
    value = _present(data, key)
    if not isinstance(value, str):
        raise _wrong(key, value, "text")
    return value


def get_one_of(data: Mapping[str, object], key: str, allowed: Sequence[str]) -> str:
    """The text under ``key``, which must be one of ``allowed``.

    Raises:
        ValueError: it is missing or another.
    """
    value = get_str(data, key)
    if value not in allowed:
        raise _wrong(key, value, f"one of {', '.join(allowed)}")
    return value


def get_bool(data: Mapping[str, object], key: str) -> bool:
    """The truth value under ``key``.

    Raises:
        ValueError: it is missing or neither true nor false.
    """
    value = _present(data, key)
    if not isinstance(value, bool):
        raise _wrong(key, value, "true or false")
    return value


def get_int(data: Mapping[str, object], key: str) -> int:
    """The whole number under ``key``.

    Raises:
        ValueError: it is missing or no whole number.
    """
    value = _present(data, key)
    if not isinstance(value, int) or isinstance(value, bool):
        raise _wrong(key, value, "a whole number")
    return value


def get_float(data: Mapping[str, object], key: str) -> float:
    """The finite number under ``key``.

    Raises:
        ValueError: it is missing, no number or not finite.
    """
    value = _present(data, key)
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        raise _wrong(key, value, "a finite number")
    return float(value)


def get_floats(data: Mapping[str, object], key: str) -> tuple[float, ...]:
    """The array of finite numbers under ``key``.

    Raises:
        ValueError: it is missing, no array, or holds anything else.
    """
    values = {f"{key}[{place}]": value for place, value in enumerate(get_list(data, key))}
    return tuple(get_float(values, place) for place in values)


def get_optional_float(data: Mapping[str, object], key: str) -> float | None:
    """The finite number under ``key``, or None where it says null.

    Raises:
        ValueError: it is missing, or neither null nor a finite number.
    """
    return None if _present(data, key) is None else get_float(data, key)


def get_optional_str(data: Mapping[str, object], key: str) -> str | None:
    """The text under ``key``, or None where it says null.

    Raises:
        ValueError: it is missing, or neither null nor text.
    """
    return None if _present(data, key) is None else get_str(data, key)


def _present(data: Mapping[str, object], key: str) -> object:
    if key not in data:
        raise ValueError(f"key {key!r} is missing")
    return data[key]


def _wrong(key: str, value: object, wanted: str) -> ValueError:
    return ValueError(f"key {key!r} is {value!r}, expected {wanted}")
