"""The daemon on a virtual microphone through real PortAudio: a real fan breaks, the broker hears of it."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import soundfile

from tests.broker import Broker, listening, needs_mosquitto
from tests.service.plant import FAN_WINDOWS, Daemon, FanJob, write_config
from tests.virtual_microphone import virtual_microphones

pytestmark = needs_mosquitto

BASE = "monitor/test"


def test_a_fan_that_breaks_before_the_microphone_raises_an_alarm_and_not_before(fan: FanJob, tmp_path: Path) -> None:
    healthy = np.concatenate([soundfile.read(path, dtype="float32")[0] for path in fan.unheard[:2]])
    broken = soundfile.read(fan.anomaly[0], dtype="float32")[0]
    # After 39 s, as the daemon comes to hear it, no window holds so little of the fault that it scores between warning
    # and threshold: half a hop more or less, one did, and the warning came first.
    soundfile.write(tmp_path / "sound.wav", np.concatenate([healthy[: 39 * 16_000], broken, broken]), 16_000)
    state = shutil.copytree(fan.state_dir, tmp_path / "state", symlinks=True)
    with virtual_microphones(tmp_path, "mic1") as microphones, Broker(tmp_path / "broker") as broker:
        machines = {"fan-1": {"source": {"microphone": "mic1"}}}
        config = write_config(tmp_path / "monitor.yaml", Path(state), broker.port, machines, **FAN_WINDOWS)
        with listening(broker) as listener:
            microphones.start_playing("mic1", tmp_path / "sound.wav")
            with Daemon(config, microphones.env) as daemon:
                listener.wait_for(lambda seen: seen.on(f"{BASE}/event"), "the alarm", 110)
                assert daemon.terminate() == 0
                listener.wait_farewell(f"{BASE}/status")
    verdicts = [score.json["verdict"] for score in listener.on(f"{BASE}/machine/fan-1/score")]
    event = listener.on(f"{BASE}/event")[0].json
    assert (event["machine"], event["kind"], event["event"]) == ("fan-1", "anomaly", "raised")
    assert verdicts[:3] == ["normal", "normal", "normal"]
    assert "invalid" not in verdicts
