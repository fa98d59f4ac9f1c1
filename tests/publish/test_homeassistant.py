"""What Home Assistant is told fits its discovery form, and leads to topics of the contract."""

from __future__ import annotations

import json
from typing import Any

import jinja2
import pytest

from monitor.detect.kinds import NODE_KINDS, AlarmKind
from monitor.publish.commands import read_command
from monitor.publish.encoding import encode
from monitor.publish.homeassistant import config_topic, discovery
from monitor.publish.messages import Alarm, Payload
from monitor.publish.topics import Topics
from tests.publish.samples import SAMPLES, T

TOPICS = Topics("acme/hall3", "pc.1")


def announced(machine: str = "fan-1") -> dict[str, Any]:
    """What is told of the machine, or without one of the node, which comes first."""
    node, other = discovery("homeassistant", TOPICS, ["fan-1"], "0.1.0")
    message = other if machine else node
    assert message.retain
    assert message.topic == config_topic("homeassistant", TOPICS, machine)
    found = json.loads(message.payload)
    assert isinstance(found, dict)
    return found


def rendered(component: dict[str, Any], payload: Payload) -> str:
    """What Home Assistant makes of the payload."""
    template = jinja2.Environment(autoescape=True).from_string(component["value_template"])
    return template.render(value_json=json.loads(encode(payload)))


def test_the_topic_has_the_four_levels_and_the_letters_that_home_assistant_allows() -> None:
    assert config_topic("homeassistant", TOPICS, "fan-1") == "homeassistant/device/acme_hall3_pc_1_fan-1/config"


def test_every_component_has_a_platform_and_a_unique_id_of_its_own() -> None:
    machine, node = announced()["components"], announced("")["components"]
    assert {each["p"] for each in machine.values()} == {"binary_sensor", "sensor", "button"}
    assert {each["p"] for each in node.values()} == {"binary_sensor"}
    assert not set(machine) & set(node)
    for components in (machine, node):
        assert {each["unique_id"] for each in components.values()} == set(components)


def test_the_node_is_a_device_that_its_machines_are_reached_by() -> None:
    node = announced("")["device"]
    assert node["name"] == "pc.1"
    assert announced()["device"]["via_device"] == node["identifiers"][0] == "acme_hall3_pc_1_NODE"
    topics = {each.topic for each in discovery("homeassistant", TOPICS, ["node"], "0")}
    assert len(topics) == 2, "a machine may be called node"


def test_the_node_has_each_of_its_own_alarms_which_nobody_knows_of_while_it_is_away() -> None:
    components = announced("")["components"]
    alarms = {name: each for name, each in components.items() if each["device_class"] == "problem"}
    assert {each["state_topic"] for each in alarms.values()} == {TOPICS.alarm("", kind) for kind in NODE_KINDS}
    assert all([at["topic"] for at in each["availability"]] == [TOPICS.status] for each in alarms.values())
    assert "availability" not in announced(""), "or its connection would be unknown just when it is lost"


@pytest.mark.parametrize(
    ("active", "acknowledged", "silenced", "shown"),
    [
        (True, False, False, "ON"),
        (True, True, False, "OFF"),
        (True, False, True, "OFF"),
        (False, False, False, "OFF"),
        (False, True, False, "OFF"),
    ],
)
def test_an_alarm_is_shown_while_it_is_active_and_somebody_is_to_be_told(
    *, active: bool, acknowledged: bool, silenced: bool, shown: str
) -> None:
    document = Alarm(
        id="A1", node="pc.1", time=T, published_at=T, machine=None, kind=AlarmKind.DELIVERY,
        active=active, acknowledged=acknowledged, suppressed_or_shelved=silenced,
    )  # fmt: skip
    (sensor,) = [each for name, each in announced("")["components"].items() if name.endswith("_delivery")]
    assert sensor["state_topic"] == document.topic(TOPICS)
    assert rendered(sensor, document) == shown


def test_the_connection_is_what_the_node_says_or_its_last_will() -> None:
    (sensor,) = [each for each in announced("")["components"].values() if each["device_class"] == "connectivity"]
    assert sensor["state_topic"] == TOPICS.status
    assert "availability" not in sensor
    assert rendered(sensor, SAMPLES["status"]) == "ON"
    assert rendered(sensor, SAMPLES["status-will"]) == "OFF"


def test_every_state_comes_from_a_topic_of_the_contract_and_a_dead_node_or_microphone_is_unavailable() -> None:
    found = announced()
    states = {each["state_topic"] for each in found["components"].values() if "state_topic" in each}
    alarms = {TOPICS.alarm("fan-1", kind) for kind in ("anomaly", "drift", "microphone")}
    assert states == {*alarms, TOPICS.score("fan-1")}
    assert [each["topic"] for each in found["availability"]] == [TOPICS.status, TOPICS.availability("fan-1")]
    assert found["availability_mode"] == "all"


def test_the_microphone_is_told_of_even_while_the_machine_cannot_be_heard() -> None:
    (sensor,) = [each for name, each in announced()["components"].items() if name.endswith("_microphone")]
    assert [each["topic"] for each in sensor["availability"]] == [TOPICS.status]


def test_the_button_sends_a_command_that_the_node_takes() -> None:
    (button,) = [each for each in announced()["components"].values() if each["p"] == "button"]
    assert button["command_topic"] == TOPICS.command("acknowledge")
    assert read_command("acknowledge", button["payload_press"].encode()).machine == "fan-1"
