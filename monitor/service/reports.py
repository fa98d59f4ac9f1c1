"""What the daemon has to say, as the records of the MQTT contract."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from monitor.config import Config
from monitor.detect.alarm_state import AlarmState
from monitor.detect.kinds import AlarmKind
from monitor.detect.kpi import DAY_S, Kpis
from monitor.detect.life import Life
from monitor.detect.verdict import Verdict
from monitor.publish.commands import Command, Response
from monitor.publish.contract import Kpi
from monitor.publish.details import MicrophoneFinding, TopBand
from monitor.publish.encoding import Utc
from monitor.publish.ids import new_ulid
from monitor.publish.messages import (
    Alarm,
    Availability,
    Event,
    Health,
    Info,
    MachineInfo,
    OutboxHealth,
    Presence,
    ScoreReading,
)
from monitor.service.book import News, name_of
from monitor.service.machines import Watched
from monitor.service.sentences import sentence

WEEK_S = 7 * 86_400.0


@dataclass(frozen=True, slots=True)
class Reporter:
    """Makes payloads of one node; ``now_s`` is always the wall clock, UTC, POSIX seconds."""

    node: str
    window_s: float
    hop_s: float
    device: str
    version: str
    started_s: float

    @classmethod
    def of(cls, config: Config, device: str, version: str, now_s: float) -> Reporter:
        """The reporter of a configured node that starts now."""
        return cls(config.node, config.window_s, config.hop_s, device, version, now_s)

    def info(self, machines: Iterable[Watched], now_s: float) -> Info:
        """What this node is and watches."""
        return Info(
            id=new_ulid(now_s),
            node=self.node,
            time=Utc(now_s),
            published_at=Utc(now_s),
            version=self.version,
            device=self.device,
            window_s=self.window_s,
            hop_s=self.hop_s,
            started=Utc(self.started_s),
            machines=tuple(_machine_info(watched) for watched in machines),
        )

    def health(self, counts: Counts, outbox: OutboxHealth, disk_free: int | None, now_s: float) -> Health:
        """How this node is doing."""
        return Health(
            id=new_ulid(now_s),
            node=self.node,
            time=Utc(now_s),
            published_at=Utc(now_s),
            uptime_s=max(0.0, now_s - self.started_s),
            lag_s=counts.lag_s,
            windows_scored=counts.scored,
            windows_lost=counts.lost,
            outbox=outbox,
            disk_free_bytes=disk_free,
            device=self.device,
        )

    def availability(self, machine: str, reason: str | None, now_s: float) -> Availability:
        """Whether a machine can be heard and judged; ``reason`` says why not, None that it can."""
        state = Presence.ONLINE if reason is None else Presence.OFFLINE
        return Availability(
            id=new_ulid(now_s),
            node=self.node,
            time=Utc(now_s),
            published_at=Utc(now_s),
            machine=machine,
            state=state,
            reason=reason,
        )

    def score(self, verdict: Verdict, model: str | None, now_s: float) -> ScoreReading:
        """One window's score and what it means."""
        score = verdict.score
        return ScoreReading(
            id=new_ulid(now_s),
            node=self.node,
            time=Utc(score.end_s),
            published_at=Utc(now_s),
            machine=score.machine,
            start=Utc(score.start_s),
            end=Utc(score.end_s),
            verdict=verdict.state,
            score=score.value,
            threshold=verdict.threshold,
            warning_level=verdict.warning_level,
            clear_level=verdict.clear_level,
            views=dict(score.views),
            model=model,
            lost=score.lost,
        )

    def event(self, news: News, watched: Watched | None, now_s: float) -> Event:
        """A transition, as it is sent once; ``watched`` is None for an alarm of the node."""
        fields = self._alarm_fields(news, watched, now_s)
        return Event(event=news.event, by=news.by, reason=news.reason, machines=news.machines, **fields)

    def alarm(self, news: News, watched: Watched | None, now_s: float) -> Alarm:
        """The alarm's whole state after a transition, as it is retained."""
        return Alarm(**self._alarm_fields(news, watched, now_s))

    def quiet_alarm(self, machine: str, kind: AlarmKind, now_s: float) -> Alarm:
        """The document of an alarm that has never been raised."""
        now = Utc(now_s)
        return Alarm(id=new_ulid(now_s), node=self.node, time=now, published_at=now, machine=machine or None, kind=kind)

    def response(
        self,
        verb: str,
        command: Command | None,
        life: Life | None,
        now_s: float,
        command_id: str | None,
        refusal: str | None,
    ) -> Response:
        """The answer to a command; what is None could not be read, or is not there."""
        return Response(
            id=new_ulid(now_s),
            node=self.node,
            time=Utc(now_s),
            published_at=Utc(now_s),
            verb=verb,
            command_id=command_id,
            accepted=refusal is None,
            reason=refusal,
            machine=None if command is None else command.machine,
            kind=None if command is None else command.kind,
            alarm_id=None if life is None else life.alarm_id,
            state=None if life is None else life.standing,
            shelved_until=None if life is None else _time(life.shelved_until_s),
        )

    def kpi(self, figures: Kpis, alarms: Sequence[tuple[AlarmState, Life]], now_s: float) -> Kpi:
        """How well the alarms serve, and how they stand."""
        active = [condition for condition, _ in alarms if condition.active]
        lives = [life for _, life in alarms]
        return Kpi(
            id=new_ulid(now_s),
            node=self.node,
            time=Utc(now_s),
            published_at=Utc(now_s),
            hours=figures.hours,
            alarms_per_hour=figures.per_hour,
            most_in_10_min=figures.most_in_10_min,
            in_flood=figures.in_flood,
            standing=tuple(name_of((each.machine, each.kind)) for each in active),
            stale=tuple(name_of((e.machine, e.kind)) for e in active if now_s - (e.raised_at_s or now_s) > DAY_S),
            chattering=figures.chattering,
            unacknowledged=sum(not life.acknowledged for life in lives),
            shelved=sum(life.shelved_until_s is not None for life in lives),
            suppressed=sum(bool(life.suppressed) for life in lives),
            out_of_service=sum(life.out_of_service for life in lives),
            acknowledged=figures.acknowledged,
            acknowledge_mean_s=figures.acknowledge_mean_s,
            acknowledge_most_s=figures.acknowledge_most_s,
        )

    def _alarm_fields(self, news: News, watched: Watched | None, now_s: float) -> dict[str, Any]:
        condition, life = news.condition, news.life
        evidence = condition.evidence
        calibration = None if watched is None else watched.calibration
        return {
            "id": new_ulid(now_s),
            "node": self.node,
            "time": Utc(news.at_s),
            "published_at": Utc(now_s),
            "machine": condition.machine or None,
            "kind": condition.kind,
            "alarm_id": condition.alarm_id,
            "level": condition.level,
            "active": condition.active,
            "state": life.standing,
            "acknowledged": life.acknowledged,
            "latched": life.latched,
            "shelved_until": _time(life.shelved_until_s),
            "suppressed_by": life.suppressed_by,
            "out_of_service": life.out_of_service,
            "suppressed_or_shelved": life.suppressed_or_shelved,
            "warned_at": _time(condition.warned_at_s),
            "raised_at": _time(condition.raised_at_s),
            "cleared_at": _time(condition.cleared_at_s),
            "score": None if evidence is None else evidence.score,
            "peak": condition.peak,
            "threshold": None if evidence is None else evidence.threshold,
            "top_bands": tuple(
                TopBand(low_hz=b.low_hz, high_hz=b.high_hz, excess_db=b.excess_db)
                for b in (() if evidence is None else evidence.bands)
            ),
            "findings": tuple(
                MicrophoneFinding(fault=f.fault, value=f.value, limit=f.limit, unit=f.unit, detail=f.detail)
                for f in condition.findings
            ),
            "model": None if watched is None or watched.model is None else watched.model.version,
            "calibration": None if calibration is None else Utc(calibration.created_s),
            "clip": life.clip,
            "detail": sentence(news),
        }


@dataclass(frozen=True, slots=True)
class Counts:
    """What has been done since the start."""

    scored: int = 0
    lost: int = 0
    lag_s: float = 0.0
    """Longest time from hearing the end of a window to having judged it, since the last report, seconds."""


def _time(seconds: float | None) -> Utc | None:
    return None if seconds is None else Utc(seconds)


def _machine_info(watched: Watched) -> MachineInfo:
    calibration = watched.calibration
    expected = None
    if calibration is not None:
        expected = calibration.promise.expected * WEEK_S / calibration.budget.period_s
    return MachineInfo(
        machine=watched.machine,
        source=watched.source,
        preset=None if watched.model is None else watched.model.preset.name,
        model=None if watched.model is None else watched.model.version,
        calibration=None if calibration is None else Utc(calibration.created_s),
        threshold=None if calibration is None else calibration.threshold,
        false_alarms_per_week=expected,
    )
