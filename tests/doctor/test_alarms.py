"""`monitor doctor` tells what the daemon knows: a microphone of zeros is there, and hears nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from monitor.audio.source import MODEL_RATE_HZ
from monitor.config import Config
from monitor.doctor.alarms import Known, machine_finding, node_finding
from tests.broker import Broker, Listener, needs_mosquitto
from tests.doctor.examined import Capture, configure, contents, examined
from tests.service.plant import Daemon, give_model

NOW_S = 1_800_000_000.0


@pytest.fixture
def plain_broker(tmp_path: Path) -> Iterator[Broker]:
    with Broker(tmp_path / "plain") as running:
        yield running


@needs_mosquitto
def test_a_microphone_that_is_there_and_brings_zeros_is_a_failure_while_its_alarm_stands(
    tmp_path: Path, state_dir: Path, plain_broker: Broker, capsys: Capture
) -> None:
    give_model(state_dir, "fan-2")
    zeros = tmp_path / "zeros.wav"
    soundfile.write(zeros, np.zeros(30 * MODEL_RATE_HZ), MODEL_RATE_HZ)
    machines = {
        "fan-1": {"source": {"simulated": "fan", "seed": 3}},
        "fan-2": {"source": {"recording": str(zeros), "loop": True}},
    }
    config = configure(tmp_path, state_dir, plain_broker.port, machines)
    topic = "monitor/test/machine/fan-2/alarm/microphone"
    with Listener(plain_broker.port) as listener, Daemon(config) as daemon:
        listener.wait_for(lambda it: any(one.json["active"] for one in it.on(topic)), "the alarm", 60)
        raised_at = [one.json["raised_at"] for one in listener.on(topic)][-1]
        code, found = examined(capsys, config)
        assert daemon.terminate() == 0
    assert code == 1
    assert found["fan-2 source"]["state"] == "ok"
    assert found["fan-2 alarms"]["state"] == "FAIL"
    assert f"microphone alarm since {raised_at}" in found["fan-2 alarms"]["detail"]
    assert "zero" in found["fan-2 alarms"]["detail"]
    assert found["fan-1 alarms"]["state"] == "ok"
    before = contents(state_dir)
    _, found = examined(capsys, config)
    assert contents(state_dir) == before
    assert found["fan-2 alarms"]["state"] == "note"
    assert found["fan-2 alarms"]["detail"].startswith("when the daemon ended: microphone alarm since")
    assert found["fan-1 alarms"]["detail"].startswith("when the daemon ended: none stood; its last window ended at 20")


def test_a_machine_that_is_new_in_the_configuration_is_not_listened_to_yet() -> None:
    found = machine_finding(known("fan-1", "anomaly"), plant(), "fan-2", NOW_S, running=True)
    assert (found.state, found.remedy.partition(",")[0]) == ("note", "sudo systemctl reload monitor")


@pytest.mark.parametrize(("ago_s", "state"), [(60, "ok"), (200, "note")])
def test_a_machine_of_which_nothing_comes_though_no_alarm_stands_is_a_note(ago_s: float, state: str) -> None:
    found = machine_finding(
        Known(known("fan-1", "anomaly").documents, {"fan-1": NOW_S - ago_s}), plant(), "fan-1", NOW_S, running=True
    )
    assert found.state == state


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ({"active": True, "raised_at": "T", "state": "unacknowledged"}, "anomaly alarm since T"),
        (
            {"state": "shelved", "suppressed_or_shelved": True, "shelved_until": "T"},
            "anomaly alarm silenced (shelved)",
        ),
        (
            {"state": "suppressed", "suppressed_or_shelved": True, "suppressed_by": "maintenance"},
            "anomaly alarm silenced (suppressed)",
        ),
        ({"state": "suppressed", "suppressed_or_shelved": True, "suppressed_by": "machine_off"}, None),
    ],
)
def test_alarms_that_stand_or_that_people_keep_silent_are_notes(document: dict[str, Any], told: str | None) -> None:
    found = machine_finding(known("fan-1", "anomaly", **document), plant(), "fan-1", NOW_S, running=True)
    assert (found.state, found.detail) == (("ok", "none stands") if told is None else ("note", told))


@pytest.mark.parametrize(("kind", "state"), [("delivery", "FAIL"), ("flood", "note")])
def test_an_alarm_of_the_node_is_a_failure_where_it_keeps_messages_from_arriving(kind: str, state: str) -> None:
    found = node_finding(known("", kind, active=True, raised_at="T"))
    assert found is not None
    assert (found.state, found.detail) == (state, f"{kind} alarm since T")
    assert node_finding(known("", kind, active=False)) is None


def test_an_alarm_of_the_node_is_told_with_its_cause() -> None:
    detail = "delivery alarm: raised; the broker cannot be reached; the state database cannot be written"
    found = node_finding(known("", "delivery", active=True, raised_at="T", detail=detail))
    assert found is not None
    assert found.detail == f"delivery alarm since T: {detail.partition('; ')[2]}"


def known(machine: str, kind: str, **document: Any) -> Known:
    return Known({(machine, kind): {"active": False, "state": "normal", **document}})


def plant() -> Config:
    return Config.model_validate({"machines": {name: {"source": {"simulated": "fan"}} for name in ("fan-1", "fan-2")}})
