"""SIGHUP takes over a changed configuration in the same process, without a false alarm; mistakes are refused."""

from __future__ import annotations

import contextlib
import re
import shutil
import signal
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import pytest

from tests.broker import Broker, listening, needs_mosquitto
from tests.service.conftest import HOP_S, WINDOW_S
from tests.service.plant import Daemon, give_model, hurried, write_config

pytestmark = needs_mosquitto

Sounds = Callable[..., list[Path]]

PATIENCE_S = 60.0
"""For what must come; a start of the interpreter and of torch on a busy machine is the longest of it."""
BASE = "monitor/test"
STATUS, AVAILABILITY, SCORE = f"{BASE}/status", f"{BASE}/machine/fan-1/availability", f"{BASE}/machine/fan-1/score"
ALARM, EVENT = f"{BASE}/machine/fan-1/alarm/anomaly", f"{BASE}/event"


@dataclass
class Manager:
    """A service manager's socket, and what it was told."""

    path: Path
    told: list[str] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self.path))
        self._socket.settimeout(60)
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def wait(self, start: str) -> str:
        """The next message that begins so."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            self.told.append(self._socket.recv(4096).decode())
            if self.told[-1].startswith(start):
                return self.told[-1]
        pytest.fail(f"the manager was not told {start!r}: {self.told}")


@dataclass
class Plant:
    """A daemon that was started on a configuration, and what it says."""

    config: Path
    state_dir: Path
    broker: Broker
    manager: Manager
    daemon: Daemon
    source: dict[str, Any]
    stack: contextlib.ExitStack

    def configure(self, machines: dict[str, Any] | None = None, **more: Any) -> None:
        given = machines or {"fan-1": {"source": self.source}}
        write_config(self.config, self.state_dir, self.broker.port, given, window_s=WINDOW_S, hop_s=HOP_S, **more)

    def start(self) -> None:
        self.stack.enter_context(self.daemon)
        self.manager.wait("READY=1")

    def hang_up(self) -> None:
        assert self.daemon.process is not None
        self.daemon.process.send_signal(signal.SIGHUP)

    @property
    def words(self) -> list[str]:
        return [record["event"] for record in self.daemon.records]


@pytest.fixture
def plant(tmp_path: Path, state_dir: Path, sounds: Sounds) -> Iterator[Plant]:
    source = {"recording": str(sounds(1, 60, "bearing")[0]), "speed": 20, "loop": True}
    config, address = tmp_path / "monitor.yaml", tmp_path / "notify"
    with Broker(tmp_path / "broker") as broker, Manager(address) as manager, contextlib.ExitStack() as stack:
        daemon = Daemon(config, {"NOTIFY_SOCKET": str(address), "WATCHDOG_USEC": "6000000"})
        made = Plant(config, state_dir, broker, manager, daemon, source, stack)
        made.configure()
        yield made


def test_a_changed_configuration_is_taken_over_by_the_same_process_while_alarms_stand_and_nobody_is_alarmed(
    plant: Plant,
) -> None:
    give_model(plant.state_dir, "fan-2")
    with listening(plant.broker) as listener:
        plant.start()
        listener.wait_for(lambda it: any(one.json["event"] == "raised" for one in it.on(EVENT)), "the alarm", 60)
        told = len(plant.manager.told)
        plant.configure({name: {"source": plant.source} for name in ("fan-1", "fan-2")})
        plant.hang_up()
        reloading = plant.manager.wait("RELOADING=1")
        assert "listening to 2 machines" in plant.manager.wait("READY=1")
        before = len(listener.on(SCORE))
        listener.wait_for(lambda it: it.on(f"{BASE}/machine/fan-2/score"), "the new machine's score", 60)
        arrived = [one.json["state"] for one in listener.on(f"{BASE}/machine/fan-2/availability")]
        listener.wait_for(lambda it: len(it.on(SCORE)) > before + 10, "the old machine's scores", 60)
        assert {one.json["state"] for one in listener.on(STATUS)} == {"online"}
        assert plant.daemon.terminate() == 0
        listener.wait_farewell(STATUS)
        events = [one.json for one in listener.on(EVENT)]
        standing = listener.last(ALARM)
        availability = [one.json["state"] for one in listener.on(AVAILABILITY)]
    assert re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=\d+\nSTATUS=checking the configuration", reloading)
    assert any(one == "WATCHDOG=1" for one in plant.manager.told[told:])
    assert not any(one.startswith("STOPPING=1") for one in plant.manager.told)
    assert [one["event"] for one in events] == ["raised", "reloaded"]
    assert events[1]["detail"] == "a changed configuration is in force; listening to 2 machines"
    assert standing is not None
    assert standing.json["active"]
    assert arrived == ["offline", "online"]
    assert availability == ["offline", "online", "online"]  # "not heard yet" at the very start alone


def test_a_configuration_with_mistakes_is_refused_with_each_of_them_and_no_window_is_lost(plant: Plant) -> None:
    with listening(plant.broker) as listener:
        plant.start()
        listener.wait_for(lambda it: it.on(SCORE), "its work", 60)
        right = plant.config.read_text()
        plant.config.write_text(right + "nod: x\nhealth_s: 0\n")
        plant.hang_up()
        plant.manager.wait("RELOADING=1")
        refused = plant.manager.wait("READY=1")
        assert "NOT in force: 2 mistakes" in plant.manager.wait("STATUS=1 machine;")
        scored = len(listener.on(SCORE))
        listener.wait_for(lambda it: len(it.on(SCORE)) > scored + 10, "the work that goes on", 60)
        plant.config.write_text(right)
        plant.hang_up()
        plant.manager.wait("RELOADING=1")
        unchanged = plant.manager.wait("READY=1")
        assert "NOT in force" not in plant.manager.wait("STATUS=1 machine;")
        scored = len(listener.on(SCORE))
        listener.wait_for(lambda it: len(it.on(SCORE)) > scored + 10, "the work that goes on", 60)
        starts = [one.json["start"] for one in listener.on(SCORE)]
        losses = [one.json["lost"] for one in listener.on(SCORE)]
        assert plant.daemon.terminate() == 0
        listener.wait_farewell(STATUS)
        told = [one.json for one in listener.on(EVENT) if one.json["event"].startswith("reload")]
    assert "NOT in force: 2 mistakes" in refused
    assert [(one["event"], one["machine"]) for one in told] == [("reload_refused", None), ("reloaded", None)]
    assert re.search(
        r"NOT in force: 2 mistakes: .*monitor\.yaml.* nod: unknown key.*; .* health_s: 0 is", told[0]["detail"]
    )
    assert told[1]["detail"] == "the configuration file is the one in force again"
    assert unchanged == "READY=1\nSTATUS=the configuration is unchanged"
    assert any("nod: unknown key" in word for word in plant.words)
    assert any("health_s: 0 is out of range" in word for word in plant.words)
    assert plant.words.count("started") == 1
    assert not any(losses)
    assert starts == sorted(set(starts))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"machines": {"fan-9": {"source": {"simulated": "fan"}}}}, "no machine has a model"),
        ({"mqtt": {"host": "127.0.0.1", "username": "u", "password_file": "/nowhere"}}, "/nowhere"),
        ({"device": "cuda:31"}, "cuda"),
    ],
)
def test_what_a_daemon_could_not_start_with_is_refused_too(plant: Plant, change: dict[str, Any], told: str) -> None:
    plant.start()
    plant.configure(**change)
    plant.hang_up()
    plant.manager.wait("RELOADING=1")
    assert "NOT in force: 1 mistake," in plant.manager.wait("READY=1")
    assert any(told in word for word in plant.words)
    assert plant.daemon.terminate() == 0


def test_signals_that_come_while_one_process_takes_the_others_place_end_neither_and_are_obeyed(plant: Plant) -> None:
    plant.start()
    plant.configure(health_s=10)
    plant.hang_up()
    plant.manager.wait("STATUS=starting anew")
    deadline = time.monotonic() + PATIENCE_S
    while plant.words.count("started") < 2 and time.monotonic() < deadline:
        plant.hang_up()
        time.sleep(0.02)
    assert "listening" in plant.manager.wait("READY=1")
    plant.manager.wait("RELOADING=1")
    assert "unchanged" in plant.manager.wait("READY=1")
    assert plant.daemon.terminate() == 0
    assert plant.words.count("started") == 2


def test_a_signal_while_models_are_loaded_is_obeyed_after_that(plant: Plant) -> None:
    plant.stack.enter_context(plant.daemon)
    plant.manager.wait("STATUS=loading")
    plant.hang_up()
    plant.manager.wait("READY=1")
    plant.manager.wait("RELOADING=1")
    assert "unchanged" in plant.manager.wait("READY=1")
    assert plant.daemon.terminate() == 0


def test_with_mqtt_3_1_1_whose_last_will_cannot_wait_the_node_says_that_it_reloads(plant: Plant) -> None:
    old = {"host": "127.0.0.1", "port": plant.broker.port, "protocol": "3.1.1"}
    plant.configure(mqtt=old)
    with listening(plant.broker) as listener:
        plant.start()
        listener.wait_for(lambda it: it.on(SCORE), "its work", 60)
        plant.configure(mqtt={**old, "keepalive_s": 20})
        plant.hang_up()
        listener.wait_for(lambda it: len(it.on(STATUS)) == 3, "its return", 60)
        told = [(one.json["state"], one.json.get("reason")) for one in listener.on(STATUS)]
        assert plant.daemon.terminate() == 0
    assert told == [("online", None), ("offline", "reloading"), ("online", None)]


def test_a_successor_that_cannot_start_shows_as_offline_in_the_end(tmp_path: Path, plant: Plant) -> None:
    """The models go between the check and the start; nobody else could say so."""
    with listening(plant.broker) as listener:
        plant.daemon.environ |= hurried(tmp_path / "hurried", publish__handover__SUCCESSOR_S=4)
        plant.start()
        listener.wait_for(lambda it: it.on(SCORE), "its work", 60)
        plant.configure(health_s=10)
        plant.hang_up()
        plant.manager.wait("STATUS=starting anew")
        left_s = time.time()
        shutil.rmtree(plant.state_dir / "models")
        assert plant.daemon.process is not None
        assert plant.daemon.process.wait(60) == 1
        listener.wait_farewell(STATUS)
        told = listener.on(STATUS)
    assert [one.json["state"] for one in told] == ["online", "offline"]
    assert told[-1].json["reason"] == "did not come back from a reload"
    assert told[-1].at_s - left_s >= 3.0
