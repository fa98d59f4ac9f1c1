"""A broker, an outbox and a publisher, put together and taken apart again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from monitor.publish.mqtt import MqttSettings, Publisher
from monitor.publish.outbox import Outbox
from monitor.publish.topics import Topics
from tests.broker import MOSQUITTO, Broker

TOPICS = Topics("acme/hall3", "pc1")
MakePublisher = Callable[..., Publisher]


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    if MOSQUITTO is None:
        pytest.skip("mosquitto is not installed")
    with Broker(tmp_path / "broker", max_inflight=0) as running:
        yield running


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    box = Outbox(tmp_path / "state.db", TOPICS.node)
    box.open()
    yield box
    box.close()


@pytest.fixture
def publish_to(outbox: Outbox) -> Iterator[MakePublisher]:
    """Start a publisher towards a port; it is stopped at the end."""
    with ExitStack() as stack:

        def make(port: int, **settings: object) -> Publisher:
            quick = {"host": "127.0.0.1", "retry_min_s": 0.05, "retry_max_s": 0.2} | settings
            publisher = Publisher(MqttSettings(port=port, **quick), TOPICS, outbox)  # type: ignore[arg-type]
            publisher.start()
            stack.callback(publisher.stop, 1.0)
            return publisher

        yield make
