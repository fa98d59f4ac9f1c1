"""A second client with the node's MQTT id is an alarm of the node; `monitor doctor` explains it, and it clears."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from tests.broker import Broker, listening, needs_mosquitto
from tests.doctor.examined import Capture, configure, examined
from tests.service.plant import Daemon, hurried

pytestmark = needs_mosquitto

ALARM = "monitor/test/alarm/delivery"
WORDS = "another client uses this node's MQTT id 'monitor-test'"


@contextmanager
def rival(port: int) -> Iterator[None]:
    """A client of another make that comes back every second, as the node does."""
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id="monitor-test")
    client.reconnect_delay_set(1, 1)
    client.connect("127.0.0.1", port)
    client.loop_start()
    try:
        yield
    finally:
        client.disconnect()
        client.loop_stop()


def test_the_alarm_stands_while_two_fight_says_what_to_do_and_clears_by_itself(
    tmp_path: Path, state_dir: Path, capsys: Capture
) -> None:
    quick = hurried(tmp_path / "quick", publish__rival__STEADY_S=1.0, detect__delivery__QUIET_S=2.0)
    with Broker(tmp_path / "broker") as broker, listening(broker) as listener:
        config = configure(tmp_path, state_dir, broker.port)
        with Daemon(config, quick) as daemon:
            listener.wait_for(lambda it: it.on("monitor/test/machine/fan-1/score"), "its work", 60)
            with rival(broker.port):
                listener.wait_for(lambda it: any(each.json["active"] for each in it.on(ALARM)), "the alarm", 60)
                code, found = examined(capsys, config)
            listener.wait_for(lambda it: not it.on(ALARM)[-1].json["active"], "the end of it", 60)
            assert daemon.terminate() == 0
        told = [each.json for each in listener.on(ALARM)]
        events = [each.json["event"] for each in listener.on("monitor/test/event") if each.json["event"] != "outage"]
    raised = next(each for each in told if each["active"])
    assert WORDS in raised["detail"]
    assert raised["detail"].endswith("give one of them another `node:`")
    assert code == 1
    assert found["node alarms"]["state"] == "FAIL"
    assert WORDS in found["node alarms"]["detail"]
    assert events == ["raised", "cleared"]
