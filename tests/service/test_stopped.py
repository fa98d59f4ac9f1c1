"""A machine that stands still, in the running daemon: silent by design, and judged again after its start."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile

from monitor.audio.source import MODEL_RATE_HZ
from monitor.config import Config
from monitor.service.broker import home_assistant
from tests.broker import Broker, listening, needs_mosquitto
from tests.service.conftest import HOP_S, WINDOW_S
from tests.service.plant import Daemon, write_config

BASE = "monitor/test"


@needs_mosquitto
def test_a_stopped_machine_neither_alarms_nor_is_judged_until_its_start_up_is_over(
    tmp_path: Path, state_dir: Path, sounds: Callable[..., list[Path]]
) -> None:
    folder = tmp_path / "sound"
    folder.mkdir()
    hum = np.random.default_rng(1).normal(0, 1e-4, 40 * MODEL_RATE_HZ).astype(np.float32)  # -80 dBFS
    soundfile.write(folder / "1-off.flac", hum, MODEL_RATE_HZ)
    (folder / "2-running.flac").symlink_to(sounds(1, 60)[0])
    machine = {
        "source": {"recording": str(folder), "speed": 10},
        "stopped": {"below_dbfs": -60, "start_up_s": 10},
    }
    with Broker(tmp_path / "broker") as broker, listening(broker) as listener:
        config = write_config(
            tmp_path / "monitor.yaml", state_dir, broker.port, {"fan-1": machine}, window_s=WINDOW_S, hop_s=HOP_S
        )
        with Daemon(config) as daemon:
            score = f"{BASE}/machine/fan-1/score"
            listener.wait_for(lambda it: any(m.json["verdict"] == "normal" for m in it.on(score)), "sound judged", 60)
            assert daemon.terminate() == 0
            listener.wait_farewell(f"{BASE}/status")
    verdicts = [message.json["verdict"] for message in listener.on(score)]
    assert verdicts.count("off") >= 20
    assert "alarm" not in verdicts
    events = [message.json for message in listener.on(f"{BASE}/event")]
    told = [(each["event"], each["suppressed_by"]) for each in events if each["machine"] is not None]
    assert told[0] == ("suppressed", "machine_off")
    assert ("suppressed", "start_up") in told
    assert told[-1] == ("unsuppressed", None)
    assert not any(each["active"] for each in events)


def test_home_assistant_is_told_of_the_node_and_every_machine_only_when_it_is_configured() -> None:
    machines = {name: {"source": {"simulated": "fan"}} for name in ("fan-1", "fan-2")}
    assert home_assistant(Config.model_validate({"machines": machines}), "0") == []
    asked = Config.model_validate({"machines": machines, "mqtt": {"home_assistant": "homeassistant"}})
    assert len(home_assistant(asked, "0")) == 3
