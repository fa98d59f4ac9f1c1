"""A whole plant on this machine: the daemon with simulated machines in real time, and how late, how costly, how large.

`python tests/bench/plant.py [--plants 40:2,400:10,100:2:1] [--settle 60] [--quick] [--out DIR]`

A real broker and an independent subscriber. From the end of a window's sound: `score` is when the subscriber had the
window's score (QoS 0), `event` when the node had the broker's PUBACK for an event (QoS 1) that the window led to. Every
tenth machine, of ten every one, has its levels in the midst of its normal scores, so that there are events.
"""

from __future__ import annotations

import itertools
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))  # `make bench` runs this file by its path

from monitor.memcae.preset import PRESETS
from tests.bench.lab import node
from tests.bench.lab.machine import WINDOW_S
from tests.bench.lab.many import Plant, build
from tests.bench.lab.process import Usage, usage
from tests.bench.lab.setup import kept, parser, quickly, write
from tests.bench.lab.tables import table
from tests.bench.speed import PLANTS
from tests.broker import Broker, Listener, Received
from tests.service.plant import write_config

READY_S = 300.0
"""Longest wait for the first window of every machine."""
SAMPLE_S = 5.0
"""How often memory and processor time are looked at."""
ARRIVES_S = 5.0
"""Windows that ended so shortly before the daemon was stopped are not counted: they may not have been told of."""
NOTE = """The daemon as a process, a real mosquitto and a subscriber on the same cores; windows of 10 s, each machine
with a model of its own. Times are from the end of a window's sound: `score` until the subscriber has the score (QoS 0),
`event` until the node has the PUBACK of an event (QoS 1) that the window led to. Every tenth machine, of ten
every one, has its levels in the midst of its normal scores, so that there are events. Simulated machines are alike to
one of eight individuals in turn, whose sound is made once for all that listen to it. Cores and milliseconds are
processor time of the whole daemon, simulation and all. Resident: the most, and by how much the last look found more
than the first."""


@dataclass(frozen=True, slots=True)
class Load:
    """What a run of the daemon has to do."""

    machines: int
    hop_s: float = WINDOW_S
    minutes: float = 1.0


QUICK = Load(2, minutes=0.4)


def loads(text: str) -> tuple[Load, ...]:
    """Of `machines:minutes` or `machines:minutes:hop in seconds`, separated by commas."""
    return tuple(_load(*each.split(":")) for each in text.split(","))


def _load(machines: str, minutes: str, hop_s: str = str(WINDOW_S)) -> Load:
    return Load(int(machines), float(hop_s), float(minutes))


@dataclass(frozen=True, slots=True)
class Late:
    """How long after the end of its sound something happened, seconds."""

    count: int
    median_s: float
    p99_s: float
    most_s: float

    @classmethod
    def of(cls, delays_s: Sequence[float]) -> Late:
        """Of any number of delays; NaN of none."""
        if not delays_s:
            return cls(0, *[float("nan")] * 3)
        middle, far, most = np.quantile(delays_s, (0.5, 0.99, 1.0))
        return cls(len(delays_s), float(middle), float(far), float(most))


@dataclass(frozen=True, slots=True)
class Run:
    """What one run of the daemon came to, after it had settled."""

    machines: int
    hop_s: float
    seconds: float
    windows: int
    lost: int
    """Windows missing between a machine's first and last, and windows that were told to have lost sound."""
    score: Late
    event: Late
    lag_s: float
    """The greatest that the daemon itself told in `health`."""
    cores: float
    """Processor seconds per second."""
    ms_per_window: float
    """Processor time of the whole daemon over the windows, milliseconds."""
    ms_per_second: float
    """The same over the seconds of sound of every machine."""
    resident_mb: float
    """Greatest resident set, 10^6 bytes."""
    grown_mb: float
    """From the first look to the last."""

    @classmethod
    def read(cls, kept: Mapping[str, Any]) -> Run:
        """What `dataclasses.asdict` made of one."""
        return cls(**{**kept, "score": Late(**kept["score"]), "event": Late(**kept["event"])})


def run(plant: Plant, folder: Path, load: Load, settle_s: float) -> Run:
    """Run the daemon on ``plant`` for so long after all machines were heard and ``settle_s`` more."""
    seconds, sources = 60 * load.minutes, plant.sources()
    with Broker(folder / "broker") as broker, Listener(broker.port, "monitor/#") as listener:
        config = folder / "monitor.yaml"
        write_config(config, plant.state_dir, broker.port, sources, window_s=WINDOW_S, hop_s=load.hop_s)
        for old in plant.state_dir.glob("state.sqlite*"):
            old.unlink()
        acknowledged = folder / "acknowledged"
        with (folder / "monitor.log").open("wb") as log:
            command = [sys.executable, node.__file__, str(config), str(acknowledged)]
            process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            _wait_heard(process, listener, len(plant.machines), folder)
            time.sleep(settle_s)
            began_s, samples = time.time(), [usage(process.pid)]
            while time.time() - began_s < seconds:
                time.sleep(SAMPLE_S)
                samples.append(usage(process.pid))
            ended_s = time.time()
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                process.wait(60)
        return _run(load, listener.messages, node.read(acknowledged), samples, (began_s, ended_s))


