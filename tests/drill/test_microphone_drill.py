"""The microphones' drill in its short form: what goes wrong with one is told, mended, and costs no other anything."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.drill.microphone_drills import DRILLS, Drill, alarmed
from tests.virtual_microphone import missing_programs

SHORT = [drill for drill in DRILLS if drill is not alarmed]
"""That one needs a trained machine: tests/service/test_unplugged.py has one."""
LIMIT_S = 240
"""Alone they take 20 s."""


@pytest.fixture(scope="module")
def running() -> Iterator[dict[str, subprocess.Popen[str]]]:
    """Every drill at once: nearly all of their time is waiting."""
    if missing_programs():
        pytest.skip(f"virtual microphones need {', '.join(missing_programs())}")
    command = [sys.executable, str(Path(__file__).with_name("microphone_drill.py")), "--short"]
    started = {
        drill.__name__: subprocess.Popen([*command, drill.__name__], stdout=subprocess.PIPE, text=True)
        for drill in SHORT
    }
    yield started
    for process in started.values():
        process.kill()
        process.communicate()


@pytest.mark.parametrize("drill", SHORT, ids=lambda drill: drill.__name__)
def test_the_drill_holds(running: dict[str, subprocess.Popen[str]], drill: Drill) -> None:
    process = running[drill.__name__]
    told, _ = process.communicate(timeout=LIMIT_S)

    assert process.returncode == 0, told
    assert "all held" in told
