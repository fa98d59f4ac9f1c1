"""A person's side of the contract: sends commands to a running node over the broker and waits for their answers.

Over the broker and not by a socket of the daemon's own: the daemon then has one way in, which is tested as integrators
use it, needs no thread or permission more, and can be commanded from any computer that has the configuration.
"""

from __future__ import annotations

import contextlib
import json
import queue
import secrets
import time
from dataclasses import replace
from types import TracebackType
from typing import Any, Final, Self

from paho.mqtt import client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from monitor.errors import MonitorError
from monitor.publish.connection import Client, MqttSettings, make_client
from monitor.publish.topics import Topics
from monitor.publish.whereabouts import Whereabouts, whereabouts

ANSWER_S: Final = 10.0
"""A node answers within a turn of its work, which a large plant on a small PC may take seconds for."""
QUIET_S: Final = 0.5
"""Retained documents come at once, one after the other; after such a pause there are no more."""
_REFUSED: Final = 0x80  # MQTT 5: reason codes from here on are failures


class Commander:
    """A connection to the broker, as a context.

    Args:
        settings: of the node; the client id is a new one, so that the node is not evicted.
        topics: of the node.

    Raises:
        MonitorError: the broker cannot be reached or lets nobody in; when the context is entered.
    """

    def __init__(self, settings: MqttSettings, topics: Topics) -> None:
        client_id = f"{settings.client_id or f'monitor-{topics.node}'}-{secrets.token_hex(4)}"
        self._settings = replace(settings, client_id=client_id)
        self._topics = topics
        self._received: queue.Queue[paho.MQTTMessage] = queue.Queue()
        self._told: queue.Queue[ReasonCode] = queue.Queue()
        self._client: Client | None = None

    def __enter__(self) -> Self:
        client = make_client(self._settings, self._settings.client_id or "", None)
        client.on_connect = lambda _client, _userdata, _flags, reason, _properties: self._told.put(reason)
        client.on_subscribe = lambda _client, _userdata, _mid, codes, _properties: self._told.put(codes[0])
        client.on_message = lambda _client, _userdata, message: self._received.put(message)
        try:
            client.connect(self._settings.host, self._settings.port, self._settings.keepalive_s)
        except OSError as error:
            raise MonitorError(f"broker {self._where} cannot be reached: {error}") from error
        client.loop_start()
        self._client = client
        try:
            self._expect_success(f"broker {self._where} refused the connection")
        except MonitorError:
            self._close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._close()

    def alarms(self) -> tuple[Whereabouts, list[dict[str, Any]]]:
        """What is retained of the node: whether it is there, and the document of every alarm, by machine and kind.

        Raises:
            MonitorError: the broker refuses.
        """
        for topic in self._topics.alarms:
            self._subscribe(topic)
        for topic in (self._topics.status, self._topics.health):
            with contextlib.suppress(MonitorError):  # who may read alarms alone is told that the node is unknown
                self._subscribe(topic)
        found: dict[str, dict[str, Any]] = {}
        while True:
            try:
                message = self._received.get(timeout=QUIET_S)
            except queue.Empty:
                break
            document = _object(message.payload)
            if document is not None:
                found[message.topic] = document
        status, health = found.pop(self._topics.status, None), found.pop(self._topics.health, None)
        documents = [found[topic] for topic in sorted(found)]
        others = documents if health is None else [health, *documents]
        return whereabouts(self._topics.node, status, others), documents

    def command(self, verb: str, fields: dict[str, Any]) -> dict[str, Any]:
        """Send a command and give the answer.

        Args:
            verb: the last level of its topic.
            fields: its payload, without an id.

        Raises:
            MonitorError: the broker refuses, or no answer comes.
        """
        client, identity = self._open_client(), secrets.token_hex(8)
        self._subscribe(self._topics.response(verb))
        properties = None
        if self._settings.protocol == "5":
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
            properties.ResponseTopic = self._topics.response(verb)
            properties.CorrelationData = identity.encode()
            properties.MessageExpiryInterval = int(ANSWER_S)
        payload = json.dumps({**fields, "id": identity}, ensure_ascii=False)
        client.publish(self._topics.command(verb), payload, qos=1, properties=properties)
        deadline = time.monotonic() + ANSWER_S
        while (left_s := deadline - time.monotonic()) > 0:
            try:
                answer = _object(self._received.get(timeout=left_s).payload)
            except queue.Empty:
                break
            if answer is not None and answer.get("command_id") == identity:
                return answer
        raise MonitorError(
            f"no answer from {self._topics.base} within {ANSWER_S:g} s: is `monitor run` running, and may this user "
            f"publish on {self._topics.command(verb)}?"
        )

    def _subscribe(self, topic: str) -> None:
        client = self._open_client()
        client.subscribe(topic, qos=1)
        self._expect_success(f"the broker refused to let us read {topic}")

    def _expect_success(self, complaint: str) -> None:
        try:
            reason = self._told.get(timeout=ANSWER_S)
        except queue.Empty:
            raise MonitorError(f"broker {self._where} cannot be reached: no answer within {ANSWER_S:g} s") from None
        if reason.value >= _REFUSED:
            raise MonitorError(f"{complaint}: {reason}")

    @property
    def _where(self) -> str:
        return f"{self._settings.host}:{self._settings.port}"

    def _open_client(self) -> Client:
        if self._client is None:
            raise MonitorError("not connected")
        return self._client

    def _close(self) -> None:
        client = self._open_client()
        client.disconnect()
        client.loop_stop()
        self._client = None


def _object(payload: bytes | bytearray) -> dict[str, Any] | None:
    try:
        found = json.loads(payload)
    except ValueError:  # someone else's message, or a document that was deleted
        return None
    return found if isinstance(found, dict) else None
