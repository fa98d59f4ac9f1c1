"""What `make bench` found, part by part: kept as JSON, and written out as Markdown.

Needs nothing but torch, so that a GPU machine can add its part.
"""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from tests.bench.lab.tables import table

JSON, MARKDOWN = "results.json", "RESULTS.md"

HEAD = """# How fast it is

Written by `make bench` (`tests/bench/speed.py`); the figures are in `results.json`. Every part names the machine, the
command and the day that it is of; a part that was not run again is of an earlier day."""


def here(device: torch.device | None = None) -> str:
    """This machine in a line."""
    cores = len(os.sched_getaffinity(0))
    text = f"{_processor()}, {cores} cores, torch {torch.__version__} with {torch.get_num_threads()} threads"
    if device is not None and device.type == "cuda":
        text = f"{torch.cuda.get_device_name(device)}; {text}"
    return text


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def keep(folder: Path, part: str, command: str, machine: str, tables: Mapping[str, str], values: object) -> None:
    """Put one part beside the others, and write all of them anew.

    Args:
        folder: holds `results.json` and `RESULTS.md`.
        part: replaces what is kept under this name.
        command: that gives these figures.
        machine: from `here`.
        tables: heading -> Markdown.
        values: the figures, JSON-ready.
    """
    folder.mkdir(parents=True, exist_ok=True)
    parts = _parts(folder)
    day = time.strftime("%Y-%m-%d", time.gmtime())
    parts[part] = {"command": command, "machine": machine, "day": day, "tables": dict(tables), "values": values}
    (folder / JSON).write_text(f"{json.dumps(parts, indent=1, sort_keys=True)}\n")
    (folder / MARKDOWN).write_text(markdown(parts))


def values(folder: Path, part: str) -> Any:
    """The figures that are kept of one part; None when there are none."""
    return _parts(folder).get(part, {}).get("values")


def _parts(folder: Path) -> dict[str, Any]:
    path = folder / JSON
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return found


def markdown(parts: Mapping[str, Any]) -> str:
    """All parts as one document."""
    text = [HEAD]
    for name in sorted(parts):
        part = parts[name]
        for heading, body in part["tables"].items():
            text.append(f"## {heading}\n\n`{part['command']}`, {part['day']}; {part['machine']}\n\n{body}")
    return "\n\n".join(text) + "\n"


def number(value: float) -> str:
    """With three figures."""
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def speeds_table(
    speeds: Sequence[Mapping[str, Any]], baseline_per_s: float, torch_per_s: float, peak_gflops: float
) -> str:
    """The speeds of a fleet, each beside its references; those of 0 windows a second were not measured."""
    beside = {"over the challenge baseline": baseline_per_s, "over the same by torch": torch_per_s}
    beside = {head: per_s for head, per_s in beside.items() if per_s}
    head = ["preset", "machines", "windows/s", "machines in real time", "over the plain reference", *beside]
    head += ["scores apart by", "GFLOP/s", "of a product's peak"]
    rows = []
    for each in speeds:
        row = [each["preset"], f"{each['machines']}", number(each["per_s"]), number(each["per_s"] * 10)]
        row += [f"{each['per_s'] / each['plain_per_s']:.2f}"]
        row += [f"{each['per_s'] / per_s:.2f}" for per_s in beside.values()]
        row += [f"{each['apart']:.0e}", number(each["gflops"]), f"{each['gflops'] / peak_gflops:.0%}"]
        rows.append(row)
    return table(head, rows)
