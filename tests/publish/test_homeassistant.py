"""What Home Assistant is told fits its discovery form, and leads to topics of the contract."""

from __future__ import annotations

import json
from typing import Any

from monitor.publish.commands import read_command
from monitor.publish.homeassistant import config_topic, discovery
from monitor.publish.topics import Topics

TOPICS = Topics("acme/hall3", "pc.1")


def announced() -> dict[str, Any]:
    (message,) = discovery("homeassistant", TOPICS, ["fan-1"], "0.1.0")
    assert message.retain
    assert message.topic == config_topic("homeassistant", TOPICS, "fan-1")
    found = json.loads(message.payload)
    assert isinstance(found, dict)
    return found


def test_the_topic_has_the_four_levels_and_the_letters_that_home_assistant_allows() -> None:
    assert config_topic("homeassistant", TOPICS, "fan-1") == "homeassistant/device/acme_hall3_pc_1_fan-1/config"


def test_every_component_has_a_platform_and_a_unique_id_of_its_own() -> None:
    components = announced()["components"]
    assert {each["p"] for each in components.values()} == {"binary_sensor", "sensor", "button"}
    assert {each["unique_id"] for each in components.values()} == set(components)


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
