"""Real PortAudio hears virtual microphones: what is played arrives, and what fails is a clear error in time."""

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
import psutil
import pytest
import soundfile

from monitor.audio.level import rms_dbfs
from tests.virtual_microphone import VirtualMicrophones, virtual_microphones

HEAR = Path(__file__).with_name("hear.py")
ROOT = HEAR.parents[2]
LIMIT_S = 120


@pytest.fixture(scope="module")
def microphones(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VirtualMicrophones]:
    with virtual_microphones(tmp_path_factory.mktemp("sound"), "mic1", "mic2") as running:
        yield running


def begin(running: VirtualMicrophones, scenario: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-W", "error", str(HEAR), scenario, *map(str, arguments)]
    env = {**running.env, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def findings(process: subprocess.Popen[str]) -> Any:
    out, err = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 0, err
    assert "Traceback" not in err
    return json.loads(out)


def hear(running: VirtualMicrophones, scenario: str, *arguments: object) -> Any:
    return findings(begin(running, scenario, *arguments))


def test_virtual_microphones_are_listed_with_the_selector_to_paste(microphones: VirtualMicrophones) -> None:
    listed = {device["selector"]: device for device in hear(microphones, "devices")}

    assert {"mic1", "mic2"} <= listed.keys()
    assert listed["mic1"]["host_api"] == "ALSA"
    assert listed["mic1"]["channels"] >= 1


def test_a_tone_that_is_played_is_heard_at_its_level(microphones: VirtualMicrophones, tmp_path: Path) -> None:
    sine = (0.25 * np.sin(2 * np.pi * 1000 * np.arange(60 * 16_000) / 16_000)).astype(np.float32)
    soundfile.write(tmp_path / "tone.wav", sine, 16_000, subtype="FLOAT")
    player = microphones.start_playing("mic1", tmp_path / "tone.wav")

    found = hear(microphones, "sound", "mic1", 1, 0, 3, tmp_path / "ready", tmp_path / "heard.wav")

    player.terminate()
    heard = soundfile.read(tmp_path / "heard.wav", dtype="float32")[0]
    middle = heard[-2 * 16_000 : -1600]
    power = np.abs(np.fft.rfft(middle * np.hanning(len(middle)))) ** 2
    assert np.fft.rfftfreq(len(middle), 1 / 16_000)[power.argmax()] == pytest.approx(1000, abs=1)
    assert rms_dbfs(middle) == pytest.approx(rms_dbfs(sine), abs=0.1)
    assert (found["channels"], found["rates"], found["gaps"], found["lost"]) == (1, [16_000], 1, 0)
    assert 0 <= found["late_s"] < 1.0
    assert found["worst_step_s"] < 1e-5


def test_what_cannot_be_opened_is_a_clear_error(microphones: VirtualMicrophones) -> None:
    unknown, several, channels, rate = hear(microphones, "errors", "mic1")

    assert unknown.startswith("no sound device is 'nowhere'; there are 'mic1' (")
    assert several.startswith("'mic' could be any of 2 sound devices; there are 'mic1' (")
    assert channels.startswith("microphone mic1: channel 99 is needed, but the device has ")
    assert rate.startswith("microphone mic1: cannot be opened (")
    assert not any("\n" in line for line in (unknown, several, channels, rate))


def test_a_frozen_device_fails_within_seconds_holds_nobody_and_comes_back(tmp_path: Path) -> None:
    with virtual_microphones(tmp_path, "mic4") as running:
        try:
            found = hear(running, "frozen", "mic4", running.server.pid)
        finally:
            os.kill(running.server.pid, signal.SIGCONT)

    assert found["error"] == "microphone mic4: has delivered nothing for 5 s"
    assert found["after_s"] < 10
    assert found["closed_s"] < 2
    assert found["back"] > 0


@pytest.mark.parametrize("signal_name", ["SIGCONT", "SIGSTOP"], ids=["running", "standing still"])
def test_a_capture_process_ends_with_a_parent_that_is_killed(microphones: VirtualMicrophones, signal_name: str) -> None:
    with begin(microphones, "orphan", "mic1", signal_name) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()

    gone, alive = psutil.wait_procs([child], timeout=LIMIT_S)
    assert (gone, alive) == ([child], [])


def test_a_capture_process_loads_neither_numpy_nor_torch(microphones: VirtualMicrophones) -> None:
    code = (
        "import sys, monitor.audio.capture.child as c; c.present_devices(); print({'numpy', 'torch'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], env=microphones.env, capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "set()"
