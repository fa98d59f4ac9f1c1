"""How long to wait before the next attempt to reach the broker, and whether its failure is news."""

from __future__ import annotations

import random

from monitor.publish.connection import Client, MqttSettings


class Reconnect:
    """Belongs to the network thread of one connection."""

    def __init__(self, settings: MqttSettings) -> None:
        self._settings = settings
        self._wait_s = settings.retry_min_s
        self._trouble: str | None = None

    def is_news(self, trouble: str) -> bool:
        """Whether it is another trouble than the last; the same again, attempt after attempt, is no news."""
        known, self._trouble = self._trouble, trouble
        return trouble != known

    def succeeded(self) -> None:
        """The broker has accepted the connection."""
        self._wait_s = self._settings.retry_min_s
        self._trouble = None

    def back_off(self, client: Client | None) -> None:
        """Let paho's loop wait between half and the whole of a time that doubles, so that nodes do not come at once."""
        wait_s = self._wait_s * random.uniform(0.5, 1.0)
        self._wait_s = min(self._wait_s * 2, self._settings.retry_max_s)
        if client is not None:
            # Typed as whole seconds, used as any number; the same twice, because the doubling is done here.
            client.reconnect_delay_set(wait_s, wait_s)  # type: ignore[arg-type]
