"""A small MQTT 3.1.1 broker inside the process, for the demonstration: amqtt on a loopback port, in its own thread."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from types import TracebackType
from typing import Any, Self

from monitor.errors import MonitorError

_PATIENCE_S = 15.0  # amqtt is up within a second; a loaded machine may take longer
_PLUGINS = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}
_ALL = logging.CRITICAL + 1  # above every level: nothing passes


class EmbeddedBroker:
    """A broker for everyone on this computer; start it as a context or with `start` and `stop`."""

    host = "127.0.0.1"

    def __init__(self) -> None:
        self.port = 0
        """Known once started."""
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended: asyncio.Event | None = None
        self._up = threading.Event()
        self._fault: BaseException | None = None

    def start(self) -> None:
        """Start it and wait until it accepts connections.

        Raises:
            MonitorError: it does not come up.
        """
        with socket.create_server((self.host, 0)) as probe:
            self.port = int(probe.getsockname()[1])
        self._thread = threading.Thread(target=self._run, name="embedded-broker", daemon=True)
        self._thread.start()
        if not self._up.wait(_PATIENCE_S) or self._fault is not None:
            raise MonitorError(f"the embedded broker did not start on port {self.port}: {self._fault or 'no answer'}")

    def stop(self) -> None:
        """End it; harmless when not started."""
        loop, ended, thread = self._loop, self._ended, self._thread
        if loop is not None and ended is not None and thread is not None and thread.is_alive():
            loop.call_soon_threadsafe(ended.set)
            thread.join(_PATIENCE_S)
        self._thread = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except Exception as error:  # noqa: BLE001 - told to the thread that waits in `start`
            self._fault = error
        finally:
            self._up.set()

    async def _serve(self) -> None:
        broker = _make_broker(self.host, self.port)
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(lambda _loop, _context: None)  # of connections that end while it stops
        self._ended = asyncio.Event()
        await broker.start()
        self._up.set()
        await self._ended.wait()
        await broker.shutdown()


def _make_broker(host: str, port: int) -> Any:  # noqa: ANN401 - amqtt ships no types
    for name in ("amqtt", "transitions"):  # they tell of every packet
        logging.getLogger(name).setLevel(_ALL)
    from amqtt.broker import Broker  # noqa: PLC0415 - takes half a second, and only the demonstration needs it

    return Broker({"listeners": {"default": {"type": "tcp", "bind": f"{host}:{port}"}}, "plugins": _PLUGINS})
