"""Bad sound from real (virtual) microphones in the running daemon: each alarm says what it is, and is its own."""

from __future__ import annotations

from pathlib import Path

from tests.broker import needs_mosquitto
from tests.drill.microphone_bad import go_bad

pytestmark = needs_mosquitto

LIMIT_S = 15.0


def test_each_bad_microphone_is_told_as_what_it_is_within_15_s_and_no_machine_for_it(tmp_path: Path) -> None:
    found = go_bad(tmp_path, 1)

    assert found.good(LIMIT_S), str(found)
