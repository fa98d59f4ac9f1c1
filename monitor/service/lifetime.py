"""Whether the daemon of before ended as it should, so that one that was killed shows as an event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from monitor.publish.encoding import Utc

STATE_KEY: Final = "run"


def alive(now_s: float, *, ended: bool = False) -> dict[str, Any]:
    """What is kept now and then while the daemon runs, and when it ends in order.

    Args:
        now_s: the wall clock, UTC, POSIX seconds.
        ended: nothing more will be heard.
    """
    return {STATE_KEY: {"alive_s": now_s, "ended": ended}}


def unexpected_end(kept: Mapping[str, Any]) -> str | None:
    """How the run of before ended, in words; None when it ended in order, or there was none."""
    run = kept.get(STATE_KEY)
    if not isinstance(run, Mapping) or run.get("ended") is not False or not isinstance(run.get("alive_s"), float):
        return None
    return f"monitor ended without notice after {Utc(run['alive_s']).rfc3339()}; until this start it heard nothing"
