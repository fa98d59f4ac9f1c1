"""The drills: each lets one thing go wrong between a sending node and its broker, and gives the account."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.broker import PATIENCE_S, Broker, Listener, wait_until
from tests.certificates import Certificates
from tests.drill.account import Account, settle
from tests.drill.node import DRAIN_S, TOPICS
from tests.drill.whole import daemon_killed
from tests.wire import Wire

PER_S = 20.0
"""Events a second: far above what a plant has, so that something is always on its way."""
ROOT = Path(__file__).parents[2]
SECRET = {"username": "node", "password": "n"}
DENIED = "user node\ntopic write drill/node/status\ntopic write drill/node/machine/#\nuser ear\ntopic read #\n"
ALLOWED = DENIED.replace("user ear", "topic write drill/node/event\nuser ear")


@dataclass(frozen=True)
class Scale:
    """How long and how often."""

    outage_s: float
    cuts: int
    kills: int
    daemon_kills: int
    """Of the whole daemon, which takes seconds to start; 0 leaves it to the tests of the service."""


FULL = Scale(outage_s=60.0, cuts=50, kills=100, daemon_kills=100)
SHORT = Scale(outage_s=6.0, cuts=10, kills=5, daemon_kills=0)
"""An outage is told of from 5 s on."""


class Node:
    """The node's process."""

    def __init__(self, folder: Path, port: int, **settings: object) -> None:
        self._state = folder / "state.sqlite"
        self._settings = {"host": "127.0.0.1", "port": port, **settings}
        self._process: subprocess.Popen[str] | None = None

    def start(self, **settings: object) -> None:
        """Start it, with other settings where some are given."""
        self._settings |= settings
        command = [sys.executable, "-m", "tests.drill.node"]
        self._process = subprocess.Popen(
            [*command, str(self._state), json.dumps(self._settings), str(PER_S)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT,
        )  # fmt: skip

    def order(self, word: str) -> None:
        """Write it a line."""
        stdin = self._running().stdin
        assert stdin is not None
        stdin.write(f"{word}\n")
        stdin.flush()

    def kill(self) -> None:
        """End it with SIGKILL."""
        process = self._running()
        process.kill()
        process.communicate()
        self._process = None

    def stop(self) -> dict[str, Any]:
        """Let it drain and end; gives its last words."""
        process = self._running()
        out, _ = process.communicate("stop\n", timeout=DRAIN_S + PATIENCE_S)
        self._process = None
        found = json.loads(out.splitlines()[-1])  # what comes before is the log
        assert isinstance(found, dict)
        return found

    def close(self) -> None:
        """End it however it stands."""
        if self._process is not None:
            self.kill()

    def _running(self) -> subprocess.Popen[str]:
        assert self._process is not None
        return self._process


@contextmanager
def stage(folder: Path, broker: Broker, *, port: int | None = None, **ear: Any) -> Iterator[tuple[Node, Listener]]:
    """A running broker, a listener on it, and a node that is not started yet."""
    with broker, Listener(broker.port, f"{TOPICS.base}/#", **ear) as listener:
        node = Node(folder, broker.port if port is None else port)
        try:
            yield node, listener
        finally:
            node.close()


def flowing(listener: Listener) -> None:
    """Wait until a second's worth of events more has come."""
    count = len(listener.on(TOPICS.event)) + PER_S
    listener.wait_for(lambda it: len(it.on(TOPICS.event)) >= count, "events", PATIENCE_S * 2)


def kill_broker(broker: Broker, listener: Listener, wire: Wire) -> None:
    """Kill it, and keep the node away; what it had written to the listener, the listener has."""
    broker.freeze()
    listener.wait_read()  # the system drops what a killed process had written and nobody had read
    broker.kill()
    wire.shut()
    listener.wait_lost()


def revive_broker(broker: Broker, listener: Listener, wire: Wire) -> None:
    """Start it again; the listener subscribes before the node may send, so that it misses nothing."""
    broker.start()
    listener.wait_subscribed()
    wire.open()


def finish(node: Node, listener: Listener) -> Account:
    """Stop the node and settle the account once the listener has had everything."""
    report = node.stop()
    listener.wait_farewell(TOPICS.status)
    return settle(listener, report)


def _persistent(folder: Path) -> Broker:
    return Broker(folder / "broker", persistence=True, max_inflight=0)


def broker_killed(folder: Path, scale: Scale) -> Account:
    """Broker killed (-9), back after a while."""
    broker = _persistent(folder)
    with Wire(broker.port) as wire, stage(folder, broker, port=wire.port) as (node, listener):
        node.start()
        flowing(listener)
        kill_broker(broker, listener, wire)
        time.sleep(scale.outage_s)
        revive_broker(broker, listener, wire)
        flowing(listener)
        return finish(node, listener)


def broker_empty(folder: Path, _scale: Scale) -> Account:
    """Broker restarted, remembers nothing."""
    broker = Broker(folder / "broker", max_inflight=0)
    with Wire(broker.port) as wire, stage(folder, broker, port=wire.port) as (node, listener):
        node.start()
        flowing(listener)
        kill_broker(broker, listener, wire)
        revive_broker(broker, listener, wire)
        documents = len(listener.on(TOPICS.alarm("m1", "anomaly")))
        flowing(listener)
        assert len(listener.on(TOPICS.alarm("m1", "anomaly"))) > documents
        return finish(node, listener)


def connection_cut(folder: Path, scale: Scale) -> Account:
    """Connection cut again and again, with what is on its way lost."""
    broker = _persistent(folder)
    with Wire(broker.port) as wire, stage(folder, broker, port=wire.port) as (node, listener):
        node.start()
        flowing(listener)
        for number in range(scale.cuts):
            before = wire.connections
            wire.cut()
            wait_until(lambda before=before: wire.connections > before, what="a reconnect")  # type: ignore[misc]
            time.sleep(random.Random(number).uniform(0.05, 0.5))
        flowing(listener)
        return finish(node, listener)


def events_denied(folder: Path, _scale: Scale) -> Account:
    """Events denied by ACL for a while: dead-lettered, and told of."""
    broker = Broker(folder / "broker", passwords={"node": "n", "ear": "e"}, acl=ALLOWED, max_inflight=0)
    with stage(folder, broker, username="ear", password="e") as (node, listener):
        node.start(**SECRET)
        flowing(listener)
        acl = folder / "broker" / "acl"
        for text in (DENIED, ALLOWED):
            acl.write_text(text)
            assert broker.process is not None
            broker.process.send_signal(signal.SIGHUP)
            time.sleep(2.0)
        flowing(listener)
        return finish(node, listener)


def receive_maximum(folder: Path, _scale: Scale) -> Account:
    """Broker takes 5 at a time, after a backlog."""
    with stage(folder, Broker(folder / "broker", max_inflight=5)) as (node, listener):
        port = node._settings["port"]
        node.start(port=1)  # nobody listens there
        time.sleep(6.0)
        node.kill()
        node.start(port=port)
        flowing(listener)
        return finish(node, listener)


def certificate_wrong(folder: Path, _scale: Scale) -> Account:
    """TLS certificate of a stranger, then the right one."""
    ours, theirs = Certificates.make(folder / "ours"), Certificates.make(folder / "theirs")
    broker = Broker(folder / "broker", certificates=ours, max_inflight=0)
    with stage(folder, broker, ca=ours.ca) as (node, listener):
        node.start(host="localhost", ca_file=str(theirs.ca))
        time.sleep(6.0)
        assert not listener.on(TOPICS.event)
        node.kill()
        node.start(ca_file=str(ours.ca))
        flowing(listener)
        return finish(node, listener)


def broker_slow(folder: Path, scale: Scale) -> Account:
    """Broker stands still again and again."""
    broker = _persistent(folder)
    with stage(folder, broker) as (node, listener):
        node.start()
        flowing(listener)
        for _ in range(3):
            broker.freeze()
            time.sleep(scale.outage_s / 10)
            broker.thaw()
            flowing(listener)
        return finish(node, listener)


def node_killed(folder: Path, scale: Scale) -> Account:
    """Sending half killed (-9) at random moments."""
    with stage(folder, _persistent(folder)) as (node, listener):
        for number in range(scale.kills):
            count = len(listener.on(TOPICS.event))
            node.start()
            listener.wait_for(lambda it, n=count: len(it.on(TOPICS.event)) > n, "an event")  # type: ignore[misc]
            time.sleep(random.Random(number).uniform(0.0, 0.5))
            node.kill()
        node.start()
        flowing(listener)
        return finish(node, listener)


def disk_full(folder: Path, scale: Scale) -> Account:
    """Disk full for a while."""
    with stage(folder, _persistent(folder)) as (node, listener):
        node.start()
        flowing(listener)
        node.order("full")
        time.sleep(scale.outage_s)
        node.order("free")
        listener.wait_for(lambda it: any(m.json["event"] == "state_saved" for m in it.on(TOPICS.event)), "saved")
        return finish(node, listener)


def clock_stepped(folder: Path, _scale: Scale) -> Account:
    """Clock set forward and back by an hour."""
    with stage(folder, _persistent(folder)) as (node, listener):
        node.start()
        flowing(listener)
        for word in ("step 3600", "step -7200", "step 3600"):
            node.order(word)
            flowing(listener)
        return finish(node, listener)


Drill = Callable[[Path, Scale], Account]


def whole_daemon_killed(folder: Path, scale: Scale) -> Account:
    """Daemon (`monitor run`) killed (-9) at random moments."""
    return daemon_killed(folder, scale.daemon_kills)


DRILLS: tuple[Drill, ...] = (
    broker_killed,
    broker_empty,
    connection_cut,
    events_denied,
    receive_maximum,
    certificate_wrong,
    broker_slow,
    node_killed,
    whole_daemon_killed,
    disk_full,
    clock_stepped,
)
