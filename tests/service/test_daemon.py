"""The daemon as a process, on recordings, with a real mosquitto."""

from __future__ import annotations

import contextlib
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from monitor.memcae.artifact import MODEL_FILE, activate
from tests.broker import Broker, Listener, listening, needs_mosquitto, wait_until
from tests.service.conftest import HOP_S, WINDOW_S
from tests.service.plant import Daemon, write_config

pytestmark = needs_mosquitto
Sounds = Callable[..., list[Path]]

SPEED = 10
BASE = "monitor/test"
ALARM = f"{BASE}/machine/fan-1/alarm/anomaly"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with Broker(tmp_path / "broker") as running:
        yield running


def configure(tmp_path: Path, state_dir: Path, broker: Broker, recording: Path | str, **source: object) -> Path:
    machines = {"fan-1": {"source": {"recording": str(recording), "speed": SPEED, **source}}}
    return write_config(
        tmp_path / "monitor.yaml", state_dir, broker.port, machines, window_s=WINDOW_S, hop_s=HOP_S, health_s=5
    )


def last(listener: Listener, topic: str) -> dict[str, Any]:
    message = listener.last(topic)
    return {} if message is None else message.json


def raised(listener: Listener) -> bool:
    return any(event.json["event"] == "raised" for event in listener.on(f"{BASE}/event"))


def test_a_faulty_recording_becomes_an_alarm_an_event_and_every_other_topic_of_the_contract(
    tmp_path: Path, state_dir: Path, broker: Broker, sounds: Sounds
) -> None:
    faulty = sounds(1, 60, "bearing")[0]
    with listening(broker) as listener, Daemon(configure(tmp_path, state_dir, broker, faulty, loop=True)) as daemon:
        listener.wait_for(raised, "the alarm", 60)
        listener.wait_for(lambda seen: seen.last(f"{BASE}/health"), "health", 30)
        assert daemon.terminate() == 0
        listener.wait_farewell(f"{BASE}/status")
        event = next(event.json for event in listener.on(f"{BASE}/event") if event.json["event"] == "raised")
        alarm = listener.last(ALARM)
        score = listener.last(f"{BASE}/machine/fan-1/score")
    assert event["machine"] == "fan-1"
    assert event["kind"] == "anomaly"
    assert event["score"] > event["threshold"]
    assert event["top_bands"]
    assert (state_dir / "evidence" / event["clip"]).is_file()
    assert alarm is not None
    assert alarm.retain
    assert alarm.json["active"]
    assert alarm.json["alarm_id"] == event["alarm_id"]
    assert score is not None
    assert score.json["verdict"] == "alarm"
    statuses = [status.json["state"] for status in listener.on(f"{BASE}/status")]
    assert statuses == ["online", "offline"]
    assert listener.on(f"{BASE}/info")[0].json["machines"][0]["machine"] == "fan-1"
    availability = [each.json["state"] for each in listener.on(f"{BASE}/machine/fan-1/availability")]
    assert availability[-1] == "online"
    assert all(record["event"] for record in daemon.records)


def test_a_healthy_recording_raises_nothing(tmp_path: Path, state_dir: Path, broker: Broker, sounds: Sounds) -> None:
    config = configure(tmp_path, state_dir, broker, sounds(1, 60)[0], loop=True)
    with listening(broker) as listener, Daemon(config) as daemon:
        listener.wait_for(lambda seen: len(seen.on(f"{BASE}/machine/fan-1/score")) >= 40, "40 scores", 60)
        assert daemon.terminate() == 0
        listener.wait_farewell(f"{BASE}/status")
    assert not listener.on(f"{BASE}/event")
    assert last(listener, ALARM)["active"] is False


def test_an_alarm_that_is_raised_while_the_broker_is_dead_arrives_once_it_is_back(
    tmp_path: Path, state_dir: Path, broker: Broker, sounds: Sounds
) -> None:
    sound = tmp_path / "sound"
    sound.mkdir()
    (sound / "1.flac").symlink_to(sounds(1, 60)[0])
    (sound / "2.flac").symlink_to(sounds(1, 60, "bearing")[0])
    with Daemon(configure(tmp_path, state_dir, broker, sound)) as daemon:
        with listening(broker) as listener:
            listener.wait_for(lambda seen: seen.last(f"{BASE}/machine/fan-1/score"), "the first score", 60)
            assert not raised(listener)
        broker.kill()
        wait_until(lambda: "fan-1 sounds unlike itself: raised" in daemon.log, 60, "the alarm in the log")
        broker.start()
        with listening(broker) as listener:
            listener.wait_for(raised, "the alarm after the broker's return", 60)
            listener.wait_for(lambda seen: seen.last(ALARM), "the alarm's document")
            assert last(listener, ALARM)["active"]
            numbers = [event.json["seq"] for event in listener.on(f"{BASE}/event")]
        assert daemon.terminate() == 0
    assert numbers == sorted(numbers)


def test_a_broker_that_is_not_there_at_the_start_is_a_warning_and_the_work_goes_on(
    tmp_path: Path, state_dir: Path, broker: Broker, sounds: Sounds
) -> None:
    broker.kill()
    with Daemon(configure(tmp_path, state_dir, broker, sounds(1, 60, "bearing")[0], loop=True)) as daemon:
        wait_until(lambda: "fan-1 sounds unlike itself: raised" in daemon.log, 60, "the alarm in the log")
        warnings = [record for record in daemon.records if record["level"] == "warning"]
        assert any("broker cannot be reached" in record["event"] for record in warnings)
        assert daemon.terminate() == 0
    assert "Traceback" not in daemon.log


