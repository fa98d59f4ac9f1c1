"""Two clients with one MQTT id: each node says so, surely where the broker does, and stops once the other is gone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Literal

import pytest
from structlog.testing import capture_logs

from monitor.publish.mqtt import MqttSettings, Publisher
from monitor.publish.outbox import Outbox
from monitor.publish.rival import STEADY_S, TAKEN_OVER, Rivalry
from tests.broker import Broker, wait_until
from tests.publish.conftest import TOPICS, MakePublisher
from tests.publish.samples import event
from tests.publish.strict_broker import StrictBroker

_SURE = (
    "another client uses this node's MQTT id 'monitor-pc1', and the broker throws out the one for the other: "
    "give one of them another `node:`"
)
_PERHAPS = (
    "the broker ends each connection within 10 s; perhaps another client uses this node's MQTT id 'monitor-pc1': "
    "then give one of them another `node:`"
)


@contextmanager
def twin(folder: Path, port: int, protocol: Literal["5", "3.1.1"]) -> Iterator[Publisher]:
    """The node once more, with a database of its own."""
    box = Outbox(folder / "twin.db", TOPICS.node)
    box.open()
    settings = MqttSettings("127.0.0.1", port, protocol=protocol, retry_min_s=0.05, retry_max_s=0.2)
    publisher = Publisher(settings, TOPICS, box)
    publisher.start()
    try:
        yield publisher
    finally:
        publisher.stop(1)
        box.close()


def told(publisher: Publisher) -> bool:
    return publisher.troubles() in {(_SURE,), (_PERHAPS,)}


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_two_nodes_of_one_id_both_say_so_and_the_one_that_is_left_no_more(
    broker: Broker,
    publish_to: MakePublisher,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    protocol: Literal["5", "3.1.1"],
) -> None:
    """A mosquitto before 2.0.15 says nothing, one from then on says it with MQTT 5."""
    monkeypatch.setattr("monitor.publish.rival.STEADY_S", 1.0)
    with capture_logs() as logs:
        node = publish_to(broker.port, protocol=protocol)
        assert node.wait_connected(10)
        with twin(tmp_path, broker.port, protocol) as other:
            for each in (node, other):
                wait_until(partial(told, each), what="the word of it")
            fought = len(logs)
            time.sleep(1.0)
            assert len(logs) - fought <= 2, "each turn of the fight is told of"
        wait_until(lambda: node.troubles() == (), what="an end of it")
        assert node.connected
    lost = [str(each["event"]) for each in logs if "was lost" in str(each["event"])]
    assert "another client" not in lost[0]
    assert any("another client" in each for each in lost)


def test_a_broker_that_says_that_a_session_was_taken_over_is_believed(
    outbox: Outbox, publish_to: MakePublisher
) -> None:
    outbox.append([event(number) for number in range(1, 9)])
    with StrictBroker(8, hang_up_after=[1, 1, 1], last_word=TAKEN_OVER) as strict:
        node = publish_to(strict.port, retry_min_s=0.01, retry_max_s=0.01)
        wait_until(lambda: node.troubles() == (_SURE,), what="the word of it")
        wait_until(lambda: outbox.depth == 0, what="the events' delivery all the same")


def test_an_id_that_was_chosen_is_to_be_changed_with_the_nodes_name() -> None:
    rivalry = Rivalry("hall", chosen=True)
    for at_s in (0.0, 10.0, 20.0):
        take_over(rivalry, at_s, 1.0)
    assert str(rivalry.words(21.0)).endswith("id 'hall', and the broker throws out the one for the other: "
                                             "give one of them another `node:` and `mqtt.client_id:`")  # fmt: skip


def take_over(rivalry: Rivalry, at_s: float, lasts_s: float) -> None:
    """A connection that the broker ends with the word for it."""
    rivalry.connected(at_s)
    rivalry.lost(at_s + lasts_s, TAKEN_OVER)


def close(rivalry: Rivalry, at_s: float, lasts_s: float) -> None:
    """One that ends without a word."""
    rivalry.connected(at_s)
    rivalry.lost(at_s + lasts_s, None)


def refuse(rivalry: Rivalry, at_s: float, lasts_s: float) -> None:
    """One that the broker ends for another reason: server shutting down."""
    rivalry.connected(at_s)
    rivalry.lost(at_s + lasts_s, 0x8B)


@pytest.mark.parametrize(
    ("end", "every_s", "lasts_s", "told"),
    [
        (take_over, 1.0, 0.5, True),
        (take_over, 60.0, 59.0, True),  # the other one waits a minute before it comes again
        (take_over, 70.0, 69.0, False),
        (close, 1.0, 0.5, True),
        (close, 11.0, 9.9, True),
        (close, 12.0, 10.0, False),
        (refuse, 1.0, 0.5, False),
    ],
)
def test_three_times_within_a_short_time_are_told_and_twice_is_not(
    end: Callable[[Rivalry, float, float], None], every_s: float, lasts_s: float, *, told: bool
) -> None:
    rivalry = Rivalry("monitor-pc1", chosen=False)
    end(rivalry, 0.0, lasts_s)
    end(rivalry, every_s, lasts_s)
    assert rivalry.words(2 * every_s) is None
    end(rivalry, 2 * every_s, lasts_s)
    assert (rivalry.words(3 * every_s) is not None) is told


@pytest.mark.parametrize("end", [take_over, close])
def test_it_is_over_once_a_connection_has_lasted_and_begins_anew_after_that(
    end: Callable[[Rivalry, float, float], None],
) -> None:
    rivalry = Rivalry("monitor-pc1", chosen=False)
    for at_s in (0.0, 1.0, 2.0):
        end(rivalry, at_s, 0.5)
    rivalry.connected(3.0)
    assert rivalry.words(3.0 + STEADY_S - 0.1) is not None
    assert rivalry.words(3.0 + STEADY_S) is None
    rivalry.lost(3.0 + STEADY_S, None)
    assert rivalry.words(3.0 + STEADY_S) is None


def test_a_broker_that_goes_away_between_brief_connections_is_no_rival() -> None:
    rivalry = Rivalry("monitor-pc1", chosen=False)
    for at_s in range(5):
        close(rivalry, at_s, 0.5)
        rivalry.unreachable()
    assert rivalry.words(6.0) is None
