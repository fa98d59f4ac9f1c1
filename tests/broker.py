"""A real mosquitto on a free loopback port, and an independent subscriber, for tests."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import termios
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import pytest
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.subscribeoptions import SubscribeOptions

from tests.certificates import Certificates

MOSQUITTO = shutil.which("mosquitto", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
needs_mosquitto = pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed")

READY_S = 10.0  # mosquitto answers within 0.1 s; a loaded machine may take longer
PATIENCE_S = 20.0  # for what must come; a test that passes never waits so long


def free_port() -> int:
    """A TCP port that is free on the loopback interface now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(condition: Callable[[], object], timeout_s: float = PATIENCE_S, what: str = "the condition") -> None:
    """Wait until it holds; fails the test, naming ``what``, when it does not in time."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"{what} did not come true within {timeout_s:g} s")
        time.sleep(0.01)


@dataclass
class Broker:
    """A mosquitto process; start it with `start` or as a context."""

    folder: Path
    passwords: Mapping[str, str] | None = None
    """User names and passwords; None lets anyone in."""
    acl: str | None = None
    """Text of an acl_file."""
    certificates: Certificates | None = None
    """Given: TLS only."""
    require_client_certificate: bool = False
    max_inflight: int | None = None
    """Also what mosquitto tells MQTT 5 clients as its Receive Maximum."""
    persistence: bool = False
    """Keep retained messages over a restart."""
    extra: str = ""
    """More lines for its configuration."""
    port: int = field(default_factory=free_port)
    host: str = "127.0.0.1"
    process: subprocess.Popen[bytes] | None = None

    @property
    def config_path(self) -> Path:
        return self.folder / "mosquitto.conf"

    @property
    def log(self) -> str:
        path = self.folder / "mosquitto.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def start(self) -> Self:
        """Start it and wait until it accepts connections."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._write_config()
        assert MOSQUITTO is not None
        with (self.folder / "mosquitto.log").open("ab") as log:
            self.process = subprocess.Popen([MOSQUITTO, "-v", "-c", str(self.config_path)], stdout=log, stderr=log)
        wait_until(self._accepts, READY_S, f"mosquitto on port {self.port}")
        return self

    def _accepts(self) -> bool:
        if self.process is None or self.process.poll() is not None:
            pytest.fail(f"mosquitto ended: {self.log[-2000:]}")
        with socket.socket() as probe:
            probe.settimeout(1.0)
            return probe.connect_ex((self.host, self.port)) == 0

    def stop(self) -> None:
        """End it in order; it writes what it persists."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it with SIGKILL, as a crash would."""
        self._end(signal.SIGKILL)

    def _end(self, with_signal: signal.Signals) -> None:
        if self.process is not None:
            self.process.send_signal(with_signal)
            if with_signal is not signal.SIGKILL:  # a kill must not let a frozen broker go on for a moment
                self.process.send_signal(signal.SIGCONT)
            self.process.wait(READY_S)
            self.process = None

    def freeze(self) -> None:
        """Stop answering without closing anything; returns once it has stopped."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)
        os.waitpid(self.process.pid, os.WUNTRACED)

    def thaw(self) -> None:
        """Go on after `freeze`."""
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def restart(self) -> None:
        """Kill and start again on the same port; without persistence it comes back empty."""
        self.kill()
        self.start()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.kill()

    def _write_config(self) -> None:
        lines = [f"listener {self.port} {self.host}", f"allow_anonymous {str(self.passwords is None).lower()}"]
        lines += ["user root"] if os.geteuid() == 0 else []  # else it gives up root and cannot read its own files
        if self.passwords is not None:
            lines.append(f"password_file {self._password_file()}")
        if self.acl is not None:
            path = self.folder / "acl"
            path.write_text(self.acl)
            lines.append(f"acl_file {path}")
        if self.certificates is not None:
            lines.append(f"cafile {self.certificates.ca}")
            lines += [f"certfile {self.certificates.server}", f"keyfile {self.certificates.server_key}"]
            lines.append(f"require_certificate {str(self.require_client_certificate).lower()}")
        if self.max_inflight is not None:
            lines.append(f"max_inflight_messages {self.max_inflight}")
        if self.persistence:
            lines += ["persistence true", f"persistence_location {self.folder}/", "autosave_interval 1"]
        lines += ["max_queued_messages 100000", self.extra]  # a test's subscriber may be slow; it must miss nothing
        self.config_path.write_text("\n".join(lines) + "\n")

    def _password_file(self) -> Path:
        path = self.folder / "passwords"
        path.write_text("".join(f"{user}:{password}\n" for user, password in (self.passwords or {}).items()))
        path.chmod(0o600)
        subprocess.run(["mosquitto_passwd", "-U", str(path)], check=True, capture_output=True)
        return path


@dataclass(frozen=True)
class Received:
    """One message as a subscriber saw it."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    """The publisher's own flag when it is live (MQTT 5, retain as published), else: was stored at the broker."""
    at_s: float
    """When it came, POSIX seconds."""

    @property
    def json(self) -> dict[str, Any]:
        found = json.loads(self.payload, parse_constant=lambda name: pytest.fail(f"{name} on {self.topic}"))
        assert isinstance(found, dict)
        return found


