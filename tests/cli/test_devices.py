"""`monitor devices` lists what there is to listen with and shows how loud it is, on virtual microphones."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from tests.virtual_microphone import VirtualMicrophones, virtual_microphones

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def microphones(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VirtualMicrophones]:
    with virtual_microphones(tmp_path_factory.mktemp("sound"), "mic1", "mic2") as running:
        yield running


def start(running: VirtualMicrophones, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "monitor", "devices", *arguments]
    env = {**os.environ, **running.env, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_the_list_names_microphones_channels_and_rates(microphones: VirtualMicrophones) -> None:
    as_json, as_table, unknown = (
        start(microphones, *arguments) for arguments in (["--json"], ["mic2"], ["--watch", "nowhere"])
    )
    listed = {row["microphone"]: row for row in json.loads(as_json.communicate()[0])}
    table = as_table.communicate()[0]
    error = unknown.communicate()[1]

    assert listed["mic1"]["channels"] >= 1
    assert listed["mic1"]["rate_hz"] in {44_100, 48_000}
    assert "mic2" in table
    assert "mic1" not in table
    assert (as_json.returncode, as_table.returncode, unknown.returncode) == (0, 0, 1)
    assert "no sound device is 'nowhere'" in error


def test_the_levels_are_those_of_what_is_played_until_ctrl_c(microphones: VirtualMicrophones, tmp_path: Path) -> None:
    sine = (0.1 * np.sin(2 * np.pi * 1000 * np.arange(60 * 16_000) / 16_000)).astype(np.float32)
    soundfile.write(tmp_path / "tone.wav", sine, 16_000, subtype="FLOAT")
    microphones.start_playing("mic1", tmp_path / "tone.wav")

    with start(microphones, "mic1", "mic2", "--watch", "--json") as watching:
        assert watching.stdout is not None
        heard: dict[str, Any] = {}
        while not heard.get("mic1", [-150])[0] > -30 or "mic2" not in heard:
            level = json.loads(watching.stdout.readline())
            if level["rms_dbfs"]:
                heard[level["microphone"]] = level["rms_dbfs"]
        watching.send_signal(signal.SIGINT)
        _, err = watching.communicate(timeout=60)

    assert heard["mic1"][0] == pytest.approx(-23.0, abs=1.0)
    assert heard["mic2"][0] < -100
    assert (watching.returncode, err) == (0, "")
