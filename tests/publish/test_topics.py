from __future__ import annotations

import pytest

from monitor.publish.topics import Topics


def test_topics_are_those_of_the_contract() -> None:
    topics = Topics("acme/stuttgart/hall3/monitor", "pc1")
    base = "acme/stuttgart/hall3/monitor/pc1"
    assert (topics.status, topics.info, topics.health) == (f"{base}/status", f"{base}/info", f"{base}/health")
    assert topics.event == f"{base}/event"
    assert topics.alarm("fan-1", "anomaly") == f"{base}/machine/fan-1/alarm/anomaly"
    assert topics.availability("fan-1") == f"{base}/machine/fan-1/availability"
    assert topics.score("fan-1") == f"{base}/machine/fan-1/score"
    assert topics.command("shelve") == f"{base}/command/shelve"
    assert topics.response("shelve") == f"{base}/response/shelve"


@pytest.mark.parametrize("node", ["", "a/b", "a+", "#", "a\0b"])
def test_a_node_that_would_break_a_topic_is_refused_by_name(node: str) -> None:
    with pytest.raises(ValueError, match="node"):
        Topics("monitor", node)


@pytest.mark.parametrize("prefix", ["", "/a", "a/", "$SYS", "a/+/b", "a#", "x" * 65_300])
def test_a_prefix_that_would_break_a_topic_is_refused(prefix: str) -> None:
    with pytest.raises(ValueError, match="prefix"):
        Topics(prefix, "pc1")


def test_a_machine_that_would_break_a_topic_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="machine 'a/b'"):
        Topics("monitor", "pc1").score("a/b")