class Listener:
    """An independent MQTT 5 subscriber with a session of its own, so that its own reconnects lose nothing."""

    def __init__(
        self,
        port: int,
        topics: str = "#",
        *,
        username: str | None = None,
        password: str | None = None,
        ca: Path | None = None,
        protocol: MQTTProtocolVersion = MQTTProtocolVersion.MQTTv5,
        clean: bool = True,
    ) -> None:
        self._lock = threading.Lock()
        self._messages: list[Received] = []
        self._subscribed = threading.Event()
        self._topics = topics
        self._v5 = protocol is MQTTProtocolVersion.MQTTv5
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"listener-{id(self)}",
            protocol=protocol,
            clean_session=None if self._v5 else clean,
        )
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_disconnect = lambda *_: self._subscribed.clear()
        self._client.on_message = self._on_message
        self._client.reconnect_delay_set(1, 1)
        if username is not None:
            self._client.username_pw_set(username, password)
        if ca is not None:
            self._client.tls_set(str(ca))
        self._client.connect_async("localhost" if ca else "127.0.0.1", port)

    def __enter__(self) -> Self:
        self._client.loop_start()
        self.wait_subscribed()
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def wait_subscribed(self) -> None:
        """Wait until the broker has taken the subscription (again)."""
        assert self._subscribed.wait(PATIENCE_S), "the listener could not subscribe"

    def wait_lost(self) -> None:
        """Wait until it has noticed that its broker is gone; before, `wait_subscribed` speaks of the old one."""
        wait_until(lambda: not self._subscribed.is_set(), what="the listener's loss of its broker")

    @property
    def messages(self) -> list[Received]:
        with self._lock:
            return list(self._messages)

    def wait_read(self) -> None:
        """Wait until everything that the broker has written is read; for a frozen broker."""
        wait_until(self._nothing_unread, what="an empty socket")
        settled = -1
        while settled != len(
            self.messages
        ):  # the last packets are off the socket; let the thread that took them note it
            settled = len(self.messages)
            time.sleep(0.1)

    def _nothing_unread(self) -> bool:
        unread = bytearray(4)
        fcntl.ioctl(self._client.socket(), termios.FIONREAD, unread)  # type: ignore[arg-type]
        return not any(unread)

    def on(self, topic: str) -> list[Received]:
        """What came on one topic, oldest first."""
        return [message for message in self.messages if message.topic == topic]

    def last(self, topic: str) -> Received | None:
        """The latest on one topic."""
        return next(reversed(self.on(topic)), None)

    def wait_for(self, condition: Callable[[Listener], object], what: str, timeout_s: float = PATIENCE_S) -> None:
        """Wait until the condition holds of what came."""
        wait_until(lambda: condition(self), timeout_s, what)

    def wait_farewell(self, status_topic: str) -> None:
        """Wait for a node's `offline`, the last that it sends: whatever it had sent before has come too."""

        def said(it: Listener) -> bool:
            status = it.last(status_topic)
            return status is not None and bool(status.json["state"] == "offline")

        self.wait_for(said, "the farewell")

    def _on_connect(self, client: paho.Client, *_: object) -> None:
        if self._v5:
            client.subscribe(self._topics, options=SubscribeOptions(qos=1, retainAsPublished=True))
        else:
            client.subscribe(self._topics, qos=1)

    def _on_message(self, _client: paho.Client, _userdata: object, message: paho.MQTTMessage) -> None:
        received = Received(message.topic, bytes(message.payload), message.qos, message.retain, time.time())
        with self._lock:
            self._messages.append(received)


@contextmanager
def listening(broker: Broker, topics: str = "#") -> Iterator[Listener]:
    """A listener on a broker that lets anyone in."""
    with Listener(broker.port, topics) as listener:
        yield listener
