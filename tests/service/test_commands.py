"""The README's own commands, with mosquitto's own clients, against a real broker and the running daemon."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from monitor.publish.schema import schemas
from tests.broker import Broker, Listener, listening, needs_mosquitto
from tests.service.conftest import HOP_S, WINDOW_S
from tests.service.plant import Daemon, write_config

pytestmark = [
    needs_mosquitto,
    pytest.mark.skipif(shutil.which("mosquitto_rr") is None, reason="mosquitto's clients are not installed"),
]
Sounds = Callable[..., list[Path]]
BASE = "monitor/hall3-pc1"
ALARM = f"{BASE}/machine/fan-1/alarm/anomaly"
GONE = f"{BASE}/machine/fan-2/alarm/anomaly"


@pytest.fixture
def config(tmp_path: Path, state_dir: Path, sounds: Sounds) -> Callable[[Broker], Path]:
    source = {"recording": str(sounds(1, 60, "bearing")[0]), "speed": 10, "loop": True}
    unlearnt = {"source": {"recording": str(sounds(1, 60)[0])}}

    def write(broker: Broker) -> Path:
        path = write_config(
            tmp_path / "monitor.yaml", state_dir, broker.port, {"fan-1": {"source": source}, "fan-2": unlearnt},
            window_s=WINDOW_S, hop_s=HOP_S, health_s=5,
        )  # fmt: skip
        path.write_text(path.read_text().replace("node: test", "node: hall3-pc1"))
        return path

    return write


def commands_of(readme: str) -> dict[str, str]:
    """The command lines of the README's section, by the last level of their topic."""
    section = readme[readme.index("### Working with alarms") : readme.index("## From Python")]
    lines = re.findall(r"^mosquitto_.*$", "\n".join(re.findall(r"```sh\n(.*?)```", section, re.DOTALL)), re.MULTILINE)
    return {re.search(r"-t '?[\w/-]*?([\w-]+)'? ", line)[1]: line for line in lines}  # type: ignore[index]


def run_line(line: str, broker: Broker) -> str:
    there = line.replace("-h broker.plant.lan", f"-h 127.0.0.1 -p {broker.port}")
    return subprocess.run(["bash", "-c", there], capture_output=True, text=True, check=True, timeout=60).stdout


def state(listener: Listener) -> Any:
    found = listener.last(ALARM)
    return None if found is None else found.json["state"]


def answers(listener: Listener, verb: str) -> list[dict[str, Any]]:
    return [each.json for each in listener.on(f"{BASE}/response/{verb}")]


def happened(listener: Listener) -> dict[str, str]:
    """What each event of the machine says, by its id: a killed node may send its last ones again."""
    events = [each.json for each in listener.on(f"{BASE}/event")]
    return {each["id"]: each["event"] for each in events if each["machine"] is not None}


