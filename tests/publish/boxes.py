"""Outboxes for the tests: opened, as a crash leaves them, and what they hand out."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from monitor.publish.outbox import Outbox
from monitor.publish.overflow import OutboxLimits

SMALL = OutboxLimits(rows=10, reserve_bytes=0)


def opened(path: Path, limits: OutboxLimits | None = None, clock: Callable[[], float] = time.time) -> Outbox:
    box = Outbox(path, "pc1", limits or OutboxLimits(reserve_bytes=0), clock)
    box.open()
    return box


def crashed(box: Outbox, path: Path) -> Path:
    """What a crash leaves: the files as they are now, without a close."""
    copy = path.with_name(f"after-{path.name}")
    for suffix in ("", "-wal"):
        source = path.with_name(path.name + suffix)
        if source.exists():
            shutil.copy(source, copy.with_name(copy.name + suffix))
    return copy


def taken(box: Outbox, limit: int = 1000) -> list[dict[str, Any]]:
    return [json.loads(row.payload) for row in box.take(limit)]
