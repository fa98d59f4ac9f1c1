"""The contract on the wire: a frozen record for every payload, with its topic, quality of service and retain flag.

A record's fields are the payload's keys, in this order; the JSON Schemas are generated from the annotations here.
A number that is not known is null, never NaN.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, ClassVar

from monitor.detect.alarm import AlarmEvent, AlarmLevel
from monitor.detect.kinds import AlarmKind
from monitor.detect.life import Standing, SuppressedBy
from monitor.detect.verdict import VerdictState
from monitor.publish.details import MicrophoneFinding, Number, TopBand
from monitor.publish.encoding import Utc, encode
from monitor.publish.topics import Topics

SCHEMA_VERSION = 1
"""Raised when a payload changes in a way that an integrator must know of; adding a key does not."""


class Presence(StrEnum):
    """Whether something can be reached."""

    ONLINE = "online"
    OFFLINE = "offline"


class DeliveryEvent(StrEnum):
    """What happened to the delivery of events itself, to their times, and to the node's configuration."""

    GAP = "gap"
    """Events were given up, or may be missing."""
    REFUSED = "refused"
    """The broker refused publishes."""
    OUTAGE = "outage"
    """The broker was away for a while, or this node, and is back."""
    STATE_NOT_SAVED = "state_not_saved"
    """The disk is full or failing: events are in memory only."""
    STATE_SAVED = "state_saved"
    """They are on disk again."""
    CLOCK_STEPPED = "clock_stepped"
    """This computer's clock was set: times before and after are not of one clock."""
    RELOADED = "reloaded"
    """A configuration that has changed is in force, or one that was refused has been taken back."""
    RELOAD_REFUSED = "reload_refused"
    """The configuration file has mistakes: the one of before stays in force."""


