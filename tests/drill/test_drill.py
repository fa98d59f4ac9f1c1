"""The fault drill in its short form: nothing is lost, out of order or double, and the outage shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.broker import needs_mosquitto
from tests.drill.drills import DRILLS, SHORT, Drill

pytestmark = needs_mosquitto

SHOWS = {
    "broker_killed": "outage",
    "events_denied": "refused",
    "receive_maximum": "offline",
    "disk_full": "state_not_saved",
}


@pytest.mark.parametrize("drill", DRILLS, ids=lambda drill: drill.__name__)
def test_the_drill_holds(drill: Drill, tmp_path: Path) -> None:
    found = drill(tmp_path, SHORT)
    assert found.good, found
    assert any(SHOWS.get(drill.__name__, "offline") in each for each in found.seen), found.seen
