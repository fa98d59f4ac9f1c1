"""The microphones' drill: one command, one table. ``make drill``; ``--short`` for the form that the test suite runs."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.drill.microphone_drills import DRILLS
from tests.drill.microphone_scale import FULL, SHORT


def main(arguments: list[str]) -> int:
    """Run every drill, or those that are named; 0 when all held."""
    scale = SHORT if "--short" in arguments else FULL
    named = [word for word in arguments if not word.startswith("-")]
    chosen = [drill for drill in DRILLS if not named or drill.__name__ in named]
    failed = 0
    for drill in chosen:
        began = time.monotonic()
        try:
            with tempfile.TemporaryDirectory(prefix="drill-") as folder:
                found = drill(Path(folder), scale)
            good, figures = found.good, found.figures
        except (AssertionError, pytest.fail.Exception, pytest.skip.Exception) as error:
            good, figures = False, f"broke off: {error}"
        failed += not good
        title = (drill.__doc__ or "").splitlines()[0].rstrip(".")
        if drill is chosen[0]:
            print("| microphones | held | s | figures |\n|---|---|---|---|")
        print(f"| {title} | {'yes' if good else '**no**'} | {time.monotonic() - began:.0f} | {figures} |", flush=True)
    if chosen:
        print("all held" if not failed else f"{failed} did not hold")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
