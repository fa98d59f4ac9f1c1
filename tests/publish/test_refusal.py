"""What a broker refuses is kept, counted and told; it never just disappears."""

from __future__ import annotations

import json
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest

from monitor.publish.messages import OutboxHealth
from monitor.publish.outbox import Outbox
from monitor.publish.patience import Patience
from monitor.publish.troubles import troubles
from tests.broker import Broker, Listener, needs_mosquitto, wait_until
from tests.publish.boxes import opened, taken
from tests.publish.conftest import TOPICS, MakePublisher
from tests.publish.samples import SAMPLES, alarm, event
from tests.publish.strict_broker import StrictBroker

pytestmark = needs_mosquitto

_ALL_BUT = "user node\ntopic write acme/#\ntopic deny {denied}\nuser reader\ntopic read #\n"
_PASSWORDS = {"node": "secret", "reader": "secret"}


def test_denied_events_become_dead_letters(tmp_path: Path, outbox: Outbox, publish_to: MakePublisher) -> None:
    acl = _ALL_BUT.format(denied=TOPICS.event)
    with Broker(tmp_path / "b", passwords=_PASSWORDS, acl=acl) as broker:
        publisher = publish_to(broker.port, username="node", password="secret")
        for number in range(5):
            publisher.publish_events([event(number)])
        sent = {event(number).id for number in range(5)}
        wait_until(lambda: sent <= {json.loads(row.payload)["id"] for row in outbox.dead()}, what="dead letters")
        # The news of it is refused too, but makes no news for ever.
        wait_until(lambda: outbox.depth == 0 and outbox.health().refused > 5, what="an end of it")
        assert {row.reason_code for row in outbox.dead()} == {0x87}  # not authorized
        assert publisher.connected


def test_a_denied_document_is_told_once_by_an_event(tmp_path: Path, outbox: Outbox, publish_to: MakePublisher) -> None:
    acl = _ALL_BUT.format(denied=TOPICS.health)
    with (
        Broker(tmp_path / "b", passwords=_PASSWORDS, acl=acl) as broker,
        Listener(broker.port, username="reader", password="secret") as listener,
    ):
        publisher = publish_to(broker.port, username="node", password="secret")
        for count in range(1, 4):
            publisher.send(SAMPLES["health"])
            wait_until(lambda expected=count: outbox.health().refused == expected)  # type: ignore[misc]
        publisher.publish_events([event(1)])
        listener.wait_for(lambda it: len(it.on(TOPICS.event)) == 2, "the refusal and the event")
        told, other = [message.json for message in listener.on(TOPICS.event)]
    assert told["event"] == "refused"
    assert told["refusal"] == {
        "count": 1, "topic": TOPICS.health, "reason_code": 0x87, "reason": "Not authorized",
    }  # fmt: skip
    assert other["id"] == event(1).id


def test_with_mqtt_3_1_1_a_refusal_cannot_be_seen(tmp_path: Path, outbox: Outbox, publish_to: MakePublisher) -> None:
    """The protocol has no word for it: this is why MQTT 5 is the default."""
    acl = _ALL_BUT.format(denied=TOPICS.event)
    with Broker(tmp_path / "b", passwords=_PASSWORDS, acl=acl) as broker:
        publisher = publish_to(broker.port, username="node", password="secret", protocol="3.1.1")
        publisher.publish_events([event(1)])
        wait_until(lambda: outbox.depth == 0, what="an empty outbox")
        assert outbox.health().refused == 0


def test_a_message_larger_than_the_broker_takes_is_refused_here_and_the_rest_goes_on(
    tmp_path: Path, outbox: Outbox, publish_to: MakePublisher
) -> None:
    """Sent, it would make the broker hang up, again and again."""
    with (
        Broker(tmp_path / "b", extra="max_packet_size 2000", max_inflight=0) as broker,
        Listener(broker.port) as listener,
    ):
        publisher = publish_to(broker.port)
        big = event(1, machine="m" * 3000)
        publisher.publish_events([big, event(2)], [alarm(1)])
        listener.wait_for(lambda it: len(it.on(TOPICS.event)) == 2, "the others")
        assert [message.json["event"] for message in listener.on(TOPICS.event)] == ["raised", "refused"]
        assert [row.reason_code for row in outbox.dead()] == [0x95]
        assert publisher.connected


