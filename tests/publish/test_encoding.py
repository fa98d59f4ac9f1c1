from __future__ import annotations

import json
import math
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.publish.encoding import Utc, encode, to_json


def test_a_time_is_rfc_3339_in_utc_with_milliseconds() -> None:
    assert Utc(1_760_000_000.25).rfc3339() == "2025-10-09T08:53:20.250Z"
    assert Utc(0).rfc3339() == "1970-01-01T00:00:00.000Z"


@given(st.floats(0, 253_402_300_799) | st.integers(0, 10**12).map(lambda us: 1.7e9 + us / 1e6))
def test_a_time_is_cut_to_the_millisecond_as_datetime_cuts_it(seconds: float) -> None:
    expected = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    assert Utc(seconds).rfc3339() == expected.replace("+00:00", "Z")


@pytest.mark.parametrize("seconds", [math.nan, math.inf, -1.0, 1e12])
def test_what_is_no_time_is_refused(seconds: float) -> None:
    with pytest.raises(ValueError, match="is no time"):
        Utc(seconds)


def test_numbers_of_numpy_are_numbers_on_the_wire() -> None:
    assert to_json([np.float32(0.5), np.float64(0.25), np.int64(3), np.bool_(True).item()]) == [0.5, 0.25, 3, True]


def test_a_value_without_a_form_on_the_wire_is_refused() -> None:
    with pytest.raises(TypeError, match="object has no form on the wire"):
        to_json({"key": object()})


def test_a_file_name_that_is_not_utf_8_can_be_told_of() -> None:
    name = b"caf\xe9.wav".decode(errors="surrogateescape")
    assert json.loads(encode({"detail": f"cannot read {name}"})) == {"detail": "cannot read caf\\udce9.wav"}
    assert json.loads(encode({name: [name]})) == {"caf\\udce9.wav": ["caf\\udce9.wav"]}


@settings(max_examples=40)  # recursive values are slow to make
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_whatever_is_encoded_is_json_that_a_strict_parser_takes(value: object) -> None:
    def refuse(name: str) -> None:
        raise AssertionError(name)

    json.loads(encode(value), parse_constant=refuse)


@given(st.floats())
def test_a_number_that_is_not_finite_becomes_null_and_every_other_comes_back_exactly(value: float) -> None:
    assert json.loads(encode(value)) == (value if math.isfinite(value) else None)
