"""What is wrong on the command line of `monitor alarms` is said in one line."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from monitor.cli.alarms import seconds, standing, target
from monitor.errors import BadInputError, MonitorError
from monitor.publish.commander import Commander
from monitor.publish.connection import MqttSettings
from monitor.publish.topics import Topics
from tests.broker import free_port


@pytest.mark.parametrize(("written", "found"), [("90s", 90), ("45m", 2700), ("1.5h", 5400)])
def test_a_length_of_time_is_read(written: str, found: float) -> None:
    assert seconds(written) == found


@pytest.mark.parametrize("written", ["", "10", "h", "-1h", "1 day", "1e3s", "nan"])
def test_what_is_no_length_of_time_is_refused(written: str) -> None:
    with pytest.raises(BadInputError, match="45m"):
        seconds(written)


@pytest.mark.parametrize("written", ["0s", "13h", "721m"])
def test_a_shelf_that_no_daemon_would_take_is_refused_in_the_words_of_the_command(written: str) -> None:
    with pytest.raises(BadInputError, match=f"--for: '{written}' is out of range; .* up to 12h"):
        seconds(written)


def test_a_broker_that_says_nothing_has_not_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.publish.commander.ANSWER_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings = MqttSettings(host="127.0.0.1", port=silent.getsockname()[1])
        with pytest.raises(MonitorError, match=r"cannot be reached: no answer within 0\.5 s"):
            Commander(settings, Topics("monitor", "pc1")).__enter__()


def test_an_alarm_is_named_by_machine_and_kind_or_by_the_kind_of_the_node() -> None:
    assert target("fan-1") == {"machine": "fan-1"}
    assert target("fan-1/drift") == {"machine": "fan-1", "kind": "drift"}
    assert target("flood") == {"kind": "flood"}
    with pytest.raises(BadInputError, match="'noise' is no kind"):
        target("fan-1/noise")


def test_the_list_says_by_what_an_alarm_is_silent_and_until_when() -> None:
    assert standing({"state": "suppressed", "suppressed_by": "machine_off", "detail": "unshelved by anna"}) == (
        "suppressed by machine_off"
    )
    assert (
        standing({"state": "shelved", "shelved_until": "2026-03-01T12:00:00Z"}) == "shelved until 2026-03-01T12:00:00Z"
    )
    assert standing({"state": "acknowledged", "suppressed_by": None}) == "acknowledged"


@pytest.mark.parametrize(
    ("arguments", "said"), [(["list"], "cannot be reached"), (["log"], "has `monitor run` ever run")]
)
def test_without_a_broker_or_a_daemon_one_line_says_so(tmp_path: Path, arguments: list[str], said: str) -> None:
    config = tmp_path / "monitor.yaml"
    config.write_text(
        f"mqtt: {{host: 127.0.0.1, port: {free_port()}}}\nstate_dir: state\n"
        "machines: {fan-1: {source: {simulated: fan}}}\n"
    )
    command = [sys.executable, "-m", "monitor", "alarms", *arguments, "--config", str(config)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode in {1, 2}
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert said in done.stderr
