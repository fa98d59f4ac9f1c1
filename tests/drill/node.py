"""The sending half of a node as a process that a drill can kill: real outbox, real publisher, events at a steady rate.

Takes orders on its standard input, a word a line: ``full`` and ``free`` (disk), ``step SECONDS`` (clock), ``stop``.
"""

from __future__ import annotations

import json
import resource
import sys
import threading
import time
from pathlib import Path
from typing import Any

from monitor.detect.alarm import AlarmEvent
from monitor.detect.kinds import AlarmKind
from monitor.publish.connection import MqttSettings, TlsSettings
from monitor.publish.encoding import Utc
from monitor.publish.ids import new_ulid
from monitor.publish.messages import Alarm, Event
from monitor.publish.mqtt import Publisher
from monitor.publish.outbox import Outbox
from monitor.publish.topics import Topics

TOPICS = Topics("drill", "node")
DRAIN_S = 30.0
"""For the rest of the events at the end."""


class Clock:
    """The wall clock, which a drill can set."""

    def __init__(self) -> None:
        self.offset_s = 0.0

    def __call__(self) -> float:
        return time.time() + self.offset_s


def obey(clock: Clock, stop: threading.Event) -> None:
    """Carry out what is written on the standard input, to its end."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    for line in sys.stdin:
        word, _, number = line.strip().partition(" ")
        if word == "full":
            resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
        elif word == "free":
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        elif word == "step":
            clock.offset_s += float(number)
        elif word == "stop":
            break
    stop.set()


def occurrence(number: int, now_s: float) -> dict[str, Any]:
    """What event and document number ``number`` have in common: one is raised, the next clears it."""
    now = Utc(now_s)
    return {
        "id": new_ulid(now_s), "node": TOPICS.node, "time": now, "published_at": now,
        "machine": f"m{(number - 1) // 2 % 5}", "kind": AlarmKind.ANOMALY, "alarm_id": f"drill-{number}",
    }  # fmt: skip


def main(state: Path, settings: dict[str, Any], per_s: float) -> None:
    """Send until told to stop, then drain."""
    clock, stop = Clock(), threading.Event()
    ca_file = settings.pop("ca_file", None)
    tls = None if ca_file is None else TlsSettings(ca_file=Path(ca_file))
    outbox = Outbox(state, TOPICS.node, clock=clock)
    outbox.open()
    number = int(outbox.states().get("number", 0))
    publisher = Publisher(MqttSettings(tls=tls, retry_min_s=0.1, retry_max_s=1.0, **settings), TOPICS, outbox, clock)
    publisher.start()
    threading.Thread(target=obey, args=(clock, stop), daemon=True).start()
    while not stop.wait(1 / per_s):
        number += 1
        fields = occurrence(number, clock())
        event = Event(event=AlarmEvent.RAISED if number % 2 else AlarmEvent.CLEARED, **fields)
        publisher.publish_events([event], [Alarm(**{**fields, "id": new_ulid(clock())})], {"number": number})
    until_s = time.monotonic() + DRAIN_S
    while publisher.depth and time.monotonic() < until_s:
        time.sleep(0.05)
    publisher.stop(2.0)
    outbox.flush()
    health, dead = outbox.health(), outbox.dead()
    outbox.close()
    sys.stdout.write(json.dumps({"number": number, "last_seq": health.last_seq, "dead": [each.seq for each in dead]}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), json.loads(sys.argv[2]), float(sys.argv[3]))
