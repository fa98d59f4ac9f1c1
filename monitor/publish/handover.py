"""From one process of a node to the next: the broker keeps `online`, unless the next one does not come."""

from __future__ import annotations

import contextlib
import time
from dataclasses import replace
from typing import Final

from monitor.errors import BadInputError
from monitor.publish.connection import MqttSettings, connect_properties, make_client, own_id
from monitor.publish.messages import Presence
from monitor.publish.presence import status
from monitor.publish.topics import Topics

SUCCESSOR_S: Final = 60
"""The next process has loaded its models and is connected by then: a hundred take four seconds."""
_LOOK_S: Final = 0.1
"""Between two looks whether the broker has answered."""


def keep_place(settings: MqttSettings, topics: Topics, timeout_s: float) -> bool:
    """Vanish from the broker so that it says `offline` only after ``SUCCESSOR_S``; gives whether that was possible.

    The node's last will is meant for a crash and comes at once. So this connects once more, under the node's own id,
    with one that waits, and breaks off; whoever resumes that session in time (`MqttSettings.resume`) ends the waiting.

    Args:
        settings: where the broker is; the node's own connection is closed.
        topics: of the node.
        timeout_s: for the broker to answer.
    """
    if settings.protocol != "5":  # a will of MQTT 3.1.1 knows no waiting
        return False
    waiting = replace(settings, will_delay_s=max(settings.will_delay_s, SUCCESSOR_S))
    will = status(topics, Presence.OFFLINE, None, "did not come back from a reload")
    accepted: list[bool] = []
    try:
        client = make_client(waiting, own_id(settings, topics.node), will)
    except BadInputError:  # a certificate that has gone meanwhile
        return False
    client.on_connect = lambda _client, _data, _flags, reason, _properties: accepted.append(not reason.is_failure)
    with contextlib.suppress(OSError):
        client.connect(
            waiting.host, waiting.port, waiting.keepalive_s, clean_start=True, properties=connect_properties(waiting)
        )
        deadline = time.monotonic() + timeout_s
        while not accepted and time.monotonic() < deadline:
            client.loop(_LOOK_S)
    client.break_off()
    return accepted == [True]
