"""From the configuration to the settings of the broker's client."""

from __future__ import annotations

from collections.abc import Sequence

from monitor.config import Config
from monitor.publish.connection import MqttSettings, TlsSettings
from monitor.publish.homeassistant import config_topic, discovery
from monitor.publish.messages import Message
from monitor.publish.outbox import Outbox
from monitor.publish.sparkplug.face import SparkplugFace, SparkplugSettings
from monitor.publish.sparkplug.node import SparkplugNames
from monitor.publish.topics import Topics


def mqtt_settings(config: Config) -> MqttSettings:
    """The broker's settings as the publisher takes them."""
    mqtt = config.mqtt
    tls = None if mqtt.tls is None else TlsSettings(mqtt.tls.ca_file, mqtt.tls.cert_file, mqtt.tls.key_file)
    return MqttSettings(
        host=mqtt.host,
        port=mqtt.port,
        protocol="3.1.1" if mqtt.protocol == "3.1.1" else "5",
        client_id=mqtt.client_id,
        username=mqtt.username,
        password=config.mqtt_password(),
        tls=tls,
        keepalive_s=mqtt.keepalive_s,
        will_delay_s=mqtt.will_delay_s,
    )


def home_assistant(config: Config, version: str) -> list[Message]:
    """What announces the node and its machines to Home Assistant; nothing unless it is configured."""
    if config.mqtt.home_assistant is None:
        return []
    topics = Topics(config.mqtt.prefix, config.node)
    return discovery(config.mqtt.home_assistant, topics, list(config.machines), version)


def not_at_home(config: Config, machines: Sequence[str]) -> list[str]:
    """The topics that announced ``machines`` to Home Assistant; nothing unless it is configured."""
    if config.mqtt.home_assistant is None:
        return []
    topics = Topics(config.mqtt.prefix, config.node)
    return [config_topic(config.mqtt.home_assistant, topics, machine) for machine in machines]


def sparkplug(config: Config, outbox: Outbox) -> SparkplugFace | None:
    """The Sparkplug face, not started; None unless it is configured."""
    asked = config.mqtt.sparkplug
    if asked is None:
        return None
    names = SparkplugNames(asked.group, config.node)
    settings = SparkplugSettings(names, tuple(config.machines), asked.primary_host)
    return SparkplugFace(mqtt_settings(config), settings, outbox)
