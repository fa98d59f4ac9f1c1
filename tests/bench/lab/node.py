"""`monitor run`, and a line for every event that the broker has acknowledged: its number, and when the PUBACK came.

`python tests/bench/lab/node.py CONFIG FILE`: the daemon as it is, with one wire tapped.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from monitor.cli import main
from monitor.publish.outbox import Outbox


def tapped(path: Path) -> None:
    """Have every acknowledgement written to ``path`` from now on, UTC in POSIX seconds."""
    file = path.open("w", buffering=1)
    acknowledge = Outbox.acknowledge

    def noting(self: Outbox, seq: int) -> None:
        file.write(f"{seq} {time.time():.4f}\n")
        acknowledge(self, seq)

    Outbox.acknowledge = noting  # type: ignore[method-assign]


def read(path: Path) -> dict[int, float]:
    """What `tapped` wrote: number of the event -> when it was first acknowledged."""
    found: dict[int, float] = {}
    for line in path.read_text().splitlines():
        seq, at_s = line.split()
        found.setdefault(int(seq), float(at_s))
    return found


if __name__ == "__main__":
    config, acknowledged = sys.argv[1:]
    tapped(Path(acknowledged))
    sys.argv = ["monitor", "run", "--config", config]
    sys.exit(main())
