"""The fault drill: one command, one table. ``make drill``; ``--short`` for the form that the test suite runs."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.drill.drills import DRILLS, FULL, SHORT, whole_daemon_killed
from tests.drill.visible import shows

COLUMNS = (
    "drill",
    "sent",
    "received",
    "lost",
    "out of order",
    "double",
    "repeats",
    "dead",
    "invalid",
    "false",
    "s",
    "seen as",
)


def main(arguments: list[str]) -> int:
    """Run every drill, or those that are named; 0 when all held."""
    scale = SHORT if "--short" in arguments else FULL
    named = [word for word in arguments if not word.startswith("-")]
    print("| " + " | ".join(COLUMNS) + " |")
    print("|" + "---|" * len(COLUMNS))
    failed = 0
    for drill in DRILLS:
        if (named and drill.__name__ not in named) or (drill is whole_daemon_killed and not scale.daemon_kills):
            continue
        began = time.monotonic()
        title = (drill.__doc__ or "").splitlines()[0].rstrip(".")
        try:
            with tempfile.TemporaryDirectory(prefix="drill-") as folder:
                found = drill(Path(folder), scale)
        except (AssertionError, pytest.fail.Exception) as error:  # the others are still worth their time
            failed += 1
            print(f"| {title} | **broke off: {error}** |", flush=True)
            continue
        failed += not (found.good and shows(drill, found, scale))
        cells = (
            title, found.sent, found.received, found.lost,
            found.out_of_order, found.duplicates, found.repeats, found.dead, found.invalid, found.false,
            f"{time.monotonic() - began:.0f}", ", ".join(found.seen),
        )  # fmt: skip
        print("| " + " | ".join(str(cell) for cell in cells) + " |", flush=True)
    print("all held" if not failed else f"{failed} did not hold")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
