"""`monitor demo` whole, on a running mosquitto: what a mosquitto_sub beside it sees, and the exit code."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from monitor.demo import show
from tests.broker import Broker, free_port, listening, needs_mosquitto
from tests.service.plant import monitor


@needs_mosquitto
def test_the_demonstration_shows_an_alarm_come_be_acknowledged_and_go_and_mosquitto_sub_sees_it(tmp_path: Path) -> None:
    program = shutil.which("mosquitto_sub")
    if program is None:
        pytest.skip("mosquitto_sub is not installed")
    with Broker(tmp_path / "broker") as broker, listening(broker) as ready:
        subscribe = [program, "-p", str(broker.port), "-t", "monitor/demo/event", "-C", "1", "-W", "280"]
        with subprocess.Popen(subscribe, stdout=subprocess.PIPE, text=True) as subscriber:
            done = monitor("demo", "--broker", f"127.0.0.1:{broker.port}", "--out", str(tmp_path / "demo"))
            event, _ = subscriber.communicate(timeout=60)
        topic = "monitor/demo/machine/gearbox-1/alarm/anomaly"
        retained = [program, "-p", str(broker.port), "-t", topic, "-C", "1", "-W", "30"]
        alarm = subprocess.run(retained, capture_output=True, text=True, check=True, timeout=60).stdout
        events = [each.json for each in ready.on("monitor/demo/event")]
        assert not [each for each in events if each["machine"] != "gearbox-1"]
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(event)["event"] == "raised"
    assert [each["event"] for each in events if each["event"] != "warning"] == ["raised", "acknowledged", "cleared"]
    assert {each["alarm_id"] for each in events} == {json.loads(alarm)["alarm_id"]}
    assert json.loads(alarm)["state"] == "normal"
    assert "false alarms  none" in done.stdout


def test_a_broker_that_is_no_address_is_refused_before_anything_is_learnt() -> None:
    done = monitor("demo", "--broker", "localhost")
    assert done.returncode == 2
    assert "HOST:PORT" in done.stderr
    assert done.stdout == ""


def test_a_broker_that_is_not_there_is_told_before_anything_is_learnt(tmp_path: Path) -> None:
    done = monitor("demo", "--broker", f"127.0.0.1:{free_port()}", "--out", str(tmp_path / "demo"))
    assert done.returncode == 1
    assert "cannot be reached" in done.stderr
    assert not (tmp_path / "demo").exists()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = monitor("demo", "--out", str(tmp_path / "file"))
    assert done.returncode == 2
    assert done.stderr == f"monitor: error: --out: {tmp_path / 'file'} cannot be made: File exists\n"


def test_a_folder_in_use_is_left_alone_and_an_earlier_demos_is_not(tmp_path: Path) -> None:
    (tmp_path / "state.sqlite").write_text("a plant's")
    done = monitor("demo", "--out", str(tmp_path))
    assert done.returncode == 2
    assert done.stderr.startswith(f"monitor: error: --out: {tmp_path} is in use")
    assert [path.name for path in tmp_path.iterdir()] == ["state.sqlite"]
    own = tmp_path / "demo"
    assert show.home_of(own) == own
    (own / "monitor.yaml").write_text("of an earlier demo")
    assert show.home_of(own) == own
