"""`monitor listen` shows what a machine's source brings: a microphone, a simulated machine, a recording."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import soundfile

from tests.virtual_microphone import virtual_microphones

ROOT = Path(__file__).parents[2]
LIMIT_S = 60.0
"""For what takes a second alone."""
TONE = (0.1 * np.sin(2 * np.pi * 1000 * np.arange(60 * 16_000) / 16_000)).astype(np.float32)
"""-23 dBFS."""


def start(
    folder: Path, source: str, stdout: int = subprocess.PIPE, env: Mapping[str, str] = os.environ
) -> subprocess.Popen[str]:
    config = folder / "monitor.yaml"
    config.write_text(f"state_dir: state\nmachines: {{fan-1: {{source: {source}}}}}\n")
    command = [sys.executable, "-m", "monitor", "listen", "fan-1", "--config", str(config)]
    env = {**env, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color"}
    return subprocess.Popen(command, env=env, stdout=stdout, stderr=subprocess.PIPE, text=True)


def stop(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Ctrl-C; the exit code and what was complained of."""
    process.send_signal(signal.SIGINT)
    return process.wait(LIMIT_S), process.stderr.read() if process.stderr else ""


def test_a_microphone_is_told_by_lines_with_its_level_until_ctrl_c(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "tone.wav", TONE, 16_000, subtype="FLOAT")
    with virtual_microphones(tmp_path, "mic1") as running:
        player = running.start_playing("mic1", tmp_path / "tone.wav")
        with start(tmp_path, "{microphone: mic1}", env=running.env) as listening:
            assert listening.stdout is not None
            heard = ""
            while "-23 dBFS, peak -20 dBFS" not in heard and player.poll() is None:
                heard = listening.stdout.readline()
            ended = stop(listening)

    assert heard == "fan-1: -23 dBFS, peak -20 dBFS\n"
    assert ended == (0, "")


def test_a_simulated_machine_is_a_picture_on_a_terminal_until_ctrl_c(tmp_path: Path) -> None:
    screen, terminal = pty.openpty()
    with start(tmp_path, "{simulated: fan}", stdout=terminal) as listening:
        os.close(terminal)
        shown = ""
        while not re.search(r"fan-1  [#|-]+ +-\d+ dBFS", shown) or "\u2580" not in shown:
            shown += os.read(screen, 65_536).decode(errors="replace")
        ended = stop_reading(listening, screen)

    assert "1270 Hz" in shown
    assert ended == (0, "")


def stop_reading(process: subprocess.Popen[str], screen: int) -> tuple[int, str]:
    """As `stop`, and take what is still written, so that it can be."""
    process.send_signal(signal.SIGINT)
    try:
        while os.read(screen, 65_536):
            pass
    except OSError:  # what Linux says when the other end is closed
        os.close(screen)
    return process.wait(LIMIT_S), process.stderr.read() if process.stderr else ""


def test_a_recording_is_heard_to_its_end(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "tone.wav", TONE[: 2 * 16_000], 16_000, subtype="FLOAT")
    with start(tmp_path, f"{{recording: {tmp_path / 'tone.wav'}, speed: max}}") as listening:
        told, error = listening.communicate(timeout=LIMIT_S)

    assert "fan-1: -23 dBFS, peak -20 dBFS" in told
    assert (listening.returncode, error) == (0, "")


def test_an_unknown_machine_is_an_error_of_one_line(tmp_path: Path) -> None:
    config = tmp_path / "monitor.yaml"
    config.write_text("state_dir: state\nmachines: {fan-1: {source: {simulated: fan}}}\n")
    command = [sys.executable, "-m", "monitor", "listen", "nowhere", "--config", str(config)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=LIMIT_S)

    assert done.returncode != 0
    assert "nowhere" in done.stderr
    assert len(done.stderr.splitlines()) == 1
