"""The daemon as a Sparkplug edge node: killed, its broker tells its death; started again, it is born with its alarm."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.broker import Broker, listening, needs_mosquitto
from tests.publish.sparkplug_host import host_of
from tests.service.conftest import HOP_S, WINDOW_S
from tests.service.plant import Daemon, write_config


@needs_mosquitto
def test_a_killed_daemon_is_dead_to_the_host_and_is_born_again_with_the_alarm_that_it_had(
    tmp_path: Path, state_dir: Path, sounds: Callable[..., list[Path]]
) -> None:
    source = {"recording": str(sounds(1, 60, "bearing")[0]), "speed": 10, "loop": True}
    with Broker(tmp_path / "broker") as broker, listening(broker, "spBv1.0/#") as listener:
        mqtt = {"host": "127.0.0.1", "port": broker.port, "sparkplug": {"group": "hall3"}}
        config = write_config(
            tmp_path / "monitor.yaml", state_dir, broker.port, {"fan-1": {"source": source}},
            window_s=WINDOW_S, hop_s=HOP_S, health_s=5, mqtt=mqtt,
        )  # fmt: skip
        with Daemon(config):
            listener.wait_for(
                lambda it: host_of(it).values.get("fan-1", {}).get("Alarm/anomaly/active") is True, "the alarm", 60
            )
        listener.wait_for(lambda it: host_of(it).kinds[-1] == "NDEATH", "the death of a killed daemon")
        assert host_of(listener).alive == set()
        with Daemon(config) as daemon:
            listener.wait_for(
                lambda it: "fan-1" in (host := host_of(it)).alive and host.values["fan-1"]["Score/verdict"] == "alarm",
                "the second run's work",
                60,
            )
            assert daemon.terminate() == 0
        listener.wait_for(lambda it: host_of(it).kinds[-1] == "NDEATH", "the farewell")
        host = host_of(listener)
    births = [each for each in host.heard if each.kind == "NBIRTH"]
    assert [each.metrics["bdSeq"] for each in births] == [0, 1]
    last = [each for each in host.heard if each.kind == "DBIRTH"][-1]
    assert last.metrics["Alarm/anomaly/active"] is True
    assert last.metrics["Alarm/anomaly/state"] == "unacknowledged"
    assert host.values[""]["Properties/version"]
    assert host.types["fan-1"]["Score/score"] == 10  # Double