def _wait_heard(process: subprocess.Popen[bytes], listener: Listener, machines: int, folder: Path) -> None:
    deadline = time.monotonic() + READY_S
    while len({each.topic for each in listener.messages if each.topic.endswith("/score")}) < machines:
        if process.poll() is not None or time.monotonic() > deadline:
            raise SystemExit(f"the daemon does not hear all {machines}: {(folder / 'monitor.log').read_text()[-2000:]}")
        time.sleep(1.0)


def _run(
    load: Load,
    messages: Sequence[Received],
    acknowledged: dict[int, float],
    samples: Sequence[Usage],
    between: tuple[float, float],
) -> Run:
    began_s, ended_s = between
    scores = [each for each in messages if each.topic.endswith("/score")]
    told = [(utc_s(each.json["end"]), each) for each in scores]
    inside = [(end_s, each) for end_s, each in told if began_s <= end_s < ended_s - ARRIVES_S]
    events = [each.json for each in messages if each.topic.endswith("/event")]
    delays = [
        acknowledged[event["seq"]] - end_s
        for event in events
        if event["machine"] and event["seq"] in acknowledged and began_s <= (end_s := utc_s(event["time"])) < ended_s
    ]
    health = [each.json for each in messages if each.topic.endswith("/health") and began_s <= each.at_s <= ended_s]
    seconds = samples[-1].at_s - samples[0].at_s
    spent = samples[-1].processor_s - samples[0].processor_s
    heard = sum(began_s <= each.at_s < ended_s for each in scores)
    return Run(
        machines=load.machines,
        hop_s=load.hop_s,
        seconds=seconds,
        windows=len(inside),
        lost=missing(told, load.hop_s) + sum(each.json["lost"] for _, each in inside),
        score=Late.of([each.at_s - end_s for end_s, each in inside]),
        event=Late.of(delays),
        lag_s=max((each["lag_s"] for each in health), default=float("nan")),
        cores=spent / seconds,
        ms_per_window=1e3 * spent / max(1, heard),
        ms_per_second=1e3 * spent / (seconds * load.machines),
        resident_mb=max(each.resident for each in samples) / 1e6,
        grown_mb=(samples[-1].resident - samples[0].resident) / 1e6,
    )


def missing(told: Sequence[tuple[float, Received]], hop_s: float) -> int:
    """Windows that each machine has not told of between its first and its last."""
    ends: dict[str, list[float]] = {}
    for end_s, each in told:
        ends.setdefault(each.topic, []).append(end_s)
    gaps = (later - sooner for each in ends.values() for sooner, later in itertools.pairwise(sorted(each)))
    return sum(max(0, round(gap / hop_s) - 1) for gap in gaps)


def utc_s(text: str) -> float:
    """RFC 3339 as POSIX seconds."""
    return datetime.fromisoformat(text).timestamp()


def report(runs: Sequence[Run]) -> str:
    """The runs as a table."""
    head = [
        "machines",
        "hop (s)",
        "windows",
        "lost",
        "score: median, p99, most (s)",
        "event: number, median, p99, most (s)",
    ]
    head += ["lag (s)", "cores", "ms a window", "ms a second of sound", "resident, growth (MB)"]
    return table(head, [_row(each) for each in runs])


def _row(found: Run) -> list[str]:
    score, event = found.score, found.event
    return [
        f"{found.machines}",
        f"{found.hop_s:g}",
        f"{found.windows}",
        f"{found.lost}",
        f"{score.median_s:.2f}, {score.p99_s:.2f}, {score.most_s:.2f}",
        f"{event.count}: {event.median_s:.2f}, {event.p99_s:.2f}, {event.most_s:.2f}",
        f"{found.lag_s:.2f}",
        f"{found.cores:.2f}",
        f"{found.ms_per_window:.1f}",
        f"{found.ms_per_second:.1f}",
        f"{found.resident_mb:.0f}, {found.grown_mb:+.0f}",
    ]


def runs(wanted: Sequence[Load], settle_s: float, out: Path, preset: str = "default") -> list[Run]:
    """One after the other; models that are hardly trained do as many sums."""
    small = quickly(PRESETS[preset])
    found = []
    for load in wanted:
        plant = build(small, kept(out, small), load.machines)
        with tempfile.TemporaryDirectory() as scratch:
            found.append(run(plant, Path(scratch), load, settle_s))
        print(json.dumps(asdict(found[-1])), file=sys.stderr)
    return found


def main() -> int:
    options = parser("The daemon with many simulated machines in real time.")
    options.add_argument("--plants", type=loads, default=PLANTS, help=f"machines:minutes[:hop] (default {PLANTS})")
    options.add_argument("--settle", type=float, default=20.0, help="seconds before (default 20)")
    given = options.parse_args()
    found = runs([QUICK] if given.quick else given.plants, given.settle, given.out, given.preset)
    write(given.out, "plant", f"{report(found)}\n\n{NOTE}", [asdict(each) for each in found])
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
