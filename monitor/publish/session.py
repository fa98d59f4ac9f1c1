"""What goes on while connected: which publishes are unacknowledged, what is sent next, what an answer means.

All of it belongs to the network thread, so that nothing here needs a lock.
"""

from __future__ import annotations

import math
import time
from collections import deque
from typing import NamedTuple

import structlog
from paho.mqtt import client as paho
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from monitor.publish.inbox import Answer
from monitor.publish.messages import DeliveryEvent, Event, Message
from monitor.publish.outage import LEAST_S
from monitor.publish.outbox import Outbox
from monitor.publish.patience import PASSING, Patience
from monitor.publish.retained import Retained
from monitor.publish.topics import Topics

_log = structlog.get_logger(__name__)

TELEMETRY = 4096  # scores that may wait for a slow broker, 2 MB: ten windows of 400 machines, then the oldest give way
_REFUSED = 0x80  # MQTT 5: reason codes from here on are failures
_TOO_LARGE = 0x95  # MQTT 5's own code for a packet that is
_OVERHEAD = 16  # bytes of an MQTT 5 publish besides topic and payload, rounded up
_TRY_EVERY_S = 300.0  # someone who has corrected an access list sees the result while still at it
_ASK_EVERY_S = 60.0  # of events: half as often as `health` is sent, and a line a minute in the log of one that denies
_RECEIVE_MAXIMUM = 65_535  # what MQTT 5 takes for granted when the broker says nothing


class _Sent(NamedTuple):
    """A publish that waits for its answer."""

    topic: str
    seq: int | None
    """Of an event."""
    lasting: bool
    """An event or a retained message; the answer to a command is not missed for long."""


