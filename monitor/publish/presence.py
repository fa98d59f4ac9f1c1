"""The node's own `status`, as it says it itself and as its last will does."""

from __future__ import annotations

import time

from monitor.publish.encoding import Utc
from monitor.publish.ids import new_ulid
from monitor.publish.messages import Message, Presence, Status, to_message
from monitor.publish.topics import Topics


def status(topics: Topics, state: Presence, now: Utc | None, reason: str | None = None) -> Message:
    """Whether the node is connected.

    Args:
        topics: of the node.
        state: what is said.
        now: when it is so; None in a last will, which nobody knows the time of.
        reason: why it is offline.
    """
    identity = new_ulid(time.time() if now is None else now)
    record = Status(id=identity, node=topics.node, time=now, published_at=now, state=state, reason=reason)
    return to_message(record, topics)