def test_news_of_a_refusal_that_is_refused_itself_is_told_once_events_are_taken_again(outbox: Outbox) -> None:
    outbox.append([event(number) for number in range(1, 4)])
    for _ in range(4):  # three events, then the news of them; the last makes no news of its own
        for row in outbox.take(1):
            outbox.refuse(row.seq, TOPICS.event, 135, "Not authorized")
    assert not outbox.waiting
    outbox.append([event(4)])
    told = []
    while rows := outbox.take(8):
        for row in rows:
            told.append(json.loads(row.payload))
            outbox.acknowledge(row.seq)
    assert [each["event"] for each in told] == ["raised", "refused"]
    assert told[1]["refusal"]["count"] == 3


@pytest.mark.parametrize("code", [0x80, 0x83, 0x97])
def test_an_event_that_is_refused_for_now_is_sent_again_and_not_buried(
    outbox: Outbox, publish_to: MakePublisher, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    monkeypatch.setattr("monitor.publish.patience.FIRST_S", 0.01)
    with StrictBroker(receive_maximum=3, refuse={1: [code] * 3, 2: [code]}) as broker:
        outbox.append([event(number) for number in range(1, 6)])
        publish_to(broker.port)
        wait_until(lambda: outbox.depth == 0, what="an empty outbox")
    assert [broker.events.count(seq) for seq in range(1, 6)] == [4, 2, 1, 1, 1]
    assert outbox.dead() == []
    assert outbox.health().refused == 0


def test_an_event_that_is_refused_for_now_again_and_again_is_buried_and_the_rest_goes_on(
    outbox: Outbox, publish_to: MakePublisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitor.publish.patience.FIRST_S", 0.0)
    monkeypatch.setattr("monitor.publish.patience.TRIES", 3)
    with StrictBroker(receive_maximum=3, refuse={1: [0x80] * 99}) as broker:
        outbox.append([event(1), event(2)])
        publish_to(broker.port)
        wait_until(lambda: len(outbox.dead()) == 1 and outbox.depth == 0, what="a dead letter")
    assert broker.events.count(1) == 3
    assert [(row.seq, row.reason_code) for row in outbox.dead()] == [(1, 0x80)]


def test_the_waits_between_tries_double_up_to_a_minute_and_end() -> None:
    patience, now_s, waits = Patience(), 0.0, []
    while patience.refused(7, now_s):
        begun_s = now_s
        assert patience.lasting is (now_s > 60)
        while not patience.due(now_s):
            now_s += 1.0
        waits.append(now_s - begun_s)
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60]


def test_what_the_broker_refuses_is_a_trouble_until_it_takes_it(
    tmp_path: Path, outbox: Outbox, publish_to: MakePublisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitor.publish.session._TRY_EVERY_S", 0.2)
    monkeypatch.setattr("monitor.publish.session._ASK_EVERY_S", 0.2)
    with (
        Broker(tmp_path / "b", passwords=_PASSWORDS, acl=_ALL_BUT.format(denied=TOPICS.health)) as broker,
        Listener(broker.port, username="reader", password="secret") as listener,
    ):
        publisher = publish_to(broker.port, username="node", password="secret")
        assert publisher.wait_connected(10)
        assert publisher.troubles() == ()
        publisher.send(SAMPLES["health"])
        wait_until(lambda: publisher.troubles() == (f"the broker refuses {TOPICS.health}",), what="the trouble")
        (tmp_path / "b" / "acl").write_text(_ALL_BUT.format(denied=TOPICS.event))
        assert broker.process is not None
        broker.process.send_signal(signal.SIGHUP)
        wait_until(lambda: publisher.troubles() == (), what="an end of it, though nothing new was sent")
        publisher.publish_events([event(1)])
        wait_until(lambda: publisher.troubles() == (f"the broker refuses {TOPICS.event}",), what="the other trouble")
        (tmp_path / "b" / "acl").write_text(_ALL_BUT.format(denied="nothing"))
        broker.process.send_signal(signal.SIGHUP)
        wait_until(lambda: publisher.troubles() == (), what="an end of it, though nothing new happened")
        listener.wait_for(lambda it: len(it.on(TOPICS.event)) == 2, "news of both refusals")
        health, denied = [message.json["refusal"] for message in listener.on(TOPICS.event)]
    assert (health["topic"], health["count"]) == (TOPICS.health, 1)
    assert (denied["topic"], denied["count"]) == (TOPICS.event, 1)


def test_a_broker_that_still_denies_is_asked_now_and_then_and_neither_numbers_nor_dead_letters_are_used_up(
    tmp_path: Path, outbox: Outbox, publish_to: MakePublisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitor.publish.session._ASK_EVERY_S", 0.5)
    with Broker(tmp_path / "b", passwords=_PASSWORDS, acl=_ALL_BUT.format(denied=TOPICS.event)) as broker:
        publisher = publish_to(broker.port, username="node", password="secret")
        publisher.publish_events([event(1)])
        wait_until(lambda: outbox.health().refused == 2, what="the event's refusal, and that of the news of it")
        began_s = time.monotonic()
        wait_until(lambda: outbox.health().refused == 6, what="four questions more")
        assert time.monotonic() - began_s >= 4 * 0.5 - 0.1
        assert broker.log.count("Denied PUBLISH") == 6
        assert publisher.troubles() == (f"the broker refuses {TOPICS.event}",)
        assert (outbox.health().last_seq, outbox.depth) == (1, 0)
        assert [row.seq for row in outbox.dead()] == [1]


def test_a_broker_that_comes_back_with_another_access_list_is_asked_at_once(
    tmp_path: Path, outbox: Outbox, publish_to: MakePublisher
) -> None:
    with Broker(tmp_path / "b", passwords=_PASSWORDS, acl=_ALL_BUT.format(denied=TOPICS.event)) as broker:
        publisher = publish_to(broker.port, username="node", password="secret")
        publisher.publish_events([event(1)])
        wait_until(lambda: outbox.health().refused == 2, what="the event's refusal, and that of the news of it")
        broker.acl = _ALL_BUT.format(denied="nothing")
        broker.restart()
        wait_until(lambda: publisher.troubles() == (), what="an end of it, within less than a minute")


def test_the_number_of_refused_news_is_the_next_events_unless_one_has_come_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    box = opened(path)
    box.append([event(1)])
    refuse_next(box)
    refuse_next(box)  # the news of it, number 2
    assert box.append([event(2)])[0][0].seq == 2
    box.append([event(3)])
    assert [each["id"] for each in taken(box)] == [event(2).id, event(3).id]
    for seq in (2, 3):
        box.refuse(seq, TOPICS.event, 135, "Not authorized")
    (news,) = taken(box)
    box.append([event(4)])
    box.refuse(news["seq"], TOPICS.event, 135, "Not authorized")
    (last,) = taken(box)
    assert (news["seq"], news["refusal"]["count"], last["id"], last["seq"]) == (4, 2, event(4).id, 5)
    assert [each.seq for each in box.dead()] == [1, 2, 3, 4]
    box.close()
    again = opened(path)
    assert [(each["id"], each["seq"]) for each in taken(again)] == [(event(4).id, 5)]
    again.close()


def refuse_next(box: Outbox) -> None:
    (row,) = box.take(1)
    box.refuse(row.seq, TOPICS.event, 135, "Not authorized")


def test_a_long_outage_and_a_full_disk_are_troubles_and_a_short_outage_is_not() -> None:
    well = OutboxHealth(depth=3, bytes=100, last_seq=7)
    assert troubles(59.0, (), well) == ()
    assert troubles(60.0, (), well) == ("the broker cannot be reached",)
    assert troubles(0.0, (), replace(well, unsaved=1)) == ("the state database cannot be written",)
    assert troubles(0.0, tuple("edcba"), well) == ("the broker refuses a, b, c and 2 more",)