class Session:
    """Sends from outbox, retained messages and telemetry, with at most ``window`` publishes unacknowledged."""

    def __init__(
        self,
        topics: Topics,
        outbox: Outbox,
        retained: Retained,
        telemetry: deque[Message],
        answers: deque[Answer],
        window: int,
    ) -> None:
        self._topics = topics
        self._outbox = outbox
        self._retained = retained
        self._telemetry = telemetry
        self._answers = answers
        self._most = window
        self._window = window
        self._packet_limit: int | None = None
        self._sent: dict[int, _Sent] = {}
        self._written: set[int] = set()  # telemetry that is not on the socket yet
        self._known: set[str] = set()  # topics whose refusal has been told of
        self._patience = Patience()
        self._held = False  # an event was refused for now: no more are sent for a while
        self._tried_s = 0.0
        self._asked_s = -math.inf  # when an event was refused last on this connection
        self._progress_s = 0.0  # when a publish was answered last, or the first one began to wait; monotonic
        self.denied: frozenset[str] = frozenset()
        """Topics of events and retained messages that the broker refuses; any thread may look."""

    def begin(self, properties: Properties | None) -> None:
        """The broker has accepted the connection, with these MQTT 5 properties."""
        # One less than the broker takes, so that a publish of paho's own could not break the limit.
        self._window = max(min(self._most, getattr(properties, "ReceiveMaximum", _RECEIVE_MAXIMUM) - 1), 1)
        self._packet_limit = getattr(properties, "MaximumPacketSize", None)
        self.end()
        self.denied &= {self._topics.event}  # everything else is sent again at once
        self._asked_s = -math.inf  # a broker that was started again may have another access list
        self._retained.all_due(first=self._topics.status)

    def end(self) -> None:
        """The connection is gone: what has no answer goes back to where it came from."""
        self._sent.clear()
        self._written.clear()
        self._held = False
        self._telemetry.clear()
        self._answers.clear()  # whoever asked has lost patience by the time the broker is back
        self._outbox.release()

    def send(self, client: paho.Client, *, events: bool) -> None:
        """Send what there is room for; without ``events`` only what is retained."""
        self._send_answers(client)
        self._try_again()
        self._send_retained(client)
        if events:
            self._ask_again()
            self._send_events(client)
            self._send_telemetry(client)

    def idle(self, *, events: bool) -> bool:
        """Whether everything was sent and answered; without ``events``, everything retained."""
        busy = self._sent or self._written or self._answers or self._retained.waiting
        return not busy and not (events and self._outbox.waiting)

    def answered(self, mid: int, reason: ReasonCode) -> None:
        """The broker has answered a publish, or a telemetry message is on its way."""
        sent = self._sent.pop(mid, None)
        if sent is not None:
            self._note_progress()
        if sent is None:
            self._written.discard(mid)
        elif sent.seq is not None and reason.value in PASSING and self._patience.refused(sent.seq, time.monotonic()):
            self._hold(sent.topic, reason)
        elif reason.value >= _REFUSED:
            self._refused(sent, reason.value, str(reason))
        else:
            self._known.discard(sent.topic)
            self.denied -= {sent.topic}
            if sent.seq is None:
                self._retained.arrived(sent.topic)
            else:
                self._patience.accepted(sent.seq)
                self._outbox.acknowledge(sent.seq)

    def _note_progress(self) -> None:
        """A broker that is connected but answers nothing is as good as away."""
        now_s, before_s = time.monotonic(), self._progress_s
        self._progress_s = now_s
        if now_s - before_s >= LEAST_S:
            self._outbox.note(DeliveryEvent.OUTAGE, f"the broker did not answer for {now_s - before_s:.0f} s")

    def _try_again(self) -> None:
        """A broker does not tell when it has come to allow a topic: retained messages are tried anew."""
        now_s = time.monotonic()
        if self.denied and now_s - self._tried_s >= _TRY_EVERY_S:
            self._tried_s = now_s
            self._retained.again(self.denied)

    def _ask_again(self) -> None:
        """Nor of events, of which the next may be weeks away: news of those that were refused is tried meanwhile."""
        if self._topics.event in self.denied and time.monotonic() - self._asked_s >= _ASK_EVERY_S:
            self._asked_s = time.monotonic()
            self._outbox.ask()

    def _send_answers(self, client: paho.Client) -> None:
        while len(self._sent) < self._window and self._answers:
            answer = self._answers.popleft()
            self._publish(client, answer.message, None, answer.properties, lasting=False)

    def _send_retained(self, client: paho.Client) -> None:
        while len(self._sent) < self._window and (message := self._retained.take()) is not None:
            self._publish(client, message, None)

    def _send_events(self, client: paho.Client) -> None:
        if self._held and not self._let_go():
            return
        room = self._window - len(self._sent)
        if room > 0 and self._outbox.waiting:
            for row in self._outbox.take(room):
                self._publish(client, Message(self._topics.event, row.payload, Event.qos, Event.retain), row.seq)

    def _hold(self, topic: str, reason: ReasonCode) -> None:
        """An event was refused for now: the events wait, then go on from it."""
        if not self._held:
            _log.warning("the broker refused an event for now; trying again", topic=topic, reason=str(reason))
        self._held = True
        if self._patience.lasting:
            self.denied |= {topic}

    def _let_go(self) -> bool:
        """Once every event has its answer and the wait is over, what is still there is to be sent again, in order."""
        unanswered = any(sent.seq is not None for sent in self._sent.values())
        if unanswered or not self._patience.due(time.monotonic()):
            return False
        self._held = False
        self._outbox.release()
        return True

    def _send_telemetry(self, client: paho.Client) -> None:
        while self._telemetry and len(self._written) < TELEMETRY:
            message = self._telemetry.popleft()
            sent = client.publish(message.topic, message.payload, 0, message.retain)
            if sent.rc == MQTTErrorCode.MQTT_ERR_SUCCESS:
                self._written.add(sent.mid)

    def _publish(
        self,
        client: paho.Client,
        message: Message,
        seq: int | None,
        properties: Properties | None = None,
        *,
        lasting: bool = True,
    ) -> None:
        """Hand one message to paho; when the connection is just breaking, `end` takes it back."""
        waits = _Sent(message.topic, seq, lasting)
        size = len(message.topic.encode()) + len(message.payload) + _OVERHEAD
        size += 0 if properties is None else len(properties.pack())  # type: ignore[no-untyped-call]
        if self._packet_limit is not None and size > self._packet_limit:  # the broker would hang up, again and again
            self._refused(waits, _TOO_LARGE, f"{size} bytes, the broker takes {self._packet_limit}")
            return
        sent = client.publish(message.topic, message.payload, message.qos, message.retain, properties)
        self._progress_s = self._progress_s if self._sent else time.monotonic()
        self._sent[sent.mid] = waits

    def _refused(self, sent: _Sent, code: int, reason: str) -> None:
        known = sent.topic in self._known
        self._known.add(sent.topic)
        if sent.lasting:
            self._tried_s = self._tried_s if self.denied else time.monotonic()
            self.denied |= {sent.topic}
        if not known:
            _log.warning("the broker refused a publish", topic=sent.topic, reason_code=code, reason=reason)
        if sent.seq is None:
            self._outbox.note_refusal(sent.topic, code, reason, known=known)
        else:
            self._asked_s = time.monotonic()
            self._outbox.refuse(sent.seq, sent.topic, code, reason)
