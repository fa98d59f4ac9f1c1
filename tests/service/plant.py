"""A small plant for tests: a trained model of a simulated machine, its configuration, and the daemon as a process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import soundfile
import yaml

from monitor.audio.simulated import FaultSpec, render
from monitor.audio.source import MODEL_RATE_HZ
from monitor.detect.alarm import AlarmPolicy
from monitor.detect.budget import Budget
from monitor.learn.fit import Job, fit_machine
from monitor.memcae import artifact
from monitor.memcae.preset import DEFAULT

ROOT = Path(__file__).parents[2]
KIND, SEED = "fan", 3
LIFE_S = 1_000_000.0
"""Where in the simulated machine's life the recordings lie; any moment will do."""

QUICK = replace(DEFAULT, training=replace(DEFAULT.training, epochs=2, least_steps=20, most_steps=40, folds=2))
"""The default preset, hardly trained: its views tell a loud fault from a healthy machine all the same."""


def write_recordings(folder: Path, count: int, seconds: int, fault: str | None = None, first: int = 0) -> list[Path]:
    """Recordings of the simulated machine as FLAC files, with a fault in full growth or healthy."""
    folder.mkdir(parents=True, exist_ok=True)
    faults = () if fault is None else (FaultSpec(fault, snr_db=6.0),)
    files = []
    for number in range(first, first + count):
        start = round((LIFE_S + 1000.0 * number) * MODEL_RATE_HZ)
        path = folder / f"{fault or 'normal'}-{number:02d}.flac"
        soundfile.write(path, render(KIND, SEED, start, seconds * MODEL_RATE_HZ, faults), MODEL_RATE_HZ)
        files.append(path)
    return files


def train_quick(state_dir: Path, machine: str, files: Sequence[Path], window_s: float, hop_s: float) -> None:
    """A model of ``machine`` within seconds."""
    job = Job(machine, QUICK, window_s, hop_s, Budget(), AlarmPolicy())
    fit_machine(job, files, state_dir=state_dir, created_s=time.time())


def give_model(state_dir: Path, machine: str) -> None:
    """Let a machine have the model of `fan-1`, without a calibration."""
    model = artifact.load_model(state_dir, "fan-1")
    artifact.save_version(state_dir, machine, model, created_s=0.0, code_version="", training={})


FAN_WINDOWS = {"window_s": 10, "hop_s": 2}
FAN_SOURCE: dict[str, Any] = {"source": {"simulated": "fan", "seed": 1}}
"""What the real fan's machine hears when nothing else is said; every test says something else."""


@dataclass(frozen=True)
class FanJob:
    """A model of a real fan, and recordings that it has not learnt."""

    state_dir: Path
    unheard: tuple[Path, ...]
    """Normal."""
    anomaly: tuple[Path, ...]
    report: str
    """What `monitor train` printed."""


def monitor(*arguments: str, environ: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """The command line as a process of its own, to its end."""
    return subprocess.run(
        [sys.executable, "-m", "monitor", *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT), **(environ or {})},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@dataclass
class Daemon:
    """`monitor run` as a process of its own."""

    config: Path
    environ: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        path = self.config.with_suffix(".log")
        return path.read_text() if path.exists() else ""

    @property
    def records(self) -> list[dict[str, Any]]:
        """The log, line by line; every line is JSON or this fails."""
        return [json.loads(line) for line in self.log.splitlines()]

    def __enter__(self) -> Self:
        with self.config.with_suffix(".log").open("ab") as log:
            command = [sys.executable, "-m", "monitor", "run", "--config", str(self.config)]
            environ = {**os.environ, "PYTHONPATH": str(ROOT), **self.environ}
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=environ)
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process is not None
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def terminate(self, timeout_s: float = 30.0) -> int:
        """Send SIGTERM; gives the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout_s)


def write_config(path: Path, state_dir: Path, port: int, machines: dict[str, Any], **more: Any) -> Path:
    """A configuration for the node `test`."""
    config = {
        "node": "test",
        "state_dir": str(state_dir),
        "device": "cpu",
        "mqtt": {"host": "127.0.0.1", "port": port},
        "machines": machines,
        **more,
    }
    path.write_text(yaml.safe_dump(config))
    return path


def hurried(folder: Path, **constants: float) -> dict[str, str]:
    """The environment of a process that waits less; each constant by its module under `monitor`, ``__`` for a dot."""
    folder.mkdir()
    lines = ["import importlib, sys", f"sys.path.insert(1, {str(ROOT)!r})"]
    for path, value in constants.items():
        module, _, name = path.replace("__", ".").rpartition(".")
        lines.append(f"importlib.import_module('monitor.{module}').{name} = {value}")
    (folder / "sitecustomize.py").write_text("\n".join(lines) + "\n")
    return {"PYTHONPATH": str(folder)}
