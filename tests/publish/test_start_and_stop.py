"""Starting without a broker, and stopping: nothing is lost, and nobody waits."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest

from monitor.publish.connection import make_client
from monitor.publish.mqtt import MqttSettings, Publisher
from monitor.publish.outbox import Outbox
from tests.broker import Broker, free_port, listening, wait_until
from tests.publish.conftest import TOPICS, MakePublisher
from tests.publish.received import first_sights, wait_for_events
from tests.publish.samples import event
from tests.wire import Wire


def test_an_unreachable_broker_is_a_warning_once_and_work_goes_on(
    outbox: Outbox, publish_to: MakePublisher, capsys: pytest.CaptureFixture[str]
) -> None:
    publisher = publish_to(free_port())
    publisher.publish_events([event(1)])
    printed = ""

    def warned() -> bool:
        nonlocal printed
        printed += capsys.readouterr().out
        return "the broker cannot be reached: [Errno 111] Connection refused" in printed

    wait_until(warned, what="the warning")
    time.sleep(1.0)  # several attempts more
    assert not publisher.connected
    assert publisher.alive
    assert publisher.depth == 1
    printed += capsys.readouterr().out
    assert printed.count("the broker cannot be reached") == 1


def test_one_call_of_the_system_wakes_the_network_thread_for_all_that_waits_and_the_next_comes_after_its_turn() -> None:
    client = make_client(MqttSettings(host="127.0.0.1"), "test", None)
    reader, client._sockpairW = socket.socketpair()
    with reader, client._sockpairW:
        client.wake()
        client.wake()
        assert reader.recv(10) == b"\0"
        client.loop_misc()
        client.wake()
        assert reader.recv(10) == b"\0"


def test_a_broker_that_comes_later_gets_everything(tmp_path: Path, publish_to: MakePublisher) -> None:
    later = Broker(tmp_path / "later", max_inflight=0)
    with Wire(later.port) as wire:
        wire.shut()
        publisher = publish_to(wire.port)
        publisher.publish_events([event(1), event(2)])
        with later, listening(later) as listener:
            wire.open()
            assert wait_for_events(listener, 2) == [1, 2]


def test_a_stop_drains_the_outbox_first(broker: Broker, outbox: Outbox, publish_to: MakePublisher) -> None:
    with listening(broker) as listener:
        publisher = publish_to(broker.port)
        assert publisher.wait_connected(10)
        for number in range(200):
            publisher.publish_events([event(number)])
        publisher.stop(10)
        assert outbox.depth == 0
        assert len(first_sights(listener)) >= 190  # the rest is on its way to the listener
        wait_for_events(listener, 200)


def test_a_stop_without_a_broker_is_quick_and_keeps_the_events(outbox: Outbox) -> None:
    publisher = Publisher(MqttSettings(host="127.0.0.1", port=free_port()), TOPICS, outbox)
    publisher.start()
    publisher.publish_events([event(1)])
    begun = time.monotonic()
    publisher.stop(60)
    assert time.monotonic() - begun < 30
    assert outbox.depth == 1


def test_stopping_what_was_not_started_is_harmless(outbox: Outbox) -> None:
    Publisher(MqttSettings(), TOPICS, outbox).stop()


def test_after_a_restart_of_the_node_numbers_go_on(broker: Broker, tmp_path: Path) -> None:
    with listening(broker) as listener:
        for first in (1, 3):
            box = Outbox(tmp_path / "node.db", "pc1")
            box.open()
            publisher = Publisher(MqttSettings(host="127.0.0.1", port=broker.port), TOPICS, box)
            publisher.start()
            publisher.publish_events([event(first), event(first + 1)])
            wait_for_events(listener, first + 1)
            publisher.stop()
            box.close()
        assert [document["seq"] for document in first_sights(listener)] == [1, 2, 3, 4]
