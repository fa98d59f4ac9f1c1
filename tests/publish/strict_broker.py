"""The least of an MQTT 5 broker: counts unacknowledged publishes, which mosquitto does not hold a client to."""

from __future__ import annotations

import json
import socket
import struct
import threading
from dataclasses import dataclass, field
from typing import Self

_CONNECT, _PUBLISH, _PINGREQ = 1, 3, 12


@dataclass
class StrictBroker:
    """Acknowledges only what it is told to; one client at a time."""

    receive_maximum: int
    hang_up_after: list[int] = field(default_factory=list)
    """Connection by connection: so many publishes are taken without an answer, then it hangs up; then it behaves."""
    refuse: dict[int, list[int]] = field(default_factory=dict)
    """By an event's number: the reason codes that refuse it, one after the other; then it is taken."""
    last_word: int | None = None
    """Reason code of a DISCONNECT before each of them; None is none."""
    most: int = 0
    """Most publishes that were unacknowledged on one connection."""
    connections: int = 0
    events: list[int] = field(default_factory=list)
    """The events' numbers, as they came."""
    ended: bool = False

    def __post_init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended = True
        with socket.socket() as knock:  # wakes accept()
            knock.connect_ex(("127.0.0.1", self.port))
        self._thread.join(5)
        self._server.close()

    def _serve(self) -> None:
        while not self.ended:
            client, _ = self._server.accept()
            with client:
                client.settimeout(0.05)  # quiet for so long: the client waits for answers
                self._connection(client)

    def _connection(self, client: socket.socket) -> None:
        patience = self.hang_up_after[self.connections] if self.connections < len(self.hang_up_after) else None
        self.connections += 1
        waiting: list[bytes] = []
        data = b""
        while not self.ended:
            try:
                received = client.recv(65_536)
            except TimeoutError:
                if patience is not None and waiting:
                    self._part(client)
                    return
                for answer in waiting:
                    client.sendall(answer)
                waiting.clear()
                continue
            except OSError:
                return
            data += received
            while (packet := _split(data)) is not None:
                kind, flags, body, data = packet
                self._answer(client, kind, flags, body, waiting)
            self.most = max(self.most, len(waiting))
            if not received:
                return
            if patience is not None and len(waiting) >= patience:
                self._part(client)
                return

    def _part(self, client: socket.socket) -> None:
        if self.last_word is not None:
            client.sendall(bytes([0xE0, 1, self.last_word]))

    def _answer(self, client: socket.socket, kind: int, flags: int, body: bytes, waiting: list[bytes]) -> None:
        if kind == _CONNECT:
            client.sendall(struct.pack("!BBBBBBH", 0x20, 6, 0, 0, 3, 0x21, self.receive_maximum))
        elif kind == _PINGREQ:
            client.sendall(b"\xd0\x00")
        elif kind == _PUBLISH and flags & 0x06:
            waiting.append(self._take(body))

    def _take(self, body: bytes) -> bytes:
        """Note an event's number; returns the answer to the packet."""
        length = int.from_bytes(body[:2], "big")
        topic, rest = body[2 : 2 + length], body[2 + length :]
        if topic.endswith(b"/event"):
            self.events.append(json.loads(rest[3:])["seq"])  # two bytes of identifier, no properties
            if codes := self.refuse.get(self.events[-1]):
                return struct.pack("!BB2sB", 0x40, 3, rest[:2], codes.pop(0))
        return struct.pack("!BB2s", 0x40, 2, rest[:2])


def _split(data: bytes) -> tuple[int, int, bytes, bytes] | None:
    """The first packet as type, flags and body, and what follows; None when it is not complete."""
    length, shift, at = 0, 0, 1
    while True:
        if at >= len(data):
            return None
        length |= (data[at] & 0x7F) << shift
        at, shift, more = at + 1, shift + 7, data[at] & 0x80
        if not more:
            break
    if len(data) < at + length:
        return None
    return data[0] >> 4, data[0] & 0x0F, data[at : at + length], data[at + length :]
