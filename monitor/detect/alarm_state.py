"""The state of one alarm, as it is kept over restarts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from monitor.detect.evidence import Evidence
from monitor.detect.fields import (
    JsonObject,
    check_schema,
    get_floats,
    get_list,
    get_mapping,
    get_one_of,
    get_optional_float,
    get_optional_str,
    get_str,
)
from monitor.detect.finding import Finding
from monitor.detect.kinds import AlarmKind
from monitor.detect.votes import Votes

SCHEMA = 1


class AlarmLevel(StrEnum):
    """How grave the condition is now."""

    NORMAL = "normal"
    WARNING = "warning"
    ALARM = "alarm"
    """The condition is active in the sense of OPC UA's ActiveState."""


@dataclass(frozen=True, slots=True)
class AlarmState:
    """Everything about one alarm that must outlive a restart."""

    machine: str
    kind: AlarmKind
    level: AlarmLevel = AlarmLevel.NORMAL
    votes: Votes = field(default_factory=Votes)
    alarm_id: str | None = None
    """Of the present occurrence, or of the last one; None before the first."""
    warned_at_s: float | None = None
    """When the present (or last) occurrence became a warning; None when it was an alarm at once."""
    raised_at_s: float | None = None
    """When it became an alarm; None when it was a warning only."""
    cleared_at_s: float | None = None
    """When it ended; None while it lasts."""
    evidence: Evidence | None = None
    """The window that caused the last transition."""
    peak: float | None = None
    """Highest score of the occurrence so far."""
    raises_s: tuple[float, ...] = ()
    """When it was raised lately, oldest first: an alarm that comes and goes clears more slowly."""
    findings: tuple[Finding, ...] = ()
    """What is wrong with the sound while a microphone alarm lasts; empty otherwise."""

    @property
    def active(self) -> bool:
        """Whether the alarm is raised (a warning is not)."""
        return self.level is AlarmLevel.ALARM

    def to_dict(self) -> JsonObject:
        """As a JSON object."""
        return {
            "schema": SCHEMA,
            "machine": self.machine,
            "kind": self.kind.value,
            "level": self.level.value,
            "votes": self.votes.to_dict(),
            "alarm_id": self.alarm_id,
            "warned_at_s": self.warned_at_s,
            "raised_at_s": self.raised_at_s,
            "cleared_at_s": self.cleared_at_s,
            "evidence": None if self.evidence is None else self.evidence.to_dict(),
            "peak": self.peak,
            "raises_s": list(self.raises_s),
            "findings": [finding.to_dict() for finding in self.findings],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> AlarmState:
        """Read back what `to_dict` wrote.

        Raises:
            ValueError: naming the key that is wrong.
        """
        check_schema(data, "alarm state", SCHEMA)
        has_evidence = data.get("evidence") is not None
        return cls(
            machine=get_str(data, "machine"),
            kind=AlarmKind(get_one_of(data, "kind", list(AlarmKind))),
            level=AlarmLevel(get_one_of(data, "level", list(AlarmLevel))),
            votes=Votes.from_dict(get_mapping(data, "votes")),
            alarm_id=get_optional_str(data, "alarm_id"),
            warned_at_s=get_optional_float(data, "warned_at_s"),
            raised_at_s=get_optional_float(data, "raised_at_s"),
            cleared_at_s=get_optional_float(data, "cleared_at_s"),
            evidence=Evidence.from_dict(get_mapping(data, "evidence")) if has_evidence else None,
            peak=get_optional_float(data, "peak"),
            raises_s=get_floats(data, "raises_s") if "raises_s" in data else (),
            findings=tuple(_finding(each) for each in get_list(data, "findings")) if "findings" in data else (),
        )


def _finding(value: object) -> Finding:
    return Finding.from_dict(get_mapping({"findings": value}, "findings"))
