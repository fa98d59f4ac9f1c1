"""A recording that is not there is a microphone that is not there: the others are heard, and it is tried again."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.broker import Broker, Listener, listening, needs_mosquitto
from tests.service.conftest import HOP_S, WINDOW_S
from tests.service.plant import Daemon, give_model, monitor, write_config

BASE = "monitor/test"
ALARM, AVAILABILITY = f"{BASE}/machine/fan-2/alarm/microphone", f"{BASE}/machine/fan-2/availability"


def last(listener: Listener, topic: str) -> dict[str, Any]:
    found = listener.last(topic)
    return {} if found is None else found.json


@needs_mosquitto
def test_a_missing_recording_is_its_machines_microphone_alarm_until_it_is_there_and_the_others_are_heard(
    tmp_path: Path, state_dir: Path, sounds: Callable[..., list[Path]]
) -> None:
    give_model(state_dir, "fan-2")
    share = tmp_path / "share"
    machines = {
        "fan-1": {"source": {"simulated": "fan", "seed": 3}},
        "fan-2": {"source": {"recording": str(share), "loop": True}},
    }
    with Broker(tmp_path / "broker") as broker, listening(broker) as listener:
        config = write_config(
            tmp_path / "monitor.yaml", state_dir, broker.port, machines, window_s=WINDOW_S, hop_s=HOP_S
        )
        with Daemon(config) as daemon:
            listener.wait_for(lambda it: last(it, ALARM).get("active"), "the alarm", 60)
            alarm, absent = last(listener, ALARM), last(listener, AVAILABILITY)
            listener.wait_for(lambda it: it.on(f"{BASE}/machine/fan-1/score"), "the other machine's score", 60)
            share.mkdir()
            shutil.copy(sounds(1, 60)[0], share)
            listener.wait_for(lambda it: last(it, ALARM).get("active") is False, "its end", 60)
            listener.wait_for(lambda it: last(it, AVAILABILITY)["state"] == "online", "the machine", 60)
            assert daemon.terminate() == 0
    assert [found["fault"] for found in alarm["findings"]] == ["device"]
    assert absent["state"] == "offline"
    assert absent["reason"] == f"{share}: no such file or folder"
    assert any(f"no sound: {share}" in record["event"] for record in daemon.records)


def test_there_is_nothing_to_record_of_a_recording_that_is_not_there(tmp_path: Path) -> None:
    config = write_config(tmp_path / "monitor.yaml", tmp_path, 1, {"fan-1": {"source": {"recording": "/nowhere.wav"}}})
    done = monitor("record", "fan-1", "--minutes", "1", "--config", str(config))
    assert done.returncode == 2
    assert "/nowhere.wav: no such file or folder" in done.stderr
