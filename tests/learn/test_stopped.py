"""The level below which a machine counts as off."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from monitor.errors import CalibrationError
from monitor.learn.stopped import measure


def sound(path: Path, dbfs: float) -> Path:
    noise = np.random.default_rng(1).normal(0, 10 ** (dbfs / 20), 16_000 * 4)
    soundfile.write(path, noise.astype(np.float32), 16_000, subtype="FLOAT")
    return path


def test_it_lies_between_off_and_running_with_room_for_the_hysteresis(tmp_path: Path) -> None:
    found = measure([sound(tmp_path / "off.wav", -60)], [sound(tmp_path / "on.wav", -40)], 2.0)
    assert found.off_most == pytest.approx(-60, abs=0.3)
    assert found.below == pytest.approx(-51.5, abs=0.3)


def test_without_the_running_machine_it_lies_a_little_above_off(tmp_path: Path) -> None:
    assert measure([sound(tmp_path / "off.wav", -60)], [], 2.0).below == pytest.approx(-57, abs=0.3)


def test_a_machine_that_is_hardly_louder_than_the_hall_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CalibrationError, match="cannot be told apart"):
        measure([sound(tmp_path / "off.wav", -60)], [sound(tmp_path / "on.wav", -56)], 2.0)


def test_the_command_prints_what_to_configure(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "monitor", "level", "fan-1", str(sound(tmp_path / "off.wav", -60))]
    done = subprocess.run(
        [*command, "--state-dir", str(tmp_path)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("stopped: {below_dbfs: -57")
