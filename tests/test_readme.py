"""What the README shows is true: its Python runs, its commands and topics exist."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from paho.mqtt import publish

from monitor.publish.topics import Topics
from tests.broker import Broker, listening, needs_mosquitto
from tests.service.plant import monitor, train_quick, write_recordings


@pytest.fixture(scope="module")
def readme(root: Path) -> str:
    return (root / "README.md").read_text()


def test_the_python_snippet_runs_and_prints_a_line_per_window(
    readme: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    snippet = next(block for block in re.findall(r"```python\n(.*?)```", readme, re.DOTALL) if "load_model" in block)
    train_quick(tmp_path, "fan-1", write_recordings(tmp_path / "recordings", 6, 20), 4.0, 4.0)
    samples = np.random.default_rng(0).normal(0, 0.01, 44_100 * 12).astype(np.float32)
    code = snippet.replace("/var/lib/monitor", str(tmp_path))
    exec(compile(code, "README.md", "exec"), {"samples": samples, "rate_hz": 44_100})
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert all("recall" in line for line in lines)


def test_every_command_of_the_table_answers_to_help(readme: str) -> None:
    table = readme[readme.index("| command | does |") : readme.index("All take `--config PATH`")]
    named = sorted(set(re.findall(r"`monitor ([a-z]+)", table)))
    listed = monitor("--help").stdout
    assert len(named) >= 10
    assert [name for name in named if not re.search(rf"^  {name}\b", listed, re.MULTILINE)] == []


def test_every_topic_of_the_table_is_one_of_the_contract(readme: str) -> None:
    topics = Topics("monitor", "node")
    contract = {
        topics.status,
        topics.info,
        topics.health,
        topics.event,
        topics.alarm("<id>", "<kind>"),
        topics.availability("<id>"),
        topics.score("<id>"),
    }
    table = readme[readme.index("| topic | QoS | retained | says |") : readme.index("Events and alarm states")]
    named = re.findall(r"^\| `([^`]+)`", table, re.MULTILINE)
    assert {f"monitor/node/{name}" for name in named} >= contract


@needs_mosquitto
def test_the_line_that_clears_what_a_removed_node_had_retained_clears_that_and_nothing_else(
    readme: str, tmp_path: Path
) -> None:
    (line,) = re.findall(r"^mosquitto_sub .*--remove-retained.*$", readme, re.MULTILINE)
    program = shutil.which("mosquitto_sub")
    if program is None:
        pytest.skip("mosquitto_sub is not installed")
    with Broker(tmp_path) as broker:
        own = ("monitor/hall3-pc1/status", "monitor/hall3-pc1/machine/fan-1/alarm/anomaly")
        publish.multiple(
            [(topic, b"{}", 1, True) for topic in (*own, "monitor/other/status")], "127.0.0.1", broker.port
        )
        words = shlex.split(line.replace("-h broker.plant.lan", f"-p {broker.port}").replace("-W 5", "-W 2"))
        subprocess.run([program, *words[1:]], capture_output=True, check=False, timeout=30)
        with listening(broker) as late:
            late.wait_read()
            assert [each.topic for each in late.messages] == ["monitor/other/status"]
