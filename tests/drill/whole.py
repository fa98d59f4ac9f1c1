"""The drill that kills the whole daemon, `monitor run`, and not the sending half of it alone."""

from __future__ import annotations

import json
import random
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from tests.broker import Broker, Listener
from tests.drill.account import Account, settle
from tests.drill.node import TOPICS
from tests.service.plant import Daemon, train_quick, write_config, write_recordings

WINDOW_S, HOP_S = 4.0, 2.0
SPEED = 60
"""The machine breaks and is mended within seconds."""
PATIENCE_S = 60.0
"""To load torch and a model on a loaded computer."""
LONGEST_LIFE_S = 10.0
"""Twice what a start takes on two busy cores: half of the kills fall into one."""


def daemon_killed(folder: Path, kills: int) -> Account:
    """`monitor run` killed (-9) at random moments, an operator at work on an alarm that comes and goes."""
    train_quick(folder / "state", "m1", write_recordings(folder / "learnt", 8, 30), WINDOW_S, HOP_S)
    write_recordings(folder / "sound", 1, 120, first=50)
    write_recordings(folder / "sound", 1, 60, "bearing", first=51)
    source = {"recording": str(folder / "sound"), "speed": SPEED, "loop": True}
    broker = Broker(folder / "broker", persistence=True, max_inflight=0)
    with broker, Listener(broker.port, f"{TOPICS.base}/#") as listener:
        config = write_config(
            folder / "monitor.yaml", folder / "state", broker.port, {"m1": {"source": source}},
            node=TOPICS.node, window_s=WINDOW_S, hop_s=HOP_S, health_s=5,
            mqtt={"host": "127.0.0.1", "port": broker.port, "prefix": TOPICS.prefix},
        )  # fmt: skip
        with operator(broker.port):
            for number in range(kills):
                with Daemon(config):  # leaving it kills it
                    time.sleep(random.Random(number).uniform(0.0, LONGEST_LIFE_S))
        count = len(listener.on(TOPICS.event))
        with operator(broker.port), Daemon(config) as daemon:
            listener.wait_for(lambda it: len(it.on(TOPICS.event)) > count + 20, "events", PATIENCE_S)
            assert daemon.terminate() == 0
            listener.wait_farewell(TOPICS.status)
    with sqlite3.connect(folder / "state" / "state.sqlite") as database:
        ((last_seq,),) = database.execute("SELECT last_seq FROM counter")
    found = settle(listener, {"last_seq": last_seq, "number": 0, "dead": []})
    return replace(found, lost=found.lost + forgotten_orders(listener))


@contextmanager
def operator(port: int) -> Iterator[None]:
    """Somebody who acknowledges and shelves the alarm of ``m1``, five times a second, whoever listens."""
    person = paho.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
    person.connect("127.0.0.1", port)
    person.loop_start()
    gone = threading.Event()

    def work() -> None:
        order = {"machine": "m1", "by": "drill"}
        while not gone.wait(0.2):
            person.publish(TOPICS.command("acknowledge"), json.dumps(order), 1)
            person.publish(TOPICS.command("shelve"), json.dumps({**order, "reason": "drill", "duration_s": 1}), 1)

    worker = threading.Thread(target=work)
    worker.start()
    try:
        yield
    finally:
        gone.set()
        worker.join()
        person.disconnect()
        person.loop_stop()


def forgotten_orders(listener: Listener) -> int:
    """Shelves that were answered as done, and of which no event tells."""
    answers = [each.json for each in listener.on(TOPICS.response("shelve"))]
    events: dict[str, str] = {each.json["id"]: each.json["event"] for each in listener.on(TOPICS.event)}
    done = len({each["id"] for each in answers if each["accepted"]})
    told = sum(event == "shelved" for event in events.values())
    return max(0, done - told)
