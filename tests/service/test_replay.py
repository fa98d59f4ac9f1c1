"""`monitor replay` on a real fan: every faulty recording alarms, no healthy one does, and the broker sees it."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor.config import load_config
from monitor.counted import counted
from monitor.detect.verdict import VerdictState
from monitor.errors import BadInputError
from monitor.service.replay import Summary, replay
from tests.broker import Broker, listening, needs_mosquitto, wait_until
from tests.service.plant import FAN_SOURCE, FAN_WINDOWS, FanJob, write_config

pytestmark = needs_mosquitto


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with Broker(tmp_path_factory.mktemp("broker")) as running:
        yield running


@pytest.fixture
def config(fan: FanJob, tmp_path: Path, broker: Broker) -> Path:
    state = Path(shutil.copytree(fan.state_dir, tmp_path / "state", symlinks=True))
    return write_config(tmp_path / "monitor.yaml", state, broker.port, {"fan-1": FAN_SOURCE}, **FAN_WINDOWS)


def replayed(config: Path, *files: Path) -> tuple[Summary, list[str]]:
    lines: list[str] = []
    summaries = replay(load_config(config), {"fan-1": [str(path) for path in files]}, None, lines.append)
    return summaries["fan-1"], lines


def test_every_faulty_recording_raises_an_alarm(fan: FanJob, config: Path, broker: Broker) -> None:
    with listening(broker) as listener:
        silent = [path.name for path in fan.anomaly if replayed(config, path)[0].raised == 0]
        listener.wait_for(
            lambda seen: len(seen.on("monitor/test-replay/event")) >= len(fan.anomaly), "an event for each"
        )
    assert len(fan.anomaly) == 8
    assert silent == []
    assert not [each for each in listener.messages if not each.topic.startswith("monitor/test-replay/")], (
        "the node's own topics belong to its daemon"
    )


def test_no_healthy_recording_that_was_not_learnt_raises_an_alarm(fan: FanJob, config: Path) -> None:
    apart = [replayed(config, path)[0] for path in fan.unheard]
    together, _ = replayed(config, *fan.unheard)
    assert [summary.raised for summary in apart] == [0, 0, 0, 0]
    assert together.raised == 0
    assert VerdictState.INVALID not in together.windows, "recordings that follow each other lose no sound"


def test_a_replay_prints_what_was_raised_and_a_summary(fan: FanJob, config: Path) -> None:
    summary, lines = replayed(config, fan.anomaly[0])
    assert "anomaly raised" in lines[0]
    assert lines[-1].endswith(f"{counted(summary.raised, 'anomaly alarm')} raised")


def test_the_training_says_honestly_what_so_little_sound_cannot_promise(fan: FanJob) -> None:
    assert "more" in fan.report
    assert "minutes" in fan.report or " h " in fan.report


def retained(broker: Broker) -> list[str]:
    with listening(broker) as late:
        late.wait_subscribed()
        late.wait_read()
        return [each.topic for each in late.messages if each.retain]


def test_a_replay_leaves_nothing_retained_at_the_broker(fan: FanJob, config: Path, broker: Broker) -> None:
    with listening(broker) as listener:
        replayed(config, fan.anomaly[0])
        listener.wait_for(lambda seen: seen.on("monitor/test-replay/machine/fan-1/alarm/anomaly"), "the alarm")
        states = [each.json["state"] for each in listener.on("monitor/test-replay/status") if each.payload]
    assert states == ["online", "offline"]
    assert retained(broker) == []


def test_a_replay_that_is_interrupted_leaves_nothing_either(fan: FanJob, config: Path, broker: Broker) -> None:
    command = [sys.executable, "-m", "monitor", "replay", f"fan-1={fan.anomaly[0]}", "--speed", "0.1"]
    with subprocess.Popen([*command, "--config", str(config)], stderr=subprocess.DEVNULL) as process:
        wait_until(lambda: "monitor/test-replay/info" in retained(broker), what="what the replay retains")
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    assert retained(broker) == []


def test_a_machine_that_is_not_configured_is_refused_by_name(config: Path, fan: FanJob) -> None:
    with pytest.raises(BadInputError, match=r"unknown machine 'fan-2'.*fan-1"):
        replay(load_config(config), {"fan-2": [str(fan.anomaly[0])]}, None)


def test_no_recording_at_all_is_refused(config: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=r"nothing\.wav: no such file"):
        replay(load_config(config), {"fan-1": [str(tmp_path / "nothing.wav")]}, None)


def test_what_cannot_be_read_is_passed_over_and_refused_when_nothing_is_left(
    config: Path, fan: FanJob, tmp_path: Path
) -> None:
    text = tmp_path / "text.wav"
    text.write_text("no sound")
    summary, _ = replayed(config, text, fan.anomaly[0])
    assert summary.raised > 0
    with pytest.raises(BadInputError, match=r"fan-1: no recordings: .*text\.wav: is not a readable sound file"):
        replayed(config, text)
