"""An independent MQTT subscriber: what anybody on the plant's network would receive, line by line and in numbers."""

from __future__ import annotations

import json
import queue
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from monitor.errors import MonitorError

CONNECT_S = 10.0
"""A broker on this computer answers within milliseconds; one across a plant's network within seconds."""


@dataclass(frozen=True, slots=True)
class Received:
    """One message as it came from the broker."""

    topic: str
    """Without the node's base."""
    payload: dict[str, Any]
    retained: bool


class Listener:
    """Subscribes to everything of one node."""

    def __init__(self, host: str, port: int, base: str) -> None:
        self._base = base
        self._queue: queue.Queue[Received] = queue.Queue()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv311)
        self._client.on_connect = lambda client, *_: client.subscribe(f"{base}/#", qos=1)
        self._client.on_message = self._receive
        self._client.connect_timeout = CONNECT_S
        try:
            self._client.connect(host, port)
        except OSError as error:
            raise MonitorError(f"broker {host}:{port} cannot be reached: {error}") from error
        self._client.loop_start()

    def received(self, timeout_s: float) -> Iterator[Received]:
        """Messages as they come, until none has come for ``timeout_s``."""
        while True:
            try:
                yield self._queue.get(timeout=timeout_s)
            except queue.Empty:
                return

    def command(self, verb: str, fields: dict[str, str]) -> None:
        """Tell the node something, as any client on the network could."""
        self._client.publish(f"{self._base}/command/{verb}", json.dumps(fields), qos=1)

    def close(self) -> None:
        """Leave the broker."""
        self._client.disconnect()
        self._client.loop_stop()

    def _receive(self, _client: paho.Client, _userdata: object, message: paho.MQTTMessage) -> None:
        try:
            payload = json.loads(message.payload) if message.payload else {}
        except ValueError:
            return  # not ours: someone else's message under our base
        if isinstance(payload, dict):
            topic = message.topic.removeprefix(self._base + "/")
            if topic.startswith("command/"):
                return  # our own, or another person's: the node's answer is what counts
            self._queue.put(Received(topic, payload, message.retain))
