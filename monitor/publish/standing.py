"""How an alarm stands, read back from its document: the outbox's own events are of the delivery alarm and say so."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from monitor.detect.alarm_state import AlarmLevel
from monitor.detect.life import Standing, SuppressedBy
from monitor.publish.encoding import Utc


def standing(document: bytes | None) -> dict[str, Any]:
    """The fields of an event that say how its alarm stands; none where there is no document, or one of another version.

    Args:
        document: of the alarm, as it was sent.
    """
    try:
        data = {} if document is None else json.loads(document)
        return {key: read(data[key]) for key, read in _READERS.items() if data.get(key) is not None}
    except (ValueError, TypeError, AttributeError):
        return {}


def _time(text: str) -> Utc:
    return Utc(datetime.fromisoformat(text).timestamp())


_READERS: Final[dict[str, Callable[[Any], Any]]] = {
    "alarm_id": str,
    "level": AlarmLevel,
    "active": bool,
    "state": Standing,
    "acknowledged": bool,
    "latched": bool,
    "shelved_until": _time,
    "suppressed_by": SuppressedBy,
    "out_of_service": bool,
    "suppressed_or_shelved": bool,
    "raised_at": _time,
    "cleared_at": _time,
}
