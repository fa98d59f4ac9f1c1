"""Commands on their way from the network thread to the one that decides, and their answers on the way back.

The network thread only puts a command down here; a bounded queue, so that a flood of commands costs nothing but
answers that say so.
"""

from __future__ import annotations

import queue
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog
from paho.mqtt import client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from monitor.publish.commands import Response, command_id
from monitor.publish.encoding import Utc, encode
from monitor.publish.ids import new_ulid
from monitor.publish.messages import Message
from monitor.publish.topics import Topics

_log = structlog.get_logger(__name__)

_REFUSED: Final = 0x80  # MQTT 5: reason codes from here on are failures
ANSWER_EXPIRY_S: Final = 60
"""MQTT 5: a broker keeps an answer for nobody longer; whoever asked has lost patience."""
WAITING: Final = 64
"""Commands that may wait: a person gives one in seconds, a script may acknowledge a whole plant at once."""
ANSWERS: Final = 256
"""Answers that may wait for a slow broker; then the oldest give way, and whoever waits for one asks again."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """A command as it came from the broker."""

    verb: str
    payload: bytes
    retained: bool
    """It lay at the broker, for nobody knows how long, or asked to."""
    answer_on: str
    """The topic that the answer goes to."""
    correlation: bytes | None
    """MQTT 5: goes back with the answer."""
    expires_s: float | None
    """MQTT 5's message expiry, on the monotonic clock; None is never."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A publish that answers a command."""

    message: Message
    correlation: bytes | None
    mqtt5: bool
    """Whether the connection can say more than 3.1.1's."""

    @property
    def properties(self) -> Properties | None:
        """For the publish; None where nothing can be said."""
        if not self.mqtt5:
            return None
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.MessageExpiryInterval = ANSWER_EXPIRY_S
        if self.correlation is not None:
            properties.CorrelationData = self.correlation
        return properties


class Inbox:
    """Commands of one node."""

    def __init__(self, topics: Topics, answers: deque[Answer], clock: Callable[[], float] = time.time) -> None:
        self._topics = topics
        self._answers = answers
        self._clock = clock
        self._mqtt5 = False
        self._queue: queue.Queue[Incoming] = queue.Queue(WAITING)

    def take(self) -> list[Incoming]:
        """The commands that have come since the last time, in order; never waits."""
        return [self._queue.get_nowait() for _ in range(self._queue.qsize())]

    def answer(self, incoming: Incoming, response: Response) -> None:
        """Have the answer sent; the caller wakes the connection."""
        message = Message(incoming.answer_on, encode(response), Response.qos, Response.retain)
        self._answers.append(Answer(message, incoming.correlation, self._mqtt5))

    # From here on: the network thread.

    def subscribe(self, client: paho.Client, *, mqtt5: bool) -> None:
        """Ask the broker for commands; to be called at each connect."""
        self._mqtt5 = mqtt5
        if mqtt5:
            # Retained as published: a command that is to be kept at the broker must be known from one that is not.
            client.subscribe(self._topics.commands, options=SubscribeOptions(1, noLocal=True, retainAsPublished=True))
        else:
            client.subscribe(self._topics.commands, qos=1)

    def subscribed(
        self,
        _client: paho.Client,
        _userdata: object,
        _mid: int,
        codes: list[ReasonCode],
        _properties: Properties | None,
    ) -> None:
        """Take the broker's answer to the subscription."""
        if any(code.value >= _REFUSED for code in codes):
            reason = ", ".join(str(code) for code in codes)
            _log.warning("no commands: the broker refused the subscription", topic=self._topics.commands, reason=reason)

    def receive(self, _client: paho.Client, _userdata: object, message: paho.MQTTMessage) -> None:
        """Take one message from the broker."""
        if not message.payload:
            return  # a retained command was deleted
        incoming = self._incoming(message)
        try:
            self._queue.put_nowait(incoming)
        except queue.Full:
            self.answer(incoming, self._busy(incoming))

    def _incoming(self, message: paho.MQTTMessage) -> Incoming:
        verb = message.topic.rpartition("/")[2]
        properties = message.properties
        asked = getattr(properties, "ResponseTopic", None)
        expiry_s = getattr(properties, "MessageExpiryInterval", None)
        return Incoming(
            verb=verb,
            payload=bytes(message.payload),
            retained=message.retain,
            answer_on=asked if asked and self._topics.may_answer_on(asked) else f"{self._topics.base}/response/{verb}",
            correlation=getattr(properties, "CorrelationData", None),
            expires_s=None if expiry_s is None else time.monotonic() + expiry_s,
        )

    def _busy(self, incoming: Incoming) -> Response:
        now = Utc(self._clock())
        return Response(
            id=new_ulid(now),
            node=self._topics.node,
            time=now,
            published_at=now,
            verb=incoming.verb,
            command_id=command_id(incoming.payload),
            accepted=False,
            reason=f"{WAITING} commands wait already; try again",
        )
