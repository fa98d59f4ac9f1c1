"""The state of an alarm as people deal with it, as it is kept over restarts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from monitor.detect.alarm_state import AlarmLevel, AlarmState
from monitor.detect.fields import (
    JsonObject,
    check_schema,
    get_bool,
    get_list,
    get_one_of,
    get_optional_float,
    get_optional_str,
)

SCHEMA = 1


class SuppressedBy(StrEnum):
    """Why an alarm is silent by design; the first that holds is the one that is told."""

    MAINTENANCE = "maintenance"
    """Someone works on the machine and has said so."""
    MICROPHONE = "microphone"
    """Its sound does not come in."""
    MACHINE_OFF = "machine_off"
    """The machine stands still."""
    START_UP = "start_up"
    """It was started a moment ago."""
    COMMON_CAUSE = "common_cause"
    """It is one of many that alarm at once: one alarm of the node stands for them all."""
    FLOOD = "flood"
    """There are more alarms than a person can follow: one alarm of the node stands for them all."""


class Standing(StrEnum):
    """An alarm's state in one word, as ISA-18.2 draws them."""

    NORMAL = "normal"
    UNACKNOWLEDGED = "unacknowledged"
    """Active, and nobody has taken note."""
    ACKNOWLEDGED = "acknowledged"
    """Active, and someone has."""
    RETURNED_UNACKNOWLEDGED = "returned_unacknowledged"
    """Over, and nobody had taken note."""
    LATCHED = "latched"
    """Over and acknowledged, and waits for a reset."""
    SHELVED = "shelved"
    SUPPRESSED = "suppressed"
    OUT_OF_SERVICE = "out_of_service"


@dataclass(frozen=True, slots=True)
class Life:
    """Everything about one alarm, but its condition, that must outlive a restart."""

    level: AlarmLevel = AlarmLevel.NORMAL
    """Of the condition."""
    alarm_id: str | None = None
    """Of the present occurrence, or of the last one."""
    acknowledged: bool = True
    """False from a raise on, until a person says so."""
    latched: bool = False
    shelved_until_s: float | None = None
    """UTC, POSIX seconds; at most 12 h from now."""
    suppressed: frozenset[SuppressedBy] = frozenset()
    out_of_service: bool = False
    realarm_at_s: float | None = None
    """When it will be unacknowledged again if it is still active then; UTC, POSIX seconds."""
    clip: str | None = None
    """Sound kept as evidence of the occurrence."""

    @property
    def active(self) -> bool:
        """Whether the condition is an alarm (a warning is not)."""
        return self.level is AlarmLevel.ALARM

    @property
    def timed(self) -> bool:
        """Whether the mere passing of time can change it."""
        return self.shelved_until_s is not None or self.realarm_at_s is not None

    @property
    def suppressed_by(self) -> SuppressedBy | None:
        """The weightiest reason to be silent by design."""
        return next((reason for reason in SuppressedBy if reason in self.suppressed), None)

    @property
    def suppressed_or_shelved(self) -> bool:
        """Whether nobody is to be told; OPC UA's name for it covers out of service too."""
        return bool(self.suppressed) or self.shelved_until_s is not None or self.out_of_service

    @property
    def standing(self) -> Standing:
        """The state in one word."""
        silent = {
            Standing.OUT_OF_SERVICE: self.out_of_service,
            Standing.SHELVED: self.shelved_until_s is not None,
            Standing.SUPPRESSED: bool(self.suppressed),
        }
        for standing, holds in silent.items():
            if holds:
                return standing
        if self.active:
            return Standing.ACKNOWLEDGED if self.acknowledged else Standing.UNACKNOWLEDGED
        if not self.acknowledged:
            return Standing.RETURNED_UNACKNOWLEDGED
        return Standing.LATCHED if self.latched else Standing.NORMAL

    def to_dict(self) -> JsonObject:
        """As a JSON object."""
        return {
            "schema": SCHEMA,
            "level": self.level.value,
            "alarm_id": self.alarm_id,
            "acknowledged": self.acknowledged,
            "latched": self.latched,
            "shelved_until_s": self.shelved_until_s,
            "suppressed": sorted(reason.value for reason in self.suppressed),
            "out_of_service": self.out_of_service,
            "realarm_at_s": self.realarm_at_s,
            "clip": self.clip,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> Life:
        """Read back what `to_dict` wrote.

        Raises:
            ValueError: naming the key that is wrong.
        """
        check_schema(data, "alarm life", SCHEMA)
        reasons = [
            get_one_of({"suppressed": each}, "suppressed", list(SuppressedBy)) for each in get_list(data, "suppressed")
        ]
        return cls(
            level=AlarmLevel(get_one_of(data, "level", list(AlarmLevel))),
            alarm_id=get_optional_str(data, "alarm_id"),
            acknowledged=get_bool(data, "acknowledged"),
            latched=get_bool(data, "latched"),
            shelved_until_s=get_optional_float(data, "shelved_until_s"),
            suppressed=frozenset(SuppressedBy(reason) for reason in reasons),
            out_of_service=get_bool(data, "out_of_service"),
            realarm_at_s=get_optional_float(data, "realarm_at_s"),
            clip=get_optional_str(data, "clip"),
        )


def matching(life: Life | None, condition: AlarmState) -> Life:
    """The life that belongs to a condition after a restart; where they disagree, nobody has acknowledged anything.

    They are kept in one transaction and agree, unless the database was damaged or of an older version.
    """
    kept = Life() if life is None else life
    if kept.level is condition.level and kept.alarm_id == condition.alarm_id:
        return kept
    return replace(
        kept,
        level=condition.level,
        alarm_id=condition.alarm_id,
        acknowledged=kept.acknowledged and not condition.active,
        realarm_at_s=None,
        clip=None,
    )
