"""How soon a command answers, and how soon the daemon is ready.

`python tests/bench/start.py [--runs 5] [--machines 1,100] [--out DIR]`: wall and processor time of the commands that
must answer at once, beside an empty Python, and of `monitor run` from its start to READY=1, as systemd counts it, with
so many simulated machines that each have a model of their own.
"""

from __future__ import annotations

import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # `make bench` runs this file by its path

from monitor.memcae.preset import PRESETS
from tests.bench.lab.machine import WINDOW_S
from tests.bench.lab.many import Plant, build
from tests.bench.lab.process import usage
from tests.bench.lab.setup import ROOT, kept, parser, quickly, write
from tests.bench.lab.tables import table
from tests.broker import Broker
from tests.service.plant import write_config

COMMANDS = (
    ("python -c pass", ["-c", "pass"]),
    ("monitor --help", ["-m", "monitor", "--help"]),
    ("monitor check", ["-m", "monitor", "check", "config/monitor.yaml"]),
    ("import monitor", ["-c", "import monitor"]),
    ("import torch", ["-c", "import torch"]),
)
PATIENCE_S = 120.0
"""Longest wait for READY=1; systemd's own limit is 90 s."""


@dataclass(frozen=True, slots=True)
class Started:
    """How long something took to start."""

    what: str
    wall_s: float
    processor_s: float


def least(arguments: list[str], runs: int) -> tuple[float, float]:
    """The least wall and processor time of some runs, seconds."""
    walls, processors = [], []
    for _ in range(runs):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        began = time.perf_counter()
        subprocess.run([sys.executable, *arguments], cwd=ROOT, check=True, capture_output=True)
        walls.append(time.perf_counter() - began)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        processors.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(walls), min(processors)


def ready(plant: Plant, folder: Path) -> Started:
    """Start `monitor run` on ``plant`` with a broker, and wait for the datagram that systemd waits for.

    Raises:
        TimeoutError: it did not come.
    """
    with Broker(folder / "broker") as broker, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(folder / "notify"))
        manager.settimeout(PATIENCE_S)
        config = write_config(
            folder / "monitor.yaml", plant.state_dir, broker.port, plant.sources(), window_s=WINDOW_S, hop_s=WINDOW_S
        )
        environ = {**os.environ, "PYTHONPATH": str(ROOT), "NOTIFY_SOCKET": str(folder / "notify")}
        command = [sys.executable, "-m", "monitor", "run", "--config", str(config)]
        began_s = time.perf_counter()
        with (folder / "monitor.log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, env=environ)
        try:
            while b"READY=1" not in manager.recv(4096):
                pass
            wall_s, spent_s = time.perf_counter() - began_s, usage(process.pid).processor_s
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(PATIENCE_S)
    return Started(f"monitor run, {len(plant.machines)} machines, to READY=1", wall_s, spent_s)


def started(counts: Sequence[int], runs: int, folder: Path, preset: str = "default") -> list[Started]:
    """Everything, the commands first."""
    found = [Started(name, *least(arguments, runs)) for name, arguments in COMMANDS]
    small = quickly(PRESETS[preset])
    for count in counts:
        plant = build(small, kept(folder, small), count)
        tries = []
        for _ in range(min(runs, 3)):
            with tempfile.TemporaryDirectory() as scratch:
                tries.append(ready(plant, Path(scratch)))
        found.append(min(tries, key=lambda each: each.wall_s))
    return found


def report(found: Sequence[Started]) -> str:
    """As a table."""
    rows = [[each.what, f"{each.wall_s:.2f}", f"{each.processor_s:.2f}"] for each in found]
    return table(["command", "wall, s", "processor, s"], rows)


def main() -> int:
    options = parser("How soon a command answers, and how soon the daemon is ready.")
    options.add_argument("--runs", type=int, default=5, help="runs of each, the least counts (default 5)")
    options.add_argument("--machines", default="1,100", help="of the daemon, separated by commas; empty for none")
    given = options.parse_args()
    counts = [1] if given.quick else [int(each) for each in given.machines.split(",") if each]
    found = started(counts, 1 if given.quick else given.runs, given.out, given.preset)
    write(given.out, "start", report(found), [asdict(each) for each in found])
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
