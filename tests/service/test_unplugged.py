"""A microphone of the running daemon is unplugged and plugged in again: an alarm of its own, and no other machine's."""

from __future__ import annotations

from pathlib import Path

from tests.broker import needs_mosquitto
from tests.drill.microphone_daemon import cycles

pytestmark = needs_mosquitto

LIMIT_S = 15.0


def test_one_of_four_microphones_alarms_within_15_s_and_clears_within_15_s_of_its_return(
    tmp_path: Path, state_dir: Path
) -> None:
    came, went, windows, missing, others = cycles(tmp_path, 1, state_dir)

    assert max(came) < LIMIT_S
    assert max(went) < LIMIT_S
    assert min(windows.values()) > 3
    assert (missing, others) == (0, [])
