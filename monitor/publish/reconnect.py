"""How long to wait before the next attempt to reach the broker, and whether its failure is news."""

from __future__ import annotations

import math
import random
import time
from typing import Final

from monitor.publish.connection import Client, MqttSettings

BRIEF_S: Final = 10.0
"""A connection that two clients fight for lasts no longer: the other one is back within a second or two."""
EVICTED: Final = 3
"""So many brief connections in a row are no bad cable's chance."""


class Reconnect:
    """Belongs to the network thread of one connection."""

    def __init__(self, settings: MqttSettings) -> None:
        self._settings = settings
        self._wait_s = settings.retry_min_s
        self._trouble: str | None = None
        self._since_s = -math.inf
        self._brief = 0

    def lost(self, reason: object, client_id: str) -> str:
        """A connection that was accepted is gone, in words.

        Two clients with one id take the broker from each other, and mosquitto does not say why it hangs up.
        """
        brief = time.monotonic() - self._since_s < BRIEF_S
        self._brief = self._brief + 1 if brief else 0
        evicted = f"; is another client using the id {client_id!r}?" if self._brief >= EVICTED else ""
        return f"the connection to the broker was lost: {reason}{evicted}"

    def is_news(self, trouble: str) -> bool:
        """Whether it is another trouble than the last; the same again, attempt after attempt, is no news."""
        known, self._trouble = self._trouble, trouble
        return trouble != known

    def succeeded(self) -> None:
        """The broker has accepted the connection."""
        self._wait_s = self._settings.retry_min_s
        self._trouble = None
        self._since_s = time.monotonic()

    def back_off(self, client: Client | None) -> None:
        """Let paho's loop wait between half and the whole of a time that doubles, so that nodes do not come at once."""
        wait_s = self._wait_s * random.uniform(0.5, 1.0)
        self._wait_s = min(self._wait_s * 2, self._settings.retry_max_s)
        if client is not None:
            # Typed as whole seconds, used as any number; the same twice, because the doubling is done here.
            client.reconnect_delay_set(wait_s, wait_s)  # type: ignore[arg-type]
