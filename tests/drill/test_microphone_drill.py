"""The microphones' drill in its short form: what goes wrong with one is told, mended, and costs no other anything."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.drill.microphone_drills import DRILLS, Drill, alarmed, bad_sound
from tests.virtual_microphone import missing_programs

SHORT = [drill for drill in DRILLS if drill not in {alarmed, bad_sound}]
"""Those need a trained machine: tests/service/test_unplugged.py and test_bad_sound.py have one."""
LIMIT_S = 240
"""Alone they take 20 s."""


@pytest.fixture(scope="module")
def outcome() -> Iterator[Callable[[Drill], subprocess.Popen[str]]]:
    """The process of a drill. All run at once, for nearly all of their time is waiting; a second try runs alone."""
    if missing_programs():
        pytest.skip(f"virtual microphones need {', '.join(missing_programs())}")
    command = [sys.executable, str(Path(__file__).with_name("microphone_drill.py")), "--short"]
    started: list[subprocess.Popen[str]] = []

    def start(drill: Drill) -> subprocess.Popen[str]:
        started.append(subprocess.Popen([*command, drill.__name__], stdout=subprocess.PIPE, text=True))
        return started[-1]

    waiting = {drill: start(drill) for drill in SHORT}
    yield lambda drill: waiting.pop(drill, None) or start(drill)
    for process in started:
        if process.poll() is None:
            process.kill()
            process.communicate()


@pytest.mark.parametrize("drill", SHORT, ids=lambda drill: drill.__name__)
def test_the_drill_holds(outcome: Callable[[Drill], subprocess.Popen[str]], drill: Drill) -> None:
    process = outcome(drill)
    told, _ = process.communicate(timeout=LIMIT_S)

    assert process.returncode == 0, told
    assert "all held" in told
