"""What all benches have in common on the command line: where results go, and which preset."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path

import torch

from monitor.learn.evaluate_section import code_digest
from monitor.memcae import preset as presets
from monitor.memcae.preset import PRESETS, Preset

ROOT = Path(__file__).parents[3]
OUT = ROOT / "build" / "bench"
"""Where results go unless told otherwise; not under version control."""
DATA = Path(os.environ.get("MONITOR_TEST_DATA") or ROOT.parent / "shared" / "data")
"""Real recordings, kept beside the repository."""
DECIDING = ("machine.py", "trained.py")
"""What of the benches' own code decides what is kept."""
QUICK_STEPS = 60
"""Gradient steps of a quick run: the views' statistics matter more, and they are fitted in full."""


def parser(description: str) -> argparse.ArgumentParser:
    """A parser with the options of every bench."""
    found = argparse.ArgumentParser(description=description)
    found.add_argument("--out", type=Path, default=OUT, help="folder for results, models and scores kept for next time")
    found.add_argument("--preset", choices=sorted(PRESETS), default="default")
    found.add_argument("--quick", action="store_true", help="a small part, hardly trained, to see that it runs")
    return found


def chosen_preset(name: str, *, quick: bool) -> Preset:
    """The preset; for a quick run hardly trained."""
    torch.set_num_threads(1)  # two threads that wait for each other on a busy machine take many times as long as one
    return quickly(PRESETS[name]) if quick else PRESETS[name]


def quickly(preset: Preset) -> Preset:
    """The preset hardly trained."""
    return replace(preset, training=replace(preset.training, least_steps=QUICK_STEPS, most_steps=QUICK_STEPS))


def kept(out: Path, preset: Preset, *more: object) -> Path:
    """The folder for what this preset and this very code make: other code finds nothing there and starts anew."""
    own = [Path(__file__).with_name(name).read_text() for name in DECIDING]
    parts = [code_digest(), own, presets.to_dict(preset), [repr(each) for each in more]]
    digest = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
    return out.resolve() / "kept" / f"{preset.name}-{digest[:12]}"


def write(out: Path, name: str, text: str, values: object) -> None:
    """Print the tables, and keep them as NAME.md beside the figures in NAME.json."""
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{name}.md").write_text(f"{text}\n")
    (out / f"{name}.json").write_text(f"{json.dumps(values, indent=1)}\n")
    print(text)
