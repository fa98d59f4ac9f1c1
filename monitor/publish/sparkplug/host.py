"""The primary host's STATE: whether the host that this node waits for is there."""

from __future__ import annotations

import json
from typing import Final

from monitor.publish.sparkplug.node import NAMESPACE
from monitor.publish.topics import check_name

_NEVER: Final = -1


class PrimaryHost:
    """One host application, by its STATE messages; without one it counts as always there.

    Args:
        host_id: of the host; None waits for none.
    """

    def __init__(self, host_id: str | None) -> None:
        self._host_id = None if host_id is None else check_name("mqtt.sparkplug.primary_host", host_id)
        self._time_ms = _NEVER
        self.online = host_id is None
        """Whether it is there now."""

    @property
    def topic(self) -> str | None:
        """Where it tells; None when none is waited for."""
        return None if self._host_id is None else f"{NAMESPACE}/STATE/{self._host_id}"

    def forget(self) -> None:
        """The connection is gone: what the host is now, the next one will tell."""
        self.online = self._host_id is None

    def hear(self, payload: bytes) -> None:
        """Take a STATE message; one that is older than the last, or none, changes nothing."""
        try:
            state = json.loads(payload)
        except ValueError:
            return
        if not isinstance(state, dict) or not isinstance(state.get("online"), bool):
            return
        time_ms = state.get("timestamp")
        if not isinstance(time_ms, int) or time_ms < self._time_ms:
            return
        self._time_ms, self.online = time_ms, state["online"]
