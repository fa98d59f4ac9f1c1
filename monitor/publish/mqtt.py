"""The publisher: delivers events from the outbox, retained documents and telemetry to one MQTT broker.

Callers leave things here and go on; all sending is done by paho's network thread, while connected, with few publishes
unacknowledged at a time. What paho 2.2 does by itself with unacknowledged publishes is avoided: it resends them after a
reconnect without regard to any limit, and takes a refused publish for a published one.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog
from paho.mqtt import client as paho
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from monitor.publish import connection
from monitor.publish.commands import Response
from monitor.publish.connection import Client, MqttSettings, TlsSettings
from monitor.publish.encoding import Utc
from monitor.publish.face import Face
from monitor.publish.handover import keep_place
from monitor.publish.inbox import ANSWERS, Answer, Inbox, Incoming
from monitor.publish.messages import Alarm, DeliveryEvent, Event, Message, Payload, Presence, to_message
from monitor.publish.outage import Outage
from monitor.publish.outbox import Outbox
from monitor.publish.presence import status
from monitor.publish.reconnect import Reconnect
from monitor.publish.retained import Retained
from monitor.publish.rows import Audited
from monitor.publish.session import TELEMETRY, Session
from monitor.publish.topics import Topics
from monitor.publish.troubles import troubles

__all__ = ["MqttSettings", "Publisher", "TlsSettings"]

_log = structlog.get_logger(__name__)

_FAREWELL_S = 0.5  # kept of the time to stop for saying `offline`, even when draining took the rest


class Publisher:
    """One node's connection to its broker; made once, started once.

    Args:
        settings: where the broker is.
        topics: of this node.
        outbox: open; stays its owner's, who closes it after `stop`.
        clock: gives UTC in POSIX seconds.
        face: is started, told and stopped with this one; None is none.
    """

    def __init__(
        self,
        settings: MqttSettings,
        topics: Topics,
        outbox: Outbox,
        clock: Callable[[], float] = time.time,
        face: Face | None = None,
    ) -> None:
        self._face = face
        self._settings = settings
        self._topics = topics
        self._outbox, self._clock = outbox, clock
        self._retained = Retained()
        self._telemetry: deque[Message] = deque(maxlen=TELEMETRY)
        answers: deque[Answer] = deque(maxlen=ANSWERS)
        self._inbox = Inbox(topics, answers, clock)
        self._session = Session(topics, outbox, self._retained, self._telemetry, answers, settings.window)
        self._client: Client | None = None
        self._thread: threading.Thread | None = None
        self._connected = threading.Event()
        self._waiter = threading.Event()  # set by a turn that began after it was put here and left nothing to wait for
        self._closing = False
        self._outage = Outage(outbox.depth)
        self._reconnect = Reconnect(settings, connection.own_id(settings, topics.node))
        self.has_successor = False
        """Set before `stop` when another process takes over at once: the broker goes on saying `online` meanwhile."""

    @property
    def connected(self) -> bool:
        """Whether the broker has accepted the connection."""
        return self._connected.is_set()

    @property
    def depth(self) -> int:
        """Events that wait for the broker's acknowledgement."""
        return self._outbox.depth

    def troubles(self) -> tuple[str, ...]:
        """Why messages do not reach the broker, in words; nothing while they do."""
        return troubles(self._outage.lasts_s, self._session.denied, self._outbox.health(), self._reconnect.rival)

    @property
    def alive(self) -> bool:
        """Whether the network threads run or have yet to begin; False before `stop` means that a bug ended one."""
        return (self._thread is None or self._thread.is_alive()) and (self._face is None or self._face.alive)

    def wait_connected(self, timeout_s: float) -> bool:
        """Wait until connected, for at most so long; returns whether it is."""
        return self._connected.wait(timeout_s)

    def start(self) -> None:
        """Connect in the background and keep connected; an unreachable broker is a warning and tried again.

        Raises:
            BadInputError: a certificate, key or password file cannot be used, or the host is no host name.
        """
        will = status(self._topics, Presence.OFFLINE, None, "connection lost")
        client = connection.make_client(self._settings, connection.own_id(self._settings, self._topics.node), will)
        for (machine, kind), payload in self._outbox.documents().items():
            self._retained.put(Message(self._topics.alarm(machine, kind), payload, Alarm.qos, Alarm.retain))
        self._retained.put(self._status(Presence.ONLINE))
        client.turn = self._turn
        client.on_pre_connect = self._before_connect
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_message = self._inbox.receive
        client.on_subscribe = self._inbox.subscribed
        connection.connect_in_background(client, self._settings)
        self._client = client
        client.loop_start()
        if self._face is not None:
            self._face.start()

    def stop(self, timeout_s: float = 5.0, *, leave_nothing: bool = False) -> None:
        """Deliver what can be delivered in that time, say `offline`, disconnect; the rest stays in the outbox.

        With ``leave_nothing`` everything that is retained of the node is deleted then, for one that will not come back.
        Takes at most about 3 s longer than ``timeout_s``, 6 s with another face; harmless when not started.
        """
        client, deadline = self._client, time.monotonic() + timeout_s
        if client is None:
            return
        if self._face is not None:
            self._face.stop()
        self._wait_settled(client, timeout_s - _FAREWELL_S)
        self._closing = True  # from here on events stay in the outbox
        if not self.has_successor or self._settings.protocol != "5":
            self._retained.put(self._status(Presence.OFFLINE, reason="reloading" if self.has_successor else "stopped"))
            self._wait_settled(client, max(deadline - time.monotonic(), _FAREWELL_S))
        if leave_nothing:
            self._retained.clear_all()
            self._wait_settled(client, max(deadline - time.monotonic(), _FAREWELL_S))
        connected = self.connected
        client.end()
        if self.has_successor and connected:
            keep_place(self._settings, self._topics, _FAREWELL_S)
        self._client = None
        self._connected.clear()

    def commands(self) -> list[Incoming]:
        """The commands that have come since the last time, in order; never waits."""
        return self._inbox.take()

    def answer(self, incoming: Incoming, response: Response) -> None:
        """Answer a command, while connected; an answer is not kept for later."""
        self._inbox.answer(incoming, response)
        self._wake()

    def publish_events(
        self,
        events: Sequence[Event],
        alarms: Sequence[Alarm] = (),
        states: Mapping[str, Any] | None = None,
        audit: Sequence[Audited] = (),
    ) -> tuple[Event, ...]:
        """Write events, alarm documents, states and audit trail durably in one transaction, then have them sent.

        Waits for the disk, never for the network.

        Returns:
            The events with their numbers.
        """
        numbered, documents = self._outbox.append(events, alarms, states, audit)
        for document in documents:
            self._retained.put(to_message(document, self._topics))
            self._show(document)
        self._wake()
        return numbered

    def send(self, payload: Payload) -> None:
        """Send a payload retained, or as telemetry, as its contract says; events and alarms go by `publish_events`."""
        message = to_message(payload, self._topics)
        self._show(payload)
        if message.retain:
            self.retain(message)
        else:
            self.telemetry(message)

    def retain(self, message: Message) -> None:
        """Send a retained message now or once connected, and again after each reconnect; the latest per topic wins."""
        self._retained.put(message)
        self._wake()

    def clear(self, topic: str) -> None:
        """Delete what is retained under the topic."""
        self.retain(Message(topic, b"", 1, retain=True))

    def telemetry(self, message: Message) -> None:
        """Send at most once; dropped while not connected, and the oldest when the broker is slow."""
        if self.connected:
            self._telemetry.append(message)
            self._wake()

    def _show(self, payload: Payload) -> None:
        if self._face is not None:
            self._face.observe(payload)

    def _wake(self) -> None:
        client = self._client
        if client is not None:
            client.wake()

    def _wait_settled(self, client: Client, timeout_s: float) -> None:
        self._waiter = threading.Event()
        client.wake()
        if self.connected and self.alive and timeout_s > 0:
            self._waiter.wait(timeout_s)

    def _status(self, state: Presence, reason: str | None = None) -> Message:
        return status(self._topics, state, Utc(self._clock()), reason)

    # From here on: the network thread.

    def _turn(self) -> None:
        client = self._client
        if client is None or not self.connected:
            return
        waiter = self._waiter
        self._outbox.flush()
        if (told := self._outage.short()) is not None:
            self._outbox.note(DeliveryEvent.OUTAGE, told)
        events = not self._closing
        self._session.send(client, events=events)
        if self._session.idle(events=events):
            waiter.set()

    def _before_connect(self, client: paho.Client, _userdata: object) -> None:
        self._thread = threading.current_thread()
        client.drop_out_messages()  # the outbox sends them again, in order and within the window
        connection.renew_password(client, self._settings)

    def _on_connect(
        self, client: paho.Client, _userdata: object, _flags: object, reason: ReasonCode, properties: Properties | None
    ) -> None:
        if reason.is_failure:
            self._note_trouble(f"the broker refused the connection: {reason}")
        elif self._closing:
            client.disconnect()
        else:
            if (told := self._outage.ended(self._outbox.depth)) is not None:
                self._outbox.note(DeliveryEvent.OUTAGE, told)
            self._session.begin(properties)
            self._inbox.subscribe(client, mqtt5=self._settings.protocol == "5")
            if self._client is not None:
                self._client.begin_clean()
            if self._reconnect.succeeded():
                _log.info("connected to the broker", host=self._settings.host, port=self._settings.port)
            self._connected.set()

    def _on_connect_fail(self, _client: paho.Client, _userdata: object) -> None:
        self._note_trouble(self._reconnect.failed(sys.exception()))
        self._back_off()

    def _on_disconnect(
        self,
        _client: paho.Client,
        _userdata: object,
        flags: paho.DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if self.connected:
            self._connected.clear()
            if not self._closing:
                self._note_trouble(self._reconnect.lost(reason, told=flags.is_disconnect_packet_from_server))
        self._session.end()
        self._waiter.set()
        self._back_off()

    def _on_publish(
        self, _client: paho.Client, _userdata: object, mid: int, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        self._session.answered(mid, reason)

    def _note_trouble(self, text: str) -> None:
        if self._reconnect.is_news(text):
            _log.warning(text, host=self._settings.host, port=self._settings.port, waiting=self._outbox.depth)

    def _back_off(self) -> None:
        self._outage.began()
        self._reconnect.back_off(self._client)
