"""How long to wait before the next attempt to reach the broker, and whether its failure is news."""

from __future__ import annotations

import random
import time

from paho.mqtt.reasoncodes import ReasonCode

from monitor.publish.connection import Client, MqttSettings
from monitor.publish.rival import Rivalry


class Reconnect:
    """Belongs to the network thread of one connection.

    Args:
        settings: where the broker is.
        client_id: of the connection.
    """

    def __init__(self, settings: MqttSettings, client_id: str) -> None:
        self._settings = settings
        self._wait_s = settings.retry_min_s
        self._trouble: str | None = None
        self._rivalry = Rivalry(client_id, chosen=settings.client_id is not None)

    @property
    def rival(self) -> str | None:
        """What there is to say of another client with this id; any thread may ask."""
        return self._rivalry.words(time.monotonic())

    def lost(self, reason: ReasonCode, *, told: bool) -> str:
        """A connection that was accepted is gone, in words.

        Args:
            reason: what it came of.
            told: by the broker, in a DISCONNECT; otherwise the connection just ended.
        """
        self._rivalry.lost(time.monotonic(), reason.value if told else None)
        rival = self.rival
        return f"the connection to the broker was lost: {reason}" + ("" if rival is None else f"; {rival}")

    def failed(self, reason: object) -> str:
        """An attempt to connect found no broker, in words."""
        self._rivalry.unreachable()
        return f"the broker cannot be reached: {reason}"

    def is_news(self, trouble: str) -> bool:
        """Whether it is another trouble than the last; the same again, attempt after attempt, is no news."""
        known, self._trouble = self._trouble, trouble
        return trouble != known

    def succeeded(self) -> bool:
        """The broker has accepted the connection; gives whether that is news: not while two clients fight for it."""
        self._rivalry.connected(time.monotonic())
        self._wait_s = self._settings.retry_min_s
        fought_for = self.rival is not None
        self._trouble = self._trouble if fought_for else None
        return not fought_for

    def back_off(self, client: Client | None) -> None:
        """Let paho's loop wait between half and the whole of a time that doubles, so that nodes do not come at once."""
        wait_s = self._wait_s * random.uniform(0.5, 1.0)
        self._wait_s = min(self._wait_s * 2, self._settings.retry_max_s)
        if client is not None:
            # Typed as whole seconds, used as any number; the same twice, because the doubling is done here.
            client.reconnect_delay_set(wait_s, wait_s)  # type: ignore[arg-type]
