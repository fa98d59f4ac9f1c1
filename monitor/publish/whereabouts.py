"""Whether a node is alive, from what is retained at the broker: the alarms of one that is not are its last word."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from monitor.publish.messages import Presence

UNKNOWN: Final = "unknown"
"""No status is retained: it has never been here, the broker has forgotten it, or its topic may not be read."""


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """What the broker knows of a node."""

    node: str
    state: str
    """`online`, `offline` or `unknown`."""
    since: str | None = None
    """RFC 3339; None where nobody knows: a last will does not say when it came to be."""
    reason: str | None = None
    """Why it is offline."""
    last_heard: str | None = None
    """RFC 3339: when it handed over the latest of what is retained."""

    @property
    def alive(self) -> bool:
        """Whether it is there, so that its alarms are how things stand now."""
        return self.state == Presence.ONLINE

    def sentence(self) -> str:
        """As one line for a person."""
        if self.state == UNKNOWN:
            return f"{self.node} is UNKNOWN to the broker: it says neither that it is online nor since when it is not"
        if self.alive:
            return f"{self.node} is online"
        when = f" since {self.since}" if self.since else ""
        heard = f", last heard at {self.last_heard}" if self.last_heard and not self.since else ""
        return f"{self.node} is OFFLINE{when}{f' ({self.reason})' if self.reason else ''}{heard}"


def whereabouts(node: str, status: Mapping[str, Any] | None, others: Iterable[Mapping[str, Any]]) -> Whereabouts:
    """What the retained documents of a node say of itself.

    Args:
        node: its name.
        status: its status document; None when there is none.
        others: anything else that it keeps at the broker.
    """
    documents = [*others, *([] if status is None else [status])]
    # RFC 3339 with milliseconds and in UTC, as every payload has it, is in order as text.
    heard = max((each["published_at"] for each in documents if isinstance(each.get("published_at"), str)), default=None)
    state = None if status is None else status.get("state")
    if status is None or state not in list(Presence):
        return Whereabouts(node, UNKNOWN, last_heard=heard)
    return Whereabouts(node, str(state), _text(status, "time"), _text(status, "reason"), heard)


def _text(document: Mapping[str, Any], key: str) -> str | None:
    value = document.get(key)
    return value if isinstance(value, str) else None
