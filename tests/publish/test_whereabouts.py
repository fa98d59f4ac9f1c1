"""Whether a node is there is read from what it left at the broker."""

from __future__ import annotations

import json

import pytest

from monitor.publish.encoding import encode
from monitor.publish.whereabouts import Whereabouts, whereabouts
from tests.publish.samples import SAMPLES

DOCUMENTS = {name: json.loads(encode(sample)) for name, sample in SAMPLES.items()}
WILL, ONLINE = DOCUMENTS["status-will"], DOCUMENTS["status"]
EARLIER = {"published_at": "2025-10-09T08:00:00.000Z"}


def test_a_last_will_does_not_say_when_but_the_latest_of_everything_else_does() -> None:
    found = whereabouts("pc1", WILL, [EARLIER, DOCUMENTS["health"], EARLIER])
    assert found == Whereabouts("pc1", "offline", None, "connection lost", DOCUMENTS["health"]["published_at"])
    assert found.sentence() == f"pc1 is OFFLINE (connection lost), last heard at {found.last_heard}"
    assert not found.alive


def test_a_node_that_was_stopped_says_since_when() -> None:
    stopped = {**ONLINE, "state": "offline", "reason": "stopped"}
    found = whereabouts("pc1", stopped, [EARLIER])
    assert found.sentence() == f"pc1 is OFFLINE since {ONLINE['time']} (stopped)"


def test_only_one_that_says_so_is_online() -> None:
    assert whereabouts("pc1", ONLINE, []).alive


@pytest.mark.parametrize("status", [None, {}, {"state": "asleep"}, {"state": None}, {"state": ["online"]}])
def test_without_a_status_that_can_be_read_it_is_unknown_and_not_online(status: dict[str, object] | None) -> None:
    found = whereabouts("pc1", status, [EARLIER, {"published_at": 7}])
    assert (found.state, found.alive, found.last_heard) == ("unknown", False, EARLIER["published_at"])
    assert found.sentence().startswith("pc1 is UNKNOWN to the broker")