def test_an_active_alarm_outlives_a_restart_without_being_raised_again(
    tmp_path: Path, state_dir: Path, broker: Broker, sounds: Sounds
) -> None:
    config = configure(tmp_path, state_dir, broker, sounds(1, 60, "bearing")[0], loop=True)
    with listening(broker) as listener:
        with Daemon(config) as daemon:
            listener.wait_for(raised, "the alarm", 60)
            assert daemon.terminate() == 0
            listener.wait_farewell(f"{BASE}/status")
        scored = len(listener.on(f"{BASE}/machine/fan-1/score"))
        with Daemon(config) as daemon:
            listener.wait_for(lambda seen: len(seen.on(f"{BASE}/machine/fan-1/score")) > scored + 20, "more", 60)
            assert daemon.terminate() == 0
            listener.wait_farewell(f"{BASE}/status")
        events = [event.json["event"] for event in listener.on(f"{BASE}/event")]
    assert events.count("raised") == 1
    assert "cleared" not in events
    assert last(listener, ALARM)["active"]


def test_systemd_hears_of_ready_status_watchdog_and_stopping(
    tmp_path: Path, state_dir: Path, broker: Broker, sounds: Sounds
) -> None:
    address = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(address))
        manager.settimeout(60)
        config = configure(tmp_path, state_dir, broker, sounds(1, 60)[0], loop=True)
        environ = {"NOTIFY_SOCKET": str(address), "WATCHDOG_USEC": "3000000"}
        with Daemon(config, environ) as daemon:
            assert manager.recv(4096).decode() == "STATUS=loading the models of 1 machine"
            assert "READY=1" in manager.recv(4096).decode()
            heard = {manager.recv(4096).decode().partition("=")[0] for _ in range(6)}
            assert heard >= {"WATCHDOG", "STATUS"}
            assert daemon.terminate() == 0
        manager.settimeout(1)
        rest = []
        with contextlib.suppress(TimeoutError):
            while True:
                rest.append(manager.recv(4096).decode())
    assert any(state.startswith("STOPPING=1") for state in rest)


def test_a_newer_model_is_taken_into_service_without_a_restart(
    tmp_path: Path, state_dir: Path, broker: Broker, sounds: Sounds, trained: Path
) -> None:
    config = configure(tmp_path, state_dir, broker, sounds(1, 60)[0], loop=True)
    calibration = next((state_dir / "models" / "fan-1").glob("*/calibration.json"))
    with listening(broker) as listener, Daemon(config) as daemon:
        # `info` comes while the daemon starts; from the first score on it looks at the files.
        listener.wait_for(lambda seen: seen.on(f"{BASE}/machine/fan-1/score"), "its work", 60)
        time.sleep(0.01)  # the file's time must differ
        calibration.write_bytes(calibration.read_bytes())
        listener.wait_for(lambda seen: len(seen.on(f"{BASE}/info")) == 2, "info again", 60)
        assert daemon.terminate() == 0
    assert any("replaced" in record["event"] for record in daemon.records)


def test_a_damaged_newer_model_leaves_the_old_one_in_service_and_a_machine_without_any_is_offline(
    tmp_path: Path, state_dir: Path, broker: Broker, sounds: Sounds
) -> None:
    source = {"source": {"recording": str(sounds(1, 60)[0]), "speed": SPEED, "loop": True}}
    machines = {"fan-1": source, "fan-2": source}
    config = write_config(
        tmp_path / "monitor.yaml", state_dir, broker.port, machines, window_s=WINDOW_S, hop_s=HOP_S, health_s=5
    )
    score, presence = f"{BASE}/machine/fan-1/score", f"{BASE}/machine/fan-{{}}/availability"
    with listening(broker) as listener, Daemon(config) as daemon:
        listener.wait_for(lambda seen: seen.on(score), "its work", 60)
        listener.wait_for(lambda seen: last(seen, presence.format(1)).get("state") == "online", "fan-1 heard")
        listener.wait_for(lambda seen: "has no model yet" in last(seen, presence.format(2)).get("reason", ""), "why")
        assert last(listener, presence.format(2))["state"] == "offline"
        damaged = state_dir / "models" / "fan-1" / "20990101T000000Z-damaged"
        shutil.copytree(damaged.parent / "current", damaged)
        (damaged / MODEL_FILE).write_bytes((damaged / MODEL_FILE).read_bytes()[:1000])
        activate(state_dir, "fan-1", damaged.name)
        wait_until(lambda: "the model in service stays" in daemon.log, 60, "the warning")
        before = len(listener.on(score))
        listener.wait_for(lambda seen: len(seen.on(score)) > before + 5, "its work going on", 60)
        assert last(listener, score)["score"] is not None
        assert last(listener, score)["model"] != damaged.name
        assert daemon.terminate() == 0
    assert not any("replaced" in record["event"] for record in daemon.records)


@pytest.mark.parametrize("machines", ["other", "fan-1"])
def test_a_machine_without_a_model_is_one_line_and_exit_code_1_so_that_systemd_tries_again(
    tmp_path: Path, broker: Broker, machines: str
) -> None:
    source = {"source": {"simulated": "fan", "seed": 1}}
    config = write_config(tmp_path / "monitor.yaml", tmp_path / "empty", broker.port, {machines: source})
    with Daemon(config) as daemon:
        assert daemon.process is not None
        assert daemon.process.wait(60) == 1
    assert len(daemon.log.splitlines()) == 1
    assert f"monitor train {machines}" in daemon.log
