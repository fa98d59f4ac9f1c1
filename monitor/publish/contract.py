"""The whole contract: every payload that goes out, and the figures of the alarms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from monitor.publish.commands import Response
from monitor.publish.details import Number
from monitor.publish.messages import (
    Alarm,
    Availability,
    Event,
    Health,
    Info,
    Payload,
    ScoreReading,
    Status,
)
from monitor.publish.topics import Topics


@dataclass(frozen=True, slots=True, kw_only=True)
class Kpi(Payload):
    """How well the alarms serve those who get them, after EEMUA 191, over the last 24 hours."""

    name: ClassVar[str] = "kpi"

    hours: Annotated[float, "How much time the figures cover, up to 24 h."]
    alarms_per_hour: Annotated[float, "Alarms that people were told of, on average."]
    most_in_10_min: Annotated[int, "Most alarms in ten minutes."]
    in_flood: Annotated[float, "Share of the time with more than ten alarms in ten minutes, 0 to 1."]
    standing: Annotated[tuple[str, ...], "Alarms that are active now, as machine/kind."]
    stale: Annotated[tuple[str, ...], "Those of them that have been active for more than 24 hours."]
    chattering: Annotated[tuple[str, ...], "Alarms raised three times or more within the last hour."]
    unacknowledged: Annotated[int, "Alarms that nobody has taken note of."]
    shelved: Annotated[int, "Alarms that are shelved now."]
    suppressed: Annotated[int, "Alarms that are suppressed by design now."]
    out_of_service: Annotated[int, "Alarms that are out of service now."]
    acknowledged: Annotated[int, "Alarms that were acknowledged."]
    acknowledge_mean_s: Annotated[Number, "Mean time until an alarm was acknowledged, seconds; null without any."]
    acknowledge_most_s: Annotated[Number, "Longest time until an alarm was acknowledged, seconds; null without any."]

    def topic(self, topics: Topics) -> str:
        """The topic of this payload under ``topics``."""
        return topics.kpi


PAYLOADS: tuple[type[Payload], ...] = (Status, Info, Health, Availability, ScoreReading, Alarm, Event, Response, Kpi)
"""Every payload of the contract."""
