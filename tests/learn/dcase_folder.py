"""Tiny data sets in the layout of DCASE Task 2, of simulated sound."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import soundfile

from monitor.audio.simulated import FaultSpec, render
from monitor.audio.source import MODEL_RATE_HZ
from monitor.memcae.preset import DEFAULT

QUICK = replace(
    DEFAULT,
    network=replace(DEFAULT.network, widths=(4, 6), slot_size=8),
    training=replace(DEFAULT.training, epochs=1, least_steps=5, most_steps=5, folds=2),
)
"""Enough to go all the way in a second."""

CLIP_S = 2.0
LOUD = (FaultSpec("squeal", snr_db=12.0),)
"""A fault that nothing can miss."""


def write_clip(path: Path, start_s: float, faults: tuple[FaultSpec, ...] = (), seconds: float = CLIP_S) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    frames = round(seconds * MODEL_RATE_HZ)
    soundfile.write(path, render("fan", 3, round(start_s * MODEL_RATE_HZ), frames, faults), MODEL_RATE_HZ)


def write_machine(
    root: Path, machine: str = "fan", section: str = "00", suffix: str = "wav", test: str = "_test"
) -> Path:
    """12 clips to train on (10 source, 2 target), 16 to test: of each domain and label 4."""
    folder = root / machine
    for i in range(12):
        domain = "source" if i < 10 else "target"
        write_clip(folder / "train" / f"section_{section}_{domain}_train_normal_{i:04d}_noAttribute.{suffix}", i * 30.0)
    for k, (domain, label) in enumerate((d, n) for d in ("source", "target") for n in ("normal", "anomaly")):
        for i in range(4):
            name = f"section_{section}_{domain}{test}_{label}_{i:04d}_vel_{k}.{suffix}"
            write_clip(folder / "test" / name, 400.0 + 40 * k + 10 * i, LOUD if label == "anomaly" else ())
    return folder
