"""What the subscriber saw, as a story: lines to print, when the fault began, when its alarm came. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from monitor.demo.listener import Received

SCORES_SHOWN_EVERY = 6
"""One score line a minute of sound and machine: enough to see it live, little enough to read along."""


@dataclass
class Story:
    """Everything that counts for the end of the demonstration."""

    faulty: str
    fault_after_s: float
    heard_from: dict[str, float] = field(default_factory=dict)
    """Start of the first window of each machine, UTC, POSIX seconds."""
    scores: dict[str, int] = field(default_factory=dict)
    last_s: float = 0.0
    """Latest sound that was judged."""
    alarm_s: float | None = None
    """When the faulty machine's alarm was raised, in the time of the sound."""
    acknowledged: bool = False
    cleared_s: float | None = None
    """When it was over, in the time of the sound."""
    bands: str = ""
    false_alarms: list[str] = field(default_factory=list)

    @property
    def fault_s(self) -> float | None:
        """When the fault began, in the time of the sound; None before the faulty machine is heard."""
        start = self.heard_from.get(self.faulty)
        return None if start is None else start + self.fault_after_s

    def tell(self, message: Received) -> str | None:
        """Take one message in; gives the line to print for it, None for those that would only repeat."""
        payload = message.payload
        if message.topic == "event":
            self._event(payload)
            return f"event  {payload['detail']}"
        if message.topic.endswith("/score"):
            return self._score(payload)
        if message.topic.startswith("response/"):
            return f"{message.topic}  {'accepted' if payload['accepted'] else payload['reason']}"
        if "/alarm/" in message.topic:
            state = payload["state"] if payload["level"] != "warning" else "warning"
            state = f"ACTIVE, {state}" if payload["active"] else state
            return f"{message.topic}  {state}" if payload["alarm_id"] else None
        if message.topic.endswith(("status", "availability")):
            return f"{message.topic}  {payload['state']}"
        return None

    def _event(self, payload: dict[str, object]) -> None:
        at_s = seconds(str(payload["time"]))
        if payload["machine"] == self.faulty and self.alarm_s is not None:
            self.acknowledged |= payload["event"] == "acknowledged"
            if payload["event"] == "cleared":
                self.cleared_s = self.cleared_s or at_s
        if payload["kind"] != "anomaly" or payload["event"] != "raised":
            return
        if payload["machine"] == self.faulty and self.fault_s is not None and at_s > self.fault_s:
            self.alarm_s = self.alarm_s or at_s
            self.bands = bands(payload["top_bands"])
        else:
            self.false_alarms.append(f"{payload['machine']} at {clock(at_s)}")

    def _score(self, payload: dict[str, object]) -> str | None:
        machine = str(payload["machine"])
        count = self.scores[machine] = self.scores.get(machine, 0) + 1
        start_s, self.last_s = seconds(str(payload["start"])), max(self.last_s, seconds(str(payload["end"])))
        self.heard_from[machine] = min(start_s, self.heard_from.get(machine, start_s))
        unusual = payload["verdict"] != "normal"
        if count % SCORES_SHOWN_EVERY and not unusual:
            return None
        score, threshold = number(payload["score"]), number(payload["threshold"])
        return f"machine/{machine}/score  {clock(self.last_s)}  {score} of {threshold}  {payload['verdict']}"


def seconds(rfc3339: str) -> float:
    """An RFC 3339 time as POSIX seconds."""
    return datetime.fromisoformat(rfc3339).timestamp()


def clock(at_s: float) -> str:
    """POSIX seconds as the time of day, UTC."""
    return datetime.fromtimestamp(at_s).astimezone().strftime("%H:%M:%S")


def number(value: object) -> str:
    """A score to print; unknown is said so."""
    return f"{value:.2f}" if isinstance(value, float | int) else "unknown"


def bands(top: object) -> str:
    """The bands that stand out, in words."""
    rows = top if isinstance(top, list) else []
    return ", ".join(f"{row['low_hz']:.0f}-{row['high_hz']:.0f} Hz {row['excess_db']:+.0f} dB" for row in rows[:3])
