"""The connection of the Sparkplug face: a client of its own, because MQTT has one last will a connection.

All sending is done by paho's network thread. What the host is to know is a state and no log: what changes while there
is no connection, or the broker is slow, is told as it is afterwards. The log that loses nothing is the JSON face's.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import structlog
from paho.mqtt import client as paho
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from monitor.publish.connection import Client, MqttSettings, make_client, renew_password
from monitor.publish.encoding import to_json
from monitor.publish.messages import Message, Payload, Presence
from monitor.publish.outbox import Outbox
from monitor.publish.reconnect import Reconnect
from monitor.publish.sparkplug.host import PrimaryHost
from monitor.publish.sparkplug.metrics import readings
from monitor.publish.sparkplug.node import NUMBERS, REBIRTH, EdgeNode, SparkplugNames
from monitor.publish.sparkplug.wire import WireError, decode

_log = structlog.get_logger(__name__)

STATE_KEY: Final = "sparkplug"
"""Where the outbox keeps the number of the last birth, so that a death of before a restart is not taken for ours."""
_UNWRITTEN: Final = 256
"""Messages that may wait for the socket; then changes wait to be told together, and a slow broker costs no memory."""
_FAREWELL_S: Final = 1.0
_REFUSED: Final = 0x80  # MQTT 5: reason codes from here on are failures


@dataclass(frozen=True, slots=True)
class SparkplugSettings:
    """What makes the node a Sparkplug edge node."""

    names: SparkplugNames
    machines: tuple[str, ...]
    """Its devices."""
    primary_host: str | None = None
    """The host application to wait for; None waits for none."""


class SparkplugFace:
    """One edge node's connection; made once, started once.

    Args:
        settings: where the broker is.
        sparkplug: who this node is there.
        outbox: open; keeps the number of the last birth, and the alarms' documents of before a restart.
        clock: gives UTC in POSIX seconds.
    """

    def __init__(
        self,
        settings: MqttSettings,
        sparkplug: SparkplugSettings,
        outbox: Outbox,
        clock: Callable[[], float] = time.time,
    ) -> None:
        own_id = f"{settings.client_id or f'monitor-{sparkplug.names.node}'}-sparkplug"
        self._settings = replace(settings, client_id=own_id, will_delay_s=0)  # a host must hear of a death at once
        self._names = sparkplug.names
        self._outbox = outbox
        self._clock = clock
        self._guard = threading.Lock()  # of the node; held for a few dictionary accesses
        self._node = EdgeNode(sparkplug.names, sparkplug.machines)
        self._host = PrimaryHost(sparkplug.primary_host)
        kept = outbox.states().get(STATE_KEY)
        last = kept.get("bd_seq") if isinstance(kept, Mapping) else None
        self._bd_seq = last if isinstance(last, int) else 0
        self._spent = isinstance(last, int)  # a connection had this number: the next one has the next
        self._reconnect = Reconnect(settings, own_id)
        self._client: Client | None = None
        self._thread: threading.Thread | None = None
        self._ready = False  # connected, and told of commands
        self._born = False
        self._rebirth = False
        self._closing = False
        self._unwritten: set[int] = set()
        self._farewell: int | None = None  # the packet that says that we go
        self._gone = threading.Event()

    @property
    def alive(self) -> bool:
        """Whether the network thread runs or has yet to begin; False before `stop` means that a bug ended it."""
        return self._thread is None or self._thread.is_alive()

    def observe(self, payload: Payload) -> None:
        """Take a message of the JSON contract."""
        document = to_json(payload)
        if isinstance(document, dict):
            self._take(payload.name, document)

    def _take(self, name: str, document: Mapping[str, Any]) -> None:
        with self._guard:
            for reading in readings(name, document):
                self._node.read(reading)
            if name == "availability":
                self._node.hear(str(document["machine"]), alive=document["state"] == Presence.ONLINE)
        client = self._client
        if client is not None:
            client.wake()

    def start(self) -> None:
        """Connect in the background and keep connected.

        Raises:
            BadInputError: a certificate, key or password file cannot be used, or the host is no host name.
        """
        for payload in self._outbox.documents().values():
            self._take("alarm", json.loads(payload))
        client = make_client(self._settings, "", self._death())
        client.turn = self._turn
        client.on_pre_connect = self._before_connect
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        self._client = client
        self._connect(client)
        client.loop_start()

    def _connect(self, client: paho.Client) -> None:
        # The specification: a clean start, and a session that ends with the connection, which is MQTT 5's default.
        clean_start = True if self._settings.protocol == "5" else paho.MQTT_CLEAN_START_FIRST_ONLY
        client.connect_async(
            self._settings.host, self._settings.port, self._settings.keepalive_s, clean_start=clean_start
        )

    def stop(self) -> None:
        """Say that the node dies, and disconnect; takes at most about 3 s, harmless when not started."""
        client = self._client
        if client is None:
            return
        self._gone.clear()
        self._closing = True
        client.wake()
        self._gone.wait(_FAREWELL_S if self._ready else 0.0)
        client.end()
        self._client = None

    def _death(self) -> Message:
        return self._node.death(self._bd_seq, self._now_ms())

    def _now_ms(self) -> int:
        return round(self._clock() * 1000)

    # From here on: the network thread.

    def _turn(self) -> None:
        client = self._client
        if client is None or not self._ready:
            return
        if self._farewell is None and (self._closing or (self._born and not self._host.online)):
            self._die(client)
        elif self._farewell is None and self._host.online:
            self._tell(client)

    def _tell(self, client: Client) -> None:
        if len(self._unwritten) >= _UNWRITTEN:
            return
        with self._guard:
            if self._rebirth or not self._born:
                self._rebirth, self._born = False, True
                messages = self._node.birth(self._bd_seq, self._now_ms())
            else:
                messages = self._node.news(self._now_ms())
        for message in messages:
            sent = client.publish(message.topic, message.payload, message.qos, message.retain)
            if sent.rc == MQTTErrorCode.MQTT_ERR_SUCCESS:
                self._unwritten.add(sent.mid)

    def _die(self, client: Client) -> None:
        """Say so before going: a broker publishes no last will of a client that disconnects in order."""
        if not self._born:
            self._gone.set()
            return
        message = self._death()
        self._born = False
        self._farewell = client.publish(message.topic, message.payload, message.qos, message.retain).mid

    def _before_connect(self, client: paho.Client, _userdata: object) -> None:
        self._thread = threading.current_thread()
        client.drop_out_messages()  # paho would send a farewell of before again, after the birth
        if self._spent:
            self._spent, self._bd_seq = False, (self._bd_seq + 1) % NUMBERS
        renew_password(client, self._settings)
        will = self._death()
        client.will_set(will.topic, will.payload, will.qos, will.retain)

    def _on_connect(
        self, client: paho.Client, _userdata: object, _flags: object, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        self._spent = True
        if reason.is_failure:
            self._note_trouble(f"the broker refused the Sparkplug connection: {reason}")
            return
        if self._closing:
            client.disconnect()
            return
        self._outbox.append(states={STATE_KEY: {"bd_seq": self._bd_seq}})
        self._reconnect.succeeded()
        _log.info("connected to the broker as a Sparkplug node", group=self._names.group, node=self._names.node)
        topics = [(self._names.topic("NCMD"), 1)]
        topics += [] if self._host.topic is None else [(self._host.topic, 1)]
        client.subscribe(topics)

    def _on_subscribe(
        self,
        _client: paho.Client,
        _userdata: object,
        _mid: int,
        codes: Sequence[ReasonCode],
        _properties: Properties | None,
    ) -> None:
        """Born only now: a host may ask for a rebirth as soon as it sees the birth."""
        if any(code.value >= _REFUSED for code in codes):
            _log.warning("the broker refused Sparkplug's subscriptions: no rebirth on demand, no primary host")
        self._ready = True

    def _on_message(self, _client: paho.Client, _userdata: object, message: paho.MQTTMessage) -> None:
        if message.topic == self._host.topic:
            self._host.hear(bytes(message.payload))
        elif not message.retain:  # a command that lies at the broker would come again at every connect
            self._obey(bytes(message.payload))

    def _obey(self, payload: bytes) -> None:
        try:
            metrics = decode(payload).metrics
        except WireError as error:
            _log.warning("no Sparkplug command", reason=str(error))
            return
        for metric in metrics:
            if metric.name == REBIRTH and metric.value is True:
                self._rebirth = True
            elif metric.name != REBIRTH:
                _log.warning("a Sparkplug command for what cannot be written", metric=metric.name)

    def _on_publish(
        self, client: paho.Client, _userdata: object, mid: int, _reason: ReasonCode, _properties: Properties | None
    ) -> None:
        self._unwritten.discard(mid)
        if mid != self._farewell:
            return
        self._gone.set()
        if not self._closing:  # the primary host has gone: come again, and wait for it
            _log.info("the primary host is offline; waiting for it")
            client.disconnect()

    def _on_connect_fail(self, _client: paho.Client, _userdata: object) -> None:
        self._note_trouble(f"the broker cannot be reached for Sparkplug: {sys.exception()}")
        self._reconnect.back_off(self._client)

    def _on_disconnect(
        self,
        client: paho.Client,
        _userdata: object,
        _flags: object,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        ended_in_order = self._farewell is not None and not self._closing
        if self._ready and not self._closing and not ended_in_order:
            self._note_trouble(f"the Sparkplug connection to the broker was lost: {reason}")
        self._ready = self._born = self._rebirth = False
        self._farewell = None
        self._unwritten.clear()
        self._host.forget()
        self._gone.set()
        self._reconnect.back_off(self._client)
        if ended_in_order:
            self._connect(client)  # else paho's thread would end after a disconnect that was asked for

    def _note_trouble(self, text: str) -> None:
        if self._reconnect.is_news(text):
            _log.warning(text, host=self._settings.host, port=self._settings.port)
