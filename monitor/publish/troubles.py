"""Why messages do not reach the broker, in words for a person: what the `delivery` alarm is about."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from monitor.publish.messages import OutboxHealth

OUTAGE_S: Final = 60.0
"""A broker that is restarted, or a switch, is back before; a longer outage has someone look."""
_SHOWN: Final = 3  # topics that are named: an access list that denies one level denies a hundred


def troubles(away_s: float, denied: Collection[str], health: OutboxHealth, rival: str | None = None) -> tuple[str, ...]:
    """What is wrong now; nothing when all is well.

    Args:
        away_s: how long the broker has been out of reach, seconds; 0 when it is not.
        denied: topics that it refuses.
        health: of the outbox.
        rival: what there is to say of another client with this node's id; None when there is none.
    """
    found = [] if rival is None else [rival]
    if away_s >= OUTAGE_S:
        found.append("the broker cannot be reached")
    if denied:
        named = ", ".join(sorted(denied)[:_SHOWN])
        found.append(
            f"the broker refuses {named}" + (f" and {len(denied) - _SHOWN} more" if len(denied) > _SHOWN else "")
        )
    if health.unsaved:
        found.append("the state database cannot be written")
    return tuple(found)
