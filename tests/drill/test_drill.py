"""The fault drill in its short form: nothing is lost, out of order or double, and the outage shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.broker import needs_mosquitto
from tests.drill.drills import DRILLS, SHORT, Drill, whole_daemon_killed
from tests.drill.visible import shows

pytestmark = needs_mosquitto


@pytest.mark.parametrize(
    "drill", [drill for drill in DRILLS if drill is not whole_daemon_killed], ids=lambda drill: drill.__name__
)
def test_the_drill_holds(drill: Drill, tmp_path: Path) -> None:
    found = drill(tmp_path, SHORT)
    assert found.good, found
    assert shows(drill, found, SHORT), found.seen
