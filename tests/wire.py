"""A TCP way to a broker that a test can cut."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Self


class Wire:
    """A TCP way to the broker that can be cut, held shut and opened: what lies between a node and its broker."""

    def __init__(self, to_port: int) -> None:
        self._to_port = to_port
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        self._lock = threading.Lock()
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._open = True
        self._ended = threading.Event()
        self.connections = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        with socket.socket() as knock:  # wakes accept()
            knock.connect_ex(("127.0.0.1", self.port))
        self._server.close()
        self.cut()

    def cut(self) -> None:
        """Close every connection at once, with what is on its way lost; new ones are let through."""
        with self._lock:
            pairs, self._pairs = self._pairs, []
        for pair in pairs:
            for end in pair:
                _close_hard(end)

    def shut(self) -> None:
        """Cut, and turn new connections away."""
        self._open = False
        self.cut()

    def open(self) -> None:
        """Let connections through again."""
        self._open = True

    def _accept(self) -> None:
        while not self._ended.is_set():
            try:
                near, _ = self._server.accept()
            except OSError:
                return
            far = socket.socket()
            if self._ended.is_set() or not self._open or far.connect_ex(("127.0.0.1", self._to_port)) != 0:
                near.close()
                far.close()
                continue
            self.connections += 1
            with self._lock:
                self._pairs.append((near, far))
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=_pump, args=(source, sink), daemon=True).start()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65_536):
            sink.sendall(data)
    _close_hard(source)
    _close_hard(sink)


def _close_hard(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    with contextlib.suppress(OSError):
        end.close()
