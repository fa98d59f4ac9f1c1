"""The plant of the demonstration: three simulated machines, their normal recordings and their configuration."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import soundfile
import yaml

from monitor.audio.simulated import render
from monitor.audio.source import MODEL_RATE_HZ
from monitor.errors import BadInputError

SPEED = 20.0
"""Seconds of sound per second: three machines then bring 6 windows a second, a third of what two slow cores judge."""
WINDOW_S = 10.0
RECORDINGS = 12
"""Normal recordings per machine; split by recording, they give four rounds of three that are held out."""
RECORDING_S = 30
"""Together six minutes of normal sound: as little as a first try at a real machine would have."""
FAULT_AFTER_S = 300.0
"""Five minutes of healthy sound first (15 s at the demonstration's speed), so that a false alarm would be seen."""
SIGNATURE = "monitor-demo.txt"
"""Marks a folder as a demonstration's own."""


@dataclass(frozen=True, slots=True)
class DemoMachine:
    """One simulated machine."""

    machine: str
    kind: str
    seed: int
    fault: str | None = None


MACHINES = (
    DemoMachine("fan-1", "fan", 11),
    DemoMachine("gearbox-1", "gearbox", 7, fault="bearing"),
    DemoMachine("pump-1", "pump", 5),
)
FAULT_LASTS_S = 180.0
"""Then the machine is mended: time for the alarm to come and to be acknowledged (9 s), and to see it clear."""
FAULT_SNR_DB = -6.0
"""Half the amplitude of the machine itself: someone who knows the machine would hear it, a visitor might not."""


def record_normal(folder: Path, machine: DemoMachine, before_s: float) -> list[Path]:
    """Write the machine's normal sound of the hours before ``before_s`` (UTC, POSIX seconds) as FLAC files.

    The recordings are a quarter of an hour apart, so that they hold different moments of its load.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for number in range(RECORDINGS):
        start_s = before_s - (number + 1) * 900.0
        frames = RECORDING_S * MODEL_RATE_HZ
        samples = render(machine.kind, machine.seed, round(start_s * MODEL_RATE_HZ), frames)
        path = folder / f"normal-{number + 1:02d}.flac"
        soundfile.write(path, samples, MODEL_RATE_HZ)
        files.append(path)
    return files


def is_demo(folder: Path) -> bool:
    """Whether the files in it are of a demonstration, which may be written over."""
    return (folder / SIGNATURE).is_file()


def sign(folder: Path) -> None:
    """Say that what is in the folder from now on is of a demonstration.

    Raises:
        BadInputError: it cannot be written to.
    """
    try:
        (folder / SIGNATURE).write_text("Everything in this folder is of `monitor demo --out`, which writes over it.\n")
    except OSError as error:
        raise BadInputError(f"--out: {folder} cannot be written to: {error.strerror}") from error


def write_config(folder: Path, host: str, port: int, protocol: str) -> Path:
    """The configuration that the daemon runs with, as a file that the user can go on with."""
    machines = {}
    for machine in MACHINES:
        source: dict[str, object] = {"simulated": machine.kind, "seed": machine.seed, "speed": SPEED}
        if machine.fault is not None:
            source["fault"] = {
                "kind": machine.fault,
                "after_s": FAULT_AFTER_S,
                "snr_db": FAULT_SNR_DB,
                "lasts_s": FAULT_LASTS_S,
            }
        machines[machine.machine] = {"source": source}
    config = {
        "node": "demo",
        "state_dir": str(folder / "state"),
        "window_s": WINDOW_S,
        "mqtt": {"host": host, "port": port, "protocol": protocol},
        "machines": machines,
    }
    path = folder / "monitor.yaml"
    text = yaml.safe_dump(config, sort_keys=False)
    path.write_text(f"# Written by `monitor demo`; every key is explained in config/monitor.yaml.\n{text}")
    return path
