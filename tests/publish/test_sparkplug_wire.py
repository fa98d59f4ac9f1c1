"""The Sparkplug payload on the wire is what Google's protobuf package makes of the specification's own schema."""

from __future__ import annotations

import math
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.publish.sparkplug.wire import DataType, Metric, SparkplugPayload, WireError, decode, encode
from tests.publish.sparkplug_reference import ReferencePayload, value_of

MILLISECONDS = st.integers(0, 2**63 - 1)
VALUES = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text(max_size=9)
METRICS = st.builds(
    Metric, st.text(max_size=9), st.none() | st.sampled_from(DataType), VALUES, st.none() | MILLISECONDS
)
PAYLOADS = st.builds(
    SparkplugPayload,
    st.none() | MILLISECONDS,
    st.lists(METRICS, max_size=4).map(tuple),
    st.none() | st.integers(0, 255),
)


def test_the_bytes_of_a_small_payload_are_those_worked_out_by_hand() -> None:
    payload = SparkplugPayload(300, (Metric("bdSeq", DataType.INT64, 7, 1),), 255)
    assert encode(payload).hex() == "08ac02120d0a05626453657118012004580718ff01"


@given(PAYLOADS)
def test_the_reference_reads_what_is_written_here(payload: SparkplugPayload) -> None:
    read = ReferencePayload.FromString(encode(payload))
    assert (read.timestamp if read.HasField("timestamp") else None) == payload.time_ms
    assert (read.seq if read.HasField("seq") else None) == payload.seq
    assert len(read.metrics) == len(payload.metrics)
    for there, here in zip(read.metrics, payload.metrics, strict=True):
        assert there.name == here.name
        assert (there.timestamp if there.HasField("timestamp") else None) == here.time_ms
        assert (there.datatype if there.HasField("datatype") else None) == here.datatype
        assert there.is_null is (here.value is None)
        assert value_of(there) == here.value
        assert type(value_of(there)) is type(here.value)


@given(PAYLOADS)
def test_what_is_written_here_is_read_here(payload: SparkplugPayload) -> None:
    assert decode(encode(payload)) == payload


@given(
    name=st.text(max_size=9),
    field=st.sampled_from(["int_value", "float_value", "double_value", "boolean_value", "string_value", "bytes_value"]),
    number=st.integers(0, 2**32 - 1),
)
def test_what_the_reference_writes_is_read_here_whatever_a_host_adds(name: str, field: str, number: int) -> None:
    values: dict[str, Any] = {
        "int_value": number, "float_value": 0.5, "double_value": number / 7, "boolean_value": number % 2 == 0,
        "string_value": name, "bytes_value": b"\x00\xff",
    }  # fmt: skip
    payload = ReferencePayload(timestamp=number, seq=number % 256, uuid="u", body=b"b")
    metric = payload.metrics.add(name=name, alias=number, is_transient=True, datatype=18)
    setattr(metric, field, values[field])
    (read,) = decode(payload.SerializeToString()).metrics
    assert read == Metric(name, None, None if field == "bytes_value" else values[field], None)


@given(st.binary(max_size=60))
def test_any_bytes_are_a_payload_or_refused(data: bytes) -> None:
    try:
        found = decode(data)
    except WireError:
        return
    assert isinstance(found, SparkplugPayload)


@pytest.mark.parametrize(
    "data",
    [b"\x12\x05\x0a", b"\x08" + b"\xff" * 11, b"\x0b", b"\x08", b"\x12\x04\x0a\x02\xff\xfe", b"\x09\x00"],
    ids=["cut off", "long number", "group", "no number", "no text", "half a fixed one"],
)
def test_what_is_damaged_is_refused(data: bytes) -> None:
    with pytest.raises(WireError):
        decode(data)


def test_a_number_that_is_none_is_sent_as_it_is_and_not_as_null() -> None:
    (metric,) = ReferencePayload.FromString(encode(SparkplugPayload(0, (Metric("a", None, math.inf),)))).metrics
    assert struct.pack("<d", metric.double_value) == struct.pack("<d", math.inf)
