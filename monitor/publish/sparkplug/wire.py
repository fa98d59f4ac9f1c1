"""Sparkplug B's payload in protocol buffers' wire format: what this node writes, and what it must read.

Written out and not generated: of the specification's `sparkplug_b.proto` a node without data sets and templates needs
two messages with a dozen fields, and those will never change (the namespace is `spBv1.0`), while the `protobuf` package
breaks its generated code with every major version. The tests hold it against that package, reading and writing.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, TypeAlias

Value: TypeAlias = bool | int | float | str | None


class DataType(IntEnum):
    """The specification's numbers of the types that are used here."""

    INT64 = 4
    DOUBLE = 10
    BOOLEAN = 11
    STRING = 12
    DATE_TIME = 13
    """UTC, milliseconds since 1970."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One named value."""

    name: str
    datatype: DataType | None
    """Stands in births only; None leaves it out."""
    value: Value
    """None is null."""
    time_ms: int | None = None
    """When it came to be, UTC, milliseconds since 1970."""


@dataclass(frozen=True, slots=True)
class SparkplugPayload:
    """What one message carries."""

    time_ms: int | None
    """When it was sent, UTC, milliseconds since 1970."""
    metrics: tuple[Metric, ...] = ()
    seq: int | None = None
    """0 to 255; a death of the node has none."""


class WireError(ValueError):
    """The bytes are no Sparkplug payload."""


_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_FIXED: Final = {_FIXED64: 8, _FIXED32: 4}  # bytes
_MASK = 2**64 - 1
_LONGEST_VARINT = 10  # bytes of 7 bits for 64

# Field numbers of Payload and of Payload.Metric in sparkplug_b.proto.
_P_TIME, _P_METRICS, _P_SEQ = 1, 2, 3
_M_NAME, _M_TIME, _M_TYPE, _M_NULL = 1, 3, 4, 7
_M_INT, _M_LONG, _M_FLOAT, _M_DOUBLE, _M_BOOLEAN, _M_STRING = 10, 11, 12, 13, 14, 15


def encode(payload: SparkplugPayload) -> bytes:
    """The payload as bytes."""
    parts = [] if payload.time_ms is None else [_number(_P_TIME, payload.time_ms)]
    parts += [_chunk(_P_METRICS, _metric(metric)) for metric in payload.metrics]
    parts += [] if payload.seq is None else [_number(_P_SEQ, payload.seq)]
    return b"".join(parts)


def decode(data: bytes) -> SparkplugPayload:
    """The payload in the bytes; metrics of other types than those here are null, unknown fields are passed over.

    Raises:
        WireError: they are none.
    """
    time_ms: int | None = None
    seq: int | None = None
    metrics: list[Metric] = []
    for number, value in _fields(data):
        if number == _P_TIME and isinstance(value, int):
            time_ms = value
        elif number == _P_SEQ and isinstance(value, int):
            seq = value
        elif number == _P_METRICS and isinstance(value, bytes):
            metrics.append(_read_metric(value))
    return SparkplugPayload(time_ms, tuple(metrics), seq)


# --- writing


def _metric(metric: Metric) -> bytes:
    parts = [_chunk(_M_NAME, metric.name.encode())]
    parts += [] if metric.time_ms is None else [_number(_M_TIME, metric.time_ms)]
    parts += [] if metric.datatype is None else [_number(_M_TYPE, metric.datatype)]
    return b"".join([*parts, _value(metric.value)])


def _value(value: Value) -> bytes:
    if value is None:
        return _number(_M_NULL, 1)
    if isinstance(value, bool):
        return _number(_M_BOOLEAN, int(value))
    if isinstance(value, int):
        return _number(_M_LONG, value)
    if isinstance(value, float):
        return _key(_M_DOUBLE, _FIXED64) + struct.pack("<d", value)
    return _chunk(_M_STRING, value.encode())


def _key(number: int, kind: int) -> bytes:
    return _varint(number << 3 | kind)


def _number(number: int, value: int) -> bytes:
    return _key(number, _VARINT) + _varint(value)


def _chunk(number: int, data: bytes) -> bytes:
    return _key(number, _LENGTH) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    """Seven bits a byte, the lowest first; a negative number as its two's complement of 64 bits."""
    left = value & _MASK
    found = bytearray()
    while left > 0x7F:
        found.append(left & 0x7F | 0x80)
        left >>= 7
    found.append(left)
    return bytes(found)


# --- reading


def _read_metric(data: bytes) -> Metric:
    name, value, datatype, time_ms = "", None, None, None
    for number, found in _fields(data):
        if number == _M_NAME:
            name = _text(found)
        elif number == _M_TIME and isinstance(found, int):
            time_ms = found
        elif number == _M_TYPE and found in list(DataType):
            datatype = DataType(found)
        elif number in _READERS:
            value = _READERS[number](found)
    return Metric(name, datatype, value, time_ms)


def _text(found: int | bytes) -> str:
    try:
        return found.decode() if isinstance(found, bytes) else ""
    except UnicodeDecodeError as error:
        raise WireError(f"no UTF-8 text: {error}") from error


def _signed(found: int | bytes) -> Value:
    if not isinstance(found, int):
        return None
    return found - 2**64 if found >= 2**63 else found


def _floating(found: int | bytes) -> Value:
    formats = {4: "<f", 8: "<d"}
    if isinstance(found, bytes) and len(found) in formats:
        return float(struct.unpack(formats[len(found)], found)[0])
    return None


_READERS: Final = {
    _M_INT: lambda found: found if isinstance(found, int) else None,
    _M_LONG: _signed,
    _M_FLOAT: _floating,
    _M_DOUBLE: _floating,
    _M_BOOLEAN: lambda found: found != 0 if isinstance(found, int) else None,
    _M_STRING: _text,
}


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Every field as its number and value: an integer, or the bytes of anything longer."""
    at = 0
    while at < len(data):
        key, at = _read_varint(data, at)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            value, at = _read_varint(data, at)
            yield number, value
            continue
        if kind == _LENGTH:
            size, at = _read_varint(data, at)
        elif kind in _FIXED:
            size = _FIXED[kind]
        else:
            raise WireError(f"field {number} is of kind {kind}, expected 0, 1, 2 or 5")
        if at + size > len(data):
            raise WireError(f"field {number} is cut off: {size} bytes, there are {len(data) - at}")
        yield number, data[at : at + size]
        at += size


def _read_varint(data: Sequence[int], at: int) -> tuple[int, int]:
    value = 0
    for count in range(_LONGEST_VARINT):
        if at + count >= len(data):
            break
        byte = data[at + count]
        value |= (byte & 0x7F) << 7 * count
        if not byte & 0x80:
            return value & _MASK, at + count + 1
    raise WireError("a number is cut off or longer than 64 bits")
