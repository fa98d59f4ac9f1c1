"""A simulated machine, recorded healthy and faulty, and quick trainings of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import soundfile

from monitor.audio.simulated import FaultSpec, render
from monitor.detect.alarm import AlarmPolicy
from monitor.detect.budget import Budget
from monitor.learn.job import Job
from monitor.memcae.preset import DEFAULT

RATE_HZ = 16_000
NOW_S = 1_700_000_000.0

QUICK = replace(
    DEFAULT,
    network=replace(DEFAULT.network, widths=(4, 8), slot_size=16),
    training=replace(DEFAULT.training, least_steps=20, most_steps=20),
)
"""The default preset with a small network, hardly trained: everything runs, within a second or two."""


def record(folder: Path, count: int, seconds: float = 6.0, fault: str | None = None, first: int = 0) -> list[Path]:
    """Recordings of a simulated fan at different moments of its life, as FLAC."""
    folder.mkdir(parents=True, exist_ok=True)
    faults = () if fault is None else (FaultSpec(fault, snr_db=3.0),)
    files = []
    for number in range(first, first + count):
        start = round((1_000_000.0 + 900.0 * number) * RATE_HZ)
        files.append(folder / f"{fault or 'normal'}-{number:02d}.flac")
        soundfile.write(files[-1], render("fan", 3, start, round(seconds * RATE_HZ), faults), RATE_HZ)
    return files


def job(machine: str = "fan-1") -> Job:
    """A quick training with windows of 2 s, 1 s apart."""
    return Job(machine, QUICK, 2.0, 1.0, Budget(), AlarmPolicy(), device="cpu")
