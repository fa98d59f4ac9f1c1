"""One sample of every payload, and quick ways to make events."""

from __future__ import annotations

import time

from monitor.detect.alarm import AlarmEvent, AlarmLevel
from monitor.detect.finding import MicrophoneFault
from monitor.detect.kinds import AlarmKind
from monitor.detect.life import Standing, SuppressedBy
from monitor.detect.verdict import VerdictState
from monitor.publish.commands import Response
from monitor.publish.contract import Kpi
from monitor.publish.details import MicrophoneFinding, TopBand
from monitor.publish.encoding import Utc
from monitor.publish.messages import (
    Alarm,
    Availability,
    DeliveryEvent,
    Event,
    Gap,
    Health,
    Info,
    MachineInfo,
    OutboxHealth,
    Payload,
    Presence,
    Refusal,
    ScoreReading,
    Status,
)

T = Utc(1_760_000_000.25)
_HEAD = {"node": "pc1", "time": T, "published_at": Utc(T + 1.5)}


def event(number: int, machine: str = "fan-1", what: AlarmEvent = AlarmEvent.RAISED) -> Event:
    """One that was made just now: what has waited for months is given up."""
    now = Utc(time.time())
    return Event(
        id=f"E{number:025d}", node="pc1", time=T, published_at=now, machine=machine, kind=AlarmKind.ANOMALY, event=what
    )


def alarm(number: int, machine: str = "fan-1", *, active: bool = True) -> Alarm:
    level = AlarmLevel.ALARM if active else AlarmLevel.NORMAL
    return Alarm(
        id=f"A{number:025d}", node="pc1", time=T, published_at=T, machine=machine, kind=AlarmKind.ANOMALY,
        level=level, active=active,
    )  # fmt: skip


_STATE = {
    "seq": 41,
    "machine": "fan-1",
    "kind": AlarmKind.ANOMALY,
    "alarm_id": "fan-1-anomaly-1760000000250",
    "level": AlarmLevel.ALARM,
    "active": True,
    "acknowledged": False,
    "state": Standing.SUPPRESSED,
    "suppressed_by": SuppressedBy.COMMON_CAUSE,
    "suppressed_or_shelved": True,
    "raised_at": T,
    "score": 7.25,
    "peak": 7.5,
    "threshold": 4.5,
    "top_bands": (TopBand(low_hz=2900.0, high_hz=3150.0, excess_db=14.5),),
    "model": "20260301T120000Z",
    "calibration": Utc(T - 86_400),
    "clip": "fan-1/20251009T085320Z_fan-1-anomaly-1760000000250.flac",
    "detail": "3 of 5 windows above the threshold",
}