def alarms(config: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "monitor", "alarms", *arguments, "--config", str(config)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def publish(broker: Broker, verb: str, payload: str, *, retain: bool = False, **properties: object) -> None:
    client = paho.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    packed = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    for name, value in properties.items():
        setattr(packed, name, value)
    client.publish(f"{BASE}/command/{verb}", payload, 1, retain, packed).wait_for_publish(10)
    client.disconnect()
    client.loop_stop()


def test_a_newcomer_with_the_readme_and_mosquittos_clients_acknowledges_and_shelves(
    root: Path, tmp_path: Path, config: Callable[[Broker], Path]
) -> None:
    lines = commands_of((root / "README.md").read_text())
    assert set(lines) == {"anomaly", "acknowledge", "shelve", "unshelve"}
    with Broker(tmp_path / "broker") as broker, listening(broker) as listener, Daemon(config(broker)) as daemon:
        listener.wait_for(lambda seen: state(seen) == "unacknowledged", "the alarm", 60)
        assert json.loads(run_line(lines["anomaly"], broker))["state"] == "unacknowledged"
        run_line(lines["acknowledge"], broker)
        listener.wait_for(lambda seen: state(seen) == "acknowledged", "the acknowledgement")
        listener.wait_for(lambda seen: answers(seen, "acknowledge"), "the answer")
        assert answers(listener, "acknowledge")[-1]["accepted"] is True
        run_line(lines["shelve"], broker)
        listener.wait_for(lambda seen: state(seen) == "shelved", "the shelf")
        answer = json.loads(run_line(lines["unshelve"], broker))
        assert (answer["accepted"], answer["state"]) == (True, "acknowledged")
        assert answers(listener, "unshelve") == []  # it was asked for elsewhere
        assert daemon.terminate() == 0
        listener.wait_farewell(f"{BASE}/status")
        events = [each.json for each in listener.on(f"{BASE}/event")]
        kpi = listener.last(f"{BASE}/kpi")
    assert [each["event"] for each in events if each["machine"] is not None and each["event"] != "warning"] == [
        "raised", "acknowledged", "shelved", "unshelved",
    ]  # fmt: skip
    assert [each["seq"] for each in events] == list(range(1, len(events) + 1))
    assert kpi is not None
    for message in listener.messages:
        name = message.topic.removeprefix(f"{BASE}/").split("/")
        if name[0] in {"event", "response", "kpi"}:
            jsonschema.validate(message.json, schemas()[f"{name[0]}.json"])
        elif name[-2:] == ["alarm", "anomaly"]:
            jsonschema.validate(message.json, schemas()["alarm.json"])


def test_the_command_line_commands_the_daemon_and_a_killed_one_knows_it_after_its_restart(
    tmp_path: Path, config: Callable[[Broker], Path]
) -> None:
    with Broker(tmp_path / "broker") as broker, listening(broker) as listener:
        path = config(broker)
        with Daemon(path):
            listener.wait_for(lambda seen: state(seen) == "unacknowledged", "the alarm", 60)
            assert "fan-1/anomaly" in alarms(path, "list").stdout
            done = alarms(path, "ack", "fan-1", "--by", "ben", "--reason", "heard it")
            assert (done.returncode, done.stdout) == (0, "fan-1: acknowledged\n"), done.stderr
            refused = alarms(path, "reset", "fan-1")
            assert (refused.returncode, refused.stderr) == (1, "monitor: refused: it is not latched\n")
            listener.wait_for(lambda seen: "acknowledged" in happened(seen).values(), "the event")
        before, documents = happened(listener), len(listener.on(ALARM))
        assert (listener.last(GONE) or listener.messages[0]).json["state"] == "normal"
        path.write_text(
            yaml.safe_dump(
                {**(known := yaml.safe_load(path.read_text())), "machines": {"fan-1": known["machines"]["fan-1"]}}
            )
        )
        with Daemon(path) as daemon:  # the first was killed with SIGKILL
            listener.wait_for(lambda seen: len(seen.on(ALARM)) > documents, "the alarm of before", 60)
            scored = len(listener.on(f"{BASE}/machine/fan-1/score"))
            listener.wait_for(lambda seen: len(seen.on(f"{BASE}/machine/fan-1/score")) > scored + 5, "its work", 60)
            assert daemon.terminate() == 0
            listener.wait_farewell(f"{BASE}/status")
            assert state(listener) == "acknowledged"
            assert happened(listener) == before
            assert [each.payload for each in listener.on(GONE)][1:] == [b""]
            details = {each.json["detail"] for each in listener.on(f"{BASE}/event")}
            assert len([each for each in details if "ended without notice" in each]) == 1
        (first, second) = json.loads(alarms(path, "log", "--json").stdout)
    assert (first["by"], first["command"], first["accepted"], first["reason"]) == (
        "ben", "acknowledge", True, "heard it",
    )  # fmt: skip
    assert (second["command"], second["accepted"], second["reason"]) == ("reset", False, "it is not latched")


def test_the_alarms_of_a_node_that_is_away_are_listed_with_that_and_since_when(
    tmp_path: Path, config: Callable[[Broker], Path]
) -> None:
    with Broker(tmp_path / "broker") as broker, listening(broker) as listener:
        path = config(broker)
        never = alarms(path, "list")
        assert never.stdout.startswith("hall3-pc1 is UNKNOWN to the broker")
        with Daemon(path):
            listener.wait_for(lambda seen: state(seen) == "unacknowledged", "the alarm", 60)
            listener.wait_for(lambda seen: seen.last(f"{BASE}/health"), "a sign of life")
            there = alarms(path, "list")
            assert there.stdout.startswith("alarm "), "the table alone"
            assert json.loads(alarms(path, "list", "--json").stdout)["node"]["state"] == "online"
        listener.wait_farewell(f"{BASE}/status")  # it was killed: this is its last will
        kept = [each for each in listener.messages if each.topic == f"{BASE}/health" or "/alarm/" in each.topic]
        heard = max(each.json["published_at"] for each in kept)
        lost = alarms(path, "list").stdout.splitlines()
        assert lost[0].startswith(f"hall3-pc1 is OFFLINE (connection lost), last heard at {heard}; ")
        assert "fan-1/anomaly" in lost[2]
        with Daemon(path) as daemon:
            listener.wait_for(lambda seen: len(seen.on(f"{BASE}/status")) == 3, "its return", 60)
            assert daemon.terminate() == 0
            listener.wait_for(lambda seen: len(seen.on(f"{BASE}/status")) == 4, "the farewell")
        farewell = (listener.last(f"{BASE}/status") or listener.messages[0]).json
        found = json.loads(alarms(path, "list", "--json").stdout)
    assert found["node"] == {
        "node": "hall3-pc1", "state": "offline", "since": farewell["time"], "reason": "stopped",
        "last_heard": farewell["published_at"],
    }  # fmt: skip
    assert [each["machine"] for each in found["alarms"]] == ["fan-1"]


def test_what_cannot_be_carried_out_is_refused_with_a_reason_and_answers_go_where_mqtt_5_says(
    tmp_path: Path, config: Callable[[Broker], Path]
) -> None:
    good = json.dumps({"machine": "fan-1", "by": "anna"})
    with Broker(tmp_path / "broker") as broker, listening(broker) as listener, Daemon(config(broker)):
        listener.wait_for(lambda seen: state(seen) == "unacknowledged", "the alarm", 60)
        for verb, payload, retain in (
            ("acknowledge", good, True),
            ("acknowledge", "yes please", False),
            ("explode", good, False),
            ("shelve", good, False),
        ):
            before = len(answers(listener, verb))
            publish(broker, verb, payload, retain=retain)
            listener.wait_for(lambda seen, v=verb, n=before: len(answers(seen, v)) > n, verb)  # type: ignore[misc]
        said = [each["reason"] for verb in ("acknowledge", "explode", "shelve") for each in answers(listener, verb)]
        assert [any(word in reason for reason in said) for word in ("retain", "no JSON", "unknown", "missing")] == [
            True
        ] * 4
        assert state(listener) == "unacknowledged"
        token = uuid.uuid4().bytes
        publish(broker, "acknowledge", good, ResponseTopic="scada/7", CorrelationData=token, MessageExpiryInterval=60)
        listener.wait_for(lambda seen: seen.on("scada/7"), "the answer")
        assert listener.on("scada/7")[0].json["accepted"] is True
        # An answer must not be turned into a command.
        publish(broker, "acknowledge", good, ResponseTopic=f"{BASE}/command/reset")
        listener.wait_for(lambda seen: len(answers(seen, "acknowledge")) >= 3, "the answer on its own topic")
        assert not listener.on(f"{BASE}/command/reset")