@dataclass(frozen=True, slots=True)
class Message:
    """One publish, ready for the broker."""

    topic: str
    payload: bytes
    """UTF-8 JSON; empty clears a retained topic."""
    qos: int
    """0: may be lost, 1: delivered at least once."""
    retain: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """What every payload begins with."""

    name: ClassVar[str]
    """The schema's name."""
    qos: ClassVar[int] = 1
    retain: ClassVar[bool] = True

    schema: Annotated[int, "Version of this contract."] = SCHEMA_VERSION
    id: Annotated[str, "ULID of this message. A message that comes twice has the same id."]
    node: Annotated[str, "The plant PC that sent it."]
    time: Annotated[Utc | None, "When it came to be, in the audio's time where it is about sound; null in a last will."]
    published_at: Annotated[Utc | None, "When the node handed it over for delivery; null in a last will."]

    def topic(self, topics: Topics) -> str:
        """The topic of this payload under ``topics``."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True, kw_only=True)
class Status(Payload):
    """Whether the node is running; `offline` is also its last will."""

    name: ClassVar[str] = "status"

    state: Annotated[Presence, "Whether the node is connected."]
    reason: Annotated[str | None, "Why it is offline."] = None

    def topic(self, topics: Topics) -> str:
        """The topic of this payload under ``topics``."""
        return topics.status


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineInfo:
    """One machine in `Info`."""

    machine: Annotated[str, "Name of the machine."]
    source: Annotated[str, "Where its sound comes from."]
    preset: Annotated[str | None, "Preset that the model was trained with."] = None
    model: Annotated[str | None, "Version of the model in use; null when there is none."] = None
    calibration: Annotated[Utc | None, "When the calibration in use was made; null when there is none."] = None
    threshold: Annotated[Number, "Calibrated alarm threshold, in units of the score."] = None
    false_alarms_per_week: Annotated[Number, "What the calibration expects on normal sound, alarms per week."] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Info(Payload):
    """What the node is and watches; sent at each connect."""

    name: ClassVar[str] = "info"

    version: Annotated[str, "Version of the software."]
    device: Annotated[str, "Where the models compute, such as cpu or cuda:0."]
    window_s: Annotated[float, "Length of one window, seconds."]
    hop_s: Annotated[float, "From one window's start to the next one's, seconds."]
    started: Annotated[Utc, "When the node started."]
    machines: Annotated[tuple[MachineInfo, ...], "The machines it watches."]

    def topic(self, topics: Topics) -> str:
        """The topic of this payload under ``topics``."""
        return topics.info


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxHealth:
    """The outbox in `Health`; counts are since the node started, `depth` and `bytes` are now."""

    depth: Annotated[int, "Events that wait for the broker's acknowledgement."]
    bytes: Annotated[int, "Their size, bytes."]
    last_seq: Annotated[int, "Number of the newest event; a receiver that saw a smaller one still misses some."]
    unsaved: Annotated[int, "Events kept in memory only, because the disk is full or failing."] = 0
    dropped: Annotated[int, "Events given up because the outbox was full; each is covered by a gap event."] = 0
    refused: Annotated[int, "Publishes that the broker refused."] = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Health(Payload):
    """How the node is doing; every 30 s."""

    name: ClassVar[str] = "health"

    uptime_s: Annotated[float, "Since the node started, seconds."]
    lag_s: Annotated[Number, "How far scoring is behind the sound, seconds."]
    windows_scored: Annotated[int, "Windows scored since the node started, over all machines."]
    windows_lost: Annotated[int, "Windows that could not be scored since the node started."]
    outbox: Annotated[OutboxHealth, "The events that wait for delivery."]
    disk_free_bytes: Annotated[int | None, "Free space where the state is kept, bytes."]
    device: Annotated[str, "Where the models compute, such as cpu or cuda:0."]

    def topic(self, topics: Topics) -> str:
        """The topic of this payload under ``topics``."""
        return topics.health


@dataclass(frozen=True, slots=True, kw_only=True)
class Availability(Payload):
    """Whether a machine can be heard and judged: a dead microphone is offline, which is not the same as silence."""

    name: ClassVar[str] = "availability"

    machine: Annotated[str, "Name of the machine."]
    state: Annotated[Presence, "Whether its sound comes in, and a model is there to judge it."]
    reason: Annotated[str | None, "Why not."] = None

    def topic(self, topics: Topics) -> str:
        """The topic of this payload under ``topics``."""
        return topics.availability(self.machine)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreReading(Payload):
    """The score of one window of one machine."""

    name: ClassVar[str] = "score"
    qos: ClassVar[int] = 0
    retain: ClassVar[bool] = False

    machine: Annotated[str, "Name of the machine."]
    start: Annotated[Utc, "Of the window's first sample."]
    end: Annotated[Utc, "Just after its last sample."]
    verdict: Annotated[VerdictState, "What the score means; only `normal` is normal."]
    score: Annotated[Number, "Fused anomaly score, greater is more anomalous; null when it could not be had."]
    threshold: Annotated[Number, "Alarm threshold in force, in units of the score."] = None
    warning_level: Annotated[Number, "Warning level in force, in units of the score."] = None
    clear_level: Annotated[Number, "An alarm clears below this, in units of the score."] = None
    views: Annotated[Mapping[str, Number], "Each view's share, in units of the score."] = field(default_factory=dict)
    model: Annotated[str | None, "Version of the model."] = None
    lost: Annotated[bool, "True when sound was lost in the window."] = False

    def topic(self, topics: Topics) -> str:
        """The topic of this payload under ``topics``."""
        return topics.score(self.machine)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmFields(Payload):
    """What an alarm's document and its events have in common; flag names are those of OPC UA Alarms & Conditions."""

    seq: Annotated[int, "Number of the event, one more than the node's last; a document has its event's."] = 0
    machine: Annotated[str | None, "Name of the machine; null when it is about the node."]
    kind: Annotated[AlarmKind, "What the alarm is about."]
    alarm_id: Annotated[str | None, "Names the alarm, the same from its first warning to its end."] = None
    level: Annotated[AlarmLevel, "How grave it is now."] = AlarmLevel.NORMAL
    active: Annotated[bool, "True while the level is alarm; a warning is not active."] = False
    state: Annotated[Standing, "Where it stands, after ISA-18.2; the flags say more."] = Standing.NORMAL
    acknowledged: Annotated[bool, "Someone has taken note of it."] = True
    latched: Annotated[bool, "It stays until someone resets it."] = False
    shelved_until: Annotated[Utc | None, "An operator has silenced it until then."] = None
    suppressed_by: Annotated[SuppressedBy | None, "Why it is silenced by design."] = None
    out_of_service: Annotated[bool, "An operator has taken it out of service."] = False
    suppressed_or_shelved: Annotated[bool, "Any of these three: nobody is to be told of it."] = False
    warned_at: Annotated[Utc | None, "When it became a warning; null when it was an alarm at once."] = None
    raised_at: Annotated[Utc | None, "When it became an alarm; null when it was a warning only."] = None
    cleared_at: Annotated[Utc | None, "When it ended; null while it lasts."] = None
    score: Annotated[Number, "Score of the window that decided, greater is more anomalous."] = None
    peak: Annotated[Number, "Highest score since the alarm or its warning began."] = None
    threshold: Annotated[Number, "Alarm threshold in force, in units of the score."] = None
    top_bands: Annotated[tuple[TopBand, ...], "The bands that stand out most, the strongest first."] = ()
    findings: Annotated[
        tuple[MicrophoneFinding, ...], "What is wrong with the sound, while a microphone alarm lasts; else empty."
    ] = ()
    model: Annotated[str | None, "Version of the model."] = None
    calibration: Annotated[Utc | None, "When the calibration in force was made."] = None
    clip: Annotated[str | None, "Sound kept as evidence: a file under the node's evidence folder."] = None
    detail: Annotated[str | None, "One line for a person."] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm(AlarmFields):
    """The whole present state of one alarm of a machine, or of the node."""

    name: ClassVar[str] = "alarm"

    def topic(self, topics: Topics) -> str:
        """The topic of this payload under ``topics``."""
        return topics.alarm(self.machine or "", self.kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Which events are missing from the sequence."""

    first_seq: Annotated[int | None, "The first that may be missing; null when not known."]
    last_seq: Annotated[int | None, "The last that may be missing; null when not known."]
    count: Annotated[int | None, "How many were given up; null when not known."]
    reason: Annotated[str, "Why, such as outbox_full or database_corrupt."]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Publishes that the broker refused."""

    count: Annotated[int, "How many since the last such event."]
    topic: Annotated[str, "Topic of the latest."]
    reason_code: Annotated[int, "The broker's MQTT 5 reason code, 128 or more."]
    reason: Annotated[str, "What the code means."]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event(AlarmFields):
    """A transition: sent once, in order, through the outbox."""

    name: ClassVar[str] = "event"
    retain: ClassVar[bool] = False

    event: Annotated[AlarmEvent | DeliveryEvent, "What happened."]
    by: Annotated[str | None, "Who did it; null where nobody did."] = None
    reason: Annotated[str | None, "Why, in their words."] = None
    machines: Annotated[tuple[str, ...], "The machines that an alarm of the node stands for."] = ()
    gap: Annotated[Gap | None, "Only with a gap event."] = None
    refusal: Annotated[Refusal | None, "Only with a refused event."] = None

    def topic(self, topics: Topics) -> str:
        """The topic of this payload under ``topics``."""
        return topics.event


def to_message(payload: Payload, topics: Topics) -> Message:
    """The payload as a publish.

    Raises:
        ValueError: a machine's name cannot be part of a topic.
    """
    return Message(payload.topic(topics), encode(payload), payload.qos, payload.retain)