SAMPLES: dict[str, Payload] = {
    "status": Status(id="01K74WYXHAEXAMP1E000000001", **_HEAD, state=Presence.ONLINE),  # type: ignore[arg-type]
    "status-will": Status(
        id="01K74WYXHAEXAMP1E000000002", node="pc1", time=None, published_at=None,
        state=Presence.OFFLINE, reason="connection lost",
    ),
    "info": Info(
        id="01K74WYXHAEXAMP1E000000003", **_HEAD, version="0.1.0", device="cpu", window_s=10.0, hop_s=10.0,  # type: ignore[arg-type]
        started=T,
        machines=(
            MachineInfo(
                machine="fan-1", source="microphone card-id:Device, channel 1", preset="default",
                model="20260301T120000Z", calibration=T, threshold=4.5, false_alarms_per_week=0.8,
            ),
            MachineInfo(machine="pump-2", source="simulated gearbox"),
        ),
    ),
    "health": Health(
        id="01K74WYXHAEXAMP1E000000004", **_HEAD, uptime_s=3600.5, lag_s=float("nan"), windows_scored=360,  # type: ignore[arg-type]
        windows_lost=2, outbox=OutboxHealth(depth=3, bytes=2100, last_seq=44), disk_free_bytes=10**12, device="cpu",
    ),
    "availability": Availability(
        id="01K74WYXHAEXAMP1E000000005", **_HEAD, machine="fan-1", state=Presence.OFFLINE, reason="no such device",  # type: ignore[arg-type]
    ),
    "score": ScoreReading(
        id="01K74WYXHAEXAMP1E000000006", **_HEAD, machine="fan-1", start=Utc(T - 10), end=T,  # type: ignore[arg-type]
        verdict=VerdictState.INVALID, score=float("inf"), threshold=4.5, warning_level=3.0, clear_level=2.0,
        views={"reconstruction": 1.25, "profile": float("nan")}, model="20260301T120000Z", lost=True,
    ),
    "alarm": Alarm(id="01K74WYXHAEXAMP1E000000007", **_HEAD, **_STATE),  # type: ignore[arg-type]
    "event": Event(id="01K74WYXHAEXAMP1E000000008", **_HEAD, **_STATE, event=AlarmEvent.RAISED),  # type: ignore[arg-type]
    "event-gap": Event(
        id="01K74WYXHAEXAMP1E000000009", **_HEAD, seq=90, machine=None, kind=AlarmKind.DELIVERY,  # type: ignore[arg-type]
        event=DeliveryEvent.GAP, gap=Gap(first_seq=42, last_seq=90, count=49, reason="outbox_full"),
    ),
    "event-refused": Event(
        id="01K74WYXHAEXAMP1E000000010", **_HEAD, seq=91, machine=None, kind=AlarmKind.DELIVERY,  # type: ignore[arg-type]
        event=DeliveryEvent.REFUSED,
        refusal=Refusal(count=2, topic="acme/hall3/pc1/event", reason_code=135, reason="Not authorized"),
    ),
    "event-shelved": Event(
        id="01K74WYXHAEXAMP1E000000011", **_HEAD,  # type: ignore[arg-type]
        **(_STATE | {"seq": 92, "state": Standing.SHELVED, "shelved_until": Utc(T + 3600)}),  # type: ignore[arg-type]
        event=AlarmEvent.SHELVED, by="anna", reason="bearing is ordered",
    ),
    "event-common-cause": Event(
        id="01K74WYXHAEXAMP1E000000012", **_HEAD, seq=93, machine=None, kind=AlarmKind.COMMON_CAUSE,  # type: ignore[arg-type]
        event=AlarmEvent.RAISED, alarm_id="common_cause-1760000000250", level=AlarmLevel.ALARM, active=True,
        acknowledged=False, state=Standing.UNACKNOWLEDGED, raised_at=T, machines=("fan-1", "fan-2", "pump-2"),
    ),
    "event-microphone": Event(
        id="01K74WYXHAEXAMP1E000000016", **_HEAD, seq=94, machine="fan-1", kind=AlarmKind.MICROPHONE,  # type: ignore[arg-type]
        event=AlarmEvent.RAISED, alarm_id="fan-1-microphone-1760000000250", level=AlarmLevel.ALARM, active=True,
        acknowledged=False, state=Standing.UNACKNOWLEDGED, raised_at=T,
        findings=(
            MicrophoneFinding(
                fault=MicrophoneFault.CLIPPED, value=38.5, limit=25.0, unit="%", detail="38 % are cut off"
            ),
        ),
    ),
    "response": Response(
        id="01K74WYXHAEXAMP1E000000013", **_HEAD, verb="acknowledge", command_id="17", accepted=True,  # type: ignore[arg-type]
        machine="fan-1", kind=AlarmKind.ANOMALY, alarm_id="fan-1-anomaly-1760000000250", state=Standing.ACKNOWLEDGED,
    ),
    "response-refused": Response(
        id="01K74WYXHAEXAMP1E000000014", **_HEAD, verb="shelve", accepted=False,  # type: ignore[arg-type]
        reason="key 'duration_s' is missing",
    ),
    "kpi": Kpi(
        id="01K74WYXHAEXAMP1E000000015", **_HEAD, hours=24.0, alarms_per_hour=0.25, most_in_10_min=2, in_flood=0.0,  # type: ignore[arg-type]
        standing=("fan-1/anomaly",), stale=(), chattering=(), unacknowledged=1, shelved=0, suppressed=0,
        out_of_service=0, acknowledged=5, acknowledge_mean_s=120.5, acknowledge_most_s=300.0,
    ),
}  # fmt: skip
