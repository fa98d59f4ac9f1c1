"""Whether another client uses the node's MQTT id: the broker lets in each and throws the other out, without end; pure.

Such a client is a cloned PC, or a second unit that was given the configuration of the first. MQTT 5 has a reason code
for it, which mosquitto sends from 2.0.15 on; one that closes without a word leaves a pattern, which tells less surely.
"""

from __future__ import annotations

from typing import Final

BRIEF_S: Final = 10.0
"""A connection that two clients fight for lasts no longer: the other one is back within a second or two."""
OFTEN: Final = 3
"""So many brief connections in a row are no bad cable's chance, and so many takeovers no one's attempt by hand."""
WITHIN_S: Final = 120.0
"""Time for so many takeovers: a client that waits a minute before it comes again does it in this time."""
STEADY_S: Final = 60.0
"""A connection that has lasted so long is nobody else's: that patient client would have been back."""
TAKEN_OVER: Final = 0x8E
"""MQTT 5's reason code for it."""


class Rivalry:
    """What the connections of one client have gone through; belongs to its network thread, and any thread may ask.

    All times are monotonic, seconds.

    Args:
        client_id: of the node's connection.
        chosen: it was configured, and does not follow from the node's name alone.
    """

    def __init__(self, client_id: str, *, chosen: bool) -> None:
        self._client_id = client_id
        self._remedy = "`node:` and `mqtt.client_id:`" if chosen else "`node:`"
        self._taken: tuple[float, ...] = ()  # when the broker last said so
        self._brief = 0
        self._since_s: float | None = None  # when the present connection began

    def connected(self, now_s: float) -> None:
        """The broker has accepted the connection."""
        self._since_s = now_s

    def lost(self, now_s: float, reason_code: int | None) -> None:
        """An accepted connection is gone; the code is that of the broker's DISCONNECT, None where it sent none."""
        lasted_s = 0.0 if self._since_s is None else now_s - self._since_s
        self._since_s = None
        if lasted_s >= STEADY_S:
            self._taken = ()
        if reason_code == TAKEN_OVER:
            self._taken = (*self._taken, now_s)[-OFTEN:]
        self._brief = self._brief + 1 if reason_code is None and lasted_s < BRIEF_S else 0

    def unreachable(self) -> None:
        """An attempt to connect failed: while two clients fight, the broker is there for both."""
        self._taken, self._brief = (), 0

    def words(self, now_s: float) -> str | None:
        """What there is to say of another client with this id, for a person; None when there is nothing."""
        since_s = self._since_s
        if since_s is not None and now_s - since_s >= STEADY_S:
            return None
        what, remedy = f"another client uses this node's MQTT id {self._client_id!r}", self._remedy
        taken = self._taken
        if len(taken) == OFTEN and taken[-1] - taken[0] <= WITHIN_S:
            return f"{what}, and the broker throws out the one for the other: give one of them another {remedy}"
        if self._brief >= OFTEN:
            return (
                f"the broker ends each connection within {BRIEF_S:.0f} s; "
                f"perhaps {what}: then give one of them another {remedy}"
            )
        return None
