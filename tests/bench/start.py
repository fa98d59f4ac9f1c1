"""How soon a command answers: wall and processor time of those that must answer at once, beside an empty Python.

`python tests/bench/start.py [--runs 5]`
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
COMMANDS = (
    ("python -c pass", ["-c", "pass"]),
    ("monitor --help", ["-m", "monitor", "--help"]),
    ("monitor check", ["-m", "monitor", "check", "config/monitor.yaml"]),
    ("import monitor", ["-c", "import monitor"]),
    ("import torch", ["-c", "import torch"]),
)


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


def main() -> int:
    parser = argparse.ArgumentParser(description="How soon a command answers.")
    parser.add_argument("--runs", type=int, default=5, help="runs of each, the least counts (default 5)")
    runs = parser.parse_args().runs
    print("| command | wall, s | processor, s |")
    print("|---|---|---|")
    for name, arguments in COMMANDS:
        wall, processor = least(arguments, runs)
        print(f"| {name} | {wall:.2f} | {processor:.2f} |")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
