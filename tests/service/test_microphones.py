"""A microphone that goes bad, in the running daemon: an alarm of its own, and never one of the machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile

from monitor.audio.simulated import render
from monitor.audio.source import MODEL_RATE_HZ
from monitor.detect.finding import MicrophoneFault
from tests.bad_sound import BAD
from tests.broker import Broker, Listener, listening, needs_mosquitto
from tests.service.conftest import HOP_S, WINDOW_S
from tests.service.plant import KIND, LIFE_S, SEED, Daemon, write_config

pytestmark = needs_mosquitto

BASE = "monitor/test"
ALARM = f"{BASE}/machine/fan-1/alarm/microphone"
AVAILABILITY = f"{BASE}/machine/fan-1/availability"
GOOD_S, BAD_S = 16, 16
WITHIN_S = 15.0
"""From the fault to the alarm, and from the return to its end."""


def events(listener: Listener) -> list[dict[str, object]]:
    return [message.json for message in listener.on(f"{BASE}/event")]


def config_of(tmp_path: Path, state_dir: Path, port: int, source: dict[str, object]) -> Path:
    machines = {"fan-1": {"source": source}}
    return write_config(tmp_path / "monitor.yaml", state_dir, port, machines, window_s=WINDOW_S, hop_s=HOP_S)


def test_each_fault_of_a_microphone_is_its_own_alarm_within_15_s_of_sound_and_never_an_anomaly(
    tmp_path: Path, state_dir: Path
) -> None:
    life = render(KIND, SEED, round((LIFE_S + 9e4) * MODEL_RATE_HZ), (len(BAD) * (GOOD_S + BAD_S) + 20) * MODEL_RATE_HZ)
    bounds = {}
    for place, (fault, damage) in enumerate(BAD.items()):
        first = place * (GOOD_S + BAD_S) + GOOD_S
        cut = slice(first * MODEL_RATE_HZ, (first + BAD_S) * MODEL_RATE_HZ)
        life[cut] = damage(life[cut])
        bounds[fault] = float(first), float(first + BAD_S)
    soundfile.write(tmp_path / "life.wav", life, MODEL_RATE_HZ, subtype="FLOAT")
    with Broker(tmp_path / "broker") as broker, listening(broker) as listener:
        source: dict[str, object] = {"recording": str(tmp_path / "life.wav"), "speed": 25}
        with Daemon(config_of(tmp_path, state_dir, broker.port, source)) as daemon:
            listener.wait_for(
                lambda seen: any((m.json["reason"] or "").startswith("the recordings") for m in seen.on(AVAILABILITY)),
                "the end of the recording",
                60,
            )
            assert daemon.terminate() == 0
    told = events(listener)
    assert {each["kind"] for each in told if each["event"] in {"raised", "warning"}} == {"microphone"}
    mine = [each for each in told if each["kind"] == "microphone"]
    assert [each["event"] for each in mine] == ["raised", "cleared"] * len(BAD)
    starts = [message.json["start"] for message in listener.on(f"{BASE}/machine/fan-1/score")]
    begin_s = np.datetime64(starts[0].rstrip("Z"))
    for (fault, (bad_s, good_s)), raised, cleared in zip(bounds.items(), mine[::2], mine[1::2], strict=True):
        at_s = [
            float((np.datetime64(str(e["time"]).rstrip("Z")) - begin_s) / np.timedelta64(1, "s"))
            for e in (raised, cleared)
        ]
        assert bad_s < at_s[0] <= bad_s + WITHIN_S, fault
        assert good_s < at_s[1] <= good_s + WITHIN_S, fault
        findings = raised["findings"]
        assert isinstance(findings, list)
        assert fault in {finding["fault"] for finding in findings}
        assert str(raised["detail"]).startswith("fan-1 microphone: ")
        assert raised["state"] == "unacknowledged"
        assert cleared["findings"] == []
    reasons = [message.json["reason"] for message in listener.on(AVAILABILITY)]
    assert any("every sample is zero" in (reason or "") for reason in reasons)
    verdicts = [message.json["verdict"] for message in listener.on(f"{BASE}/machine/fan-1/score")]
    assert verdicts.count("invalid") > len(BAD) * (BAD_S - WINDOW_S) / HOP_S * 0.7
    assert verdicts.count("normal") > 20


def test_a_source_that_cannot_be_opened_is_a_microphone_alarm_that_outlives_a_restart_and_ends_when_it_is_there(
    tmp_path: Path, state_dir: Path, sounds: Callable[..., list[Path]]
) -> None:
    sound = tmp_path / "sound.flac"
    sound.write_bytes(b"no sound yet")
    with Broker(tmp_path / "broker") as broker, listening(broker) as listener:
        config = config_of(tmp_path, state_dir, broker.port, {"recording": str(sound), "loop": True, "speed": 5})
        with Daemon(config) as daemon:
            listener.wait_for(lambda seen: events(seen) and events(seen)[-1]["event"] == "raised", "the alarm", 30)
            assert daemon.terminate() == 0
        sound.unlink()
        sound.symlink_to(sounds(1, 60)[0])
        with Daemon(config) as daemon:
            listener.wait_for(
                lambda seen: any(each["event"] == "cleared" for each in events(seen)), "the end of the alarm", 30
            )
            document = listener.last(ALARM)
            listener.wait_for(lambda seen: seen.on(AVAILABILITY)[-1].json["state"] == "online", "availability")
            assert daemon.terminate() == 0
    mine = [each for each in events(listener) if each["kind"] == "microphone"]
    assert [each["event"] for each in mine] == ["raised", "cleared"]
    assert mine[0]["alarm_id"] == mine[1]["alarm_id"]
    assert [finding["fault"] for finding in mine[0]["findings"]] == [MicrophoneFault.DEVICE]  # type: ignore[attr-defined]
    assert document is not None
    assert document.json["state"] == "returned_unacknowledged"
    silenced = [each["event"] for each in events(listener) if each["kind"] == "anomaly"]
    assert silenced == ["suppressed", "unsuppressed"]


def test_a_recording_that_ends_normally_is_no_alarm(
    tmp_path: Path, state_dir: Path, sounds: Callable[..., list[Path]]
) -> None:
    with Broker(tmp_path / "broker") as broker, listening(broker) as listener:
        source: dict[str, object] = {"recording": str(sounds(1, 60)[0]), "speed": "max"}
        with Daemon(config_of(tmp_path, state_dir, broker.port, source)) as daemon:
            listener.wait_for(lambda seen: len(seen.on(AVAILABILITY)) == 3, "the end of the recording", 30)
            assert daemon.terminate() == 0
    assert [message.json["state"] for message in listener.on(AVAILABILITY)] == ["offline", "online", "offline"]
    assert not events(listener)
