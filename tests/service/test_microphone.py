"""The daemon on a virtual microphone through real PortAudio: a real fan breaks, the broker hears of it."""

from __future__ import annotations

import shutil
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from tests.broker import Broker, Listener, listening, needs_mosquitto
from tests.service.plant import FAN_WINDOWS, Daemon, FanJob, write_config
from tests.virtual_microphone import virtual_microphones

pytestmark = needs_mosquitto

BASE = "monitor/test"


HEALTHY_S = 40
"""Of sound, before the fan breaks; where windows fall in it is up to the moment at which the daemon begins to hear."""
MIXED = FAN_WINDOWS["window_s"] // FAN_WINDOWS["hop_s"]
"""Windows at most that hold sound of both: any of them may be normal, a warning or above the threshold."""
VOTES = 3
"""Windows above the threshold that raise the alarm, of the last five."""


def test_a_fan_that_breaks_before_the_microphone_raises_an_alarm_and_not_before(fan: FanJob, tmp_path: Path) -> None:
    healthy = np.concatenate([soundfile.read(path, dtype="float32")[0] for path in fan.unheard[:2]])
    broken = soundfile.read(fan.anomaly[0], dtype="float32")[0]
    soundfile.write(tmp_path / "sound.wav", np.concatenate([healthy[: HEALTHY_S * 16_000], broken, broken]), 16_000)
    state = shutil.copytree(fan.state_dir, tmp_path / "state", symlinks=True)
    with virtual_microphones(tmp_path, "mic1") as microphones, Broker(tmp_path / "broker") as broker:
        machines = {"fan-1": {"source": {"microphone": "mic1"}}}
        config = write_config(tmp_path / "monitor.yaml", Path(state), broker.port, machines, **FAN_WINDOWS)
        with listening(broker) as listener:
            breaks_s = time.time() + HEALTHY_S  # at the earliest: what plays it takes a moment to begin
            microphones.start_playing("mic1", tmp_path / "sound.wav")
            with Daemon(config, microphones.env) as daemon:
                listener.wait_for(lambda seen: "raised" in told(seen), "the alarm", 110)
                scored = len(scores(listener))
                listener.wait_for(lambda seen: len(scores(seen)) >= scored + MIXED, "what comes after it", 60)
                assert daemon.terminate() == 0
                listener.wait_farewell(f"{BASE}/status")
    assert told(listener) in (["raised"], ["warning", "raised"])
    raised = next(each.json for each in listener.on(f"{BASE}/event") if each.json["event"] == "raised")
    assert (raised["machine"], raised["kind"]) == ("fan-1", "anomaly")

    windows = scores(listener)
    until = [each["verdict"] for each in windows if each["end"] <= raised["time"]]
    normal = until.index(next(verdict for verdict in until if verdict != "normal"))
    assert normal >= 3
    assert datetime.fromisoformat(windows[normal]["end"]).timestamp() > breaks_s, "not before"
    assert set(until[normal:]) <= {"normal", "warning", "alarm"}, "nothing was lost or unknown"
    assert until.count("alarm") == until[-5:].count("alarm") == VOTES
    assert len(until) - normal <= MIXED + VOTES, "with the third window of the fault alone at the latest"
    assert {each["verdict"] for each in windows[normal + MIXED :]} == {"alarm"}, "the fault lasts"


def scores(listener: Listener) -> list[dict[str, Any]]:
    return [each.json for each in listener.on(f"{BASE}/machine/fan-1/score")]


def told(listener: Listener) -> list[str]:
    """What happened to the machine's alarms."""
    events = [each.json for each in listener.on(f"{BASE}/event")]
    return [each["event"] for each in events if each["machine"] is not None]
