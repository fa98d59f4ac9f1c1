"""The drill that kills the whole daemon, `monitor run`, and not the sending half of it alone."""

from __future__ import annotations

import random
import sqlite3
import time
from pathlib import Path

from tests.broker import Broker, Listener
from tests.drill.account import Account, settle
from tests.drill.node import TOPICS
from tests.service.plant import Daemon, train_quick, write_config, write_recordings

WINDOW_S, HOP_S = 4.0, 2.0
SPEED = 60
"""The machine breaks and is mended within seconds, again and again."""
PATIENCE_S = 60.0  # to load torch and a model on a loaded computer


def daemon_killed(folder: Path, kills: int) -> Account:
    """`monitor run` killed (-9) at random moments, alarms coming and going."""
    train_quick(folder / "state", "m1", write_recordings(folder / "learnt", 8, 30), WINDOW_S, HOP_S)
    write_recordings(folder / "sound", 1, 120, first=50)
    write_recordings(folder / "sound", 1, 60, "bearing", first=51)
    source = {"recording": str(folder / "sound"), "speed": SPEED, "loop": True}
    with Broker(folder / "broker", persistence=True) as broker, Listener(broker.port, f"{TOPICS.base}/#") as listener:
        config = write_config(
            folder / "monitor.yaml", folder / "state", broker.port, {"m1": {"source": source}},
            node=TOPICS.node, window_s=WINDOW_S, hop_s=HOP_S, health_s=5,
            mqtt={"host": "127.0.0.1", "port": broker.port, "prefix": TOPICS.prefix},
        )  # fmt: skip
        for number in range(kills):
            count = len(listener.on(TOPICS.event))
            with Daemon(config):  # leaving it kills it
                listener.wait_for(lambda it, n=count: len(it.on(TOPICS.event)) > n, "an event", PATIENCE_S)  # type: ignore[misc]
                time.sleep(random.Random(number).uniform(0.0, 2.0))
        count = len(listener.on(TOPICS.event))
        with Daemon(config) as daemon:
            listener.wait_for(lambda it: len(it.on(TOPICS.event)) > count, "an event", PATIENCE_S)
            assert daemon.terminate() == 0
            listener.wait_farewell(TOPICS.status)
    with sqlite3.connect(folder / "state" / "state.sqlite") as database:
        ((last_seq,),) = database.execute("SELECT last_seq FROM counter")
    return settle(listener, {"last_seq": last_seq, "number": 0, "dead": []})
