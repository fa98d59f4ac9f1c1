"""Servers of sound on a loopback port: HTTP as any web server does it, and as much of RTSP as a listener needs."""

from __future__ import annotations

import http.server
import re
import socket
import socketserver
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import numpy as np

from monitor.audio.block import Samples


@contextmanager
def http_server(folder: Path) -> Iterator[int]:
    """Serves the files of a folder, and ``/silent``, which answers and then says nothing; gives the port."""
    ended = threading.Event()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: object, **more: object) -> None:
            super().__init__(*arguments, directory=str(folder), **more)  # type: ignore[arg-type]

        def do_GET(self) -> None:
            if self.path == "/silent":
                self.send_response(200)
                self.end_headers()
                ended.wait(30)
                return
            super().do_GET()

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        ended.set()
        server.shutdown()
        server.server_close()


RTSP_RATE_HZ = 16_000
_SDP = (
    "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=plant\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n"
    f"m=audio 0 RTP/AVP 97\r\na=rtpmap:97 L16/{RTSP_RATE_HZ}/1\r\na=control:track0\r\n"
)
END = "\r\n"
_ANSWERS = {
    "OPTIONS": f"Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n{END}",
    "DESCRIBE": f"Content-Type: application/sdp\r\nContent-Length: {len(_SDP)}\r\n{END}{_SDP}",
    "SETUP": f"Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n{END}",
}


@contextmanager
def rtsp_server(sound: Samples) -> Iterator[int]:
    """Plays ``sound`` ([n], 16 kHz) to whoever asks, once, as 16-bit samples over RTP inside TCP; gives the port."""

    class Handler(socketserver.StreamRequestHandler):
        daemon_threads: ClassVar[bool] = True

        def handle(self) -> None:
            while request := self._request():
                verb, number = request.split(" ", 1)[0], re.findall(r"(?i)cseq: *(\d+)", request)[0]
                self.wfile.write(
                    f"RTSP/1.0 200 OK\r\nCSeq: {number}\r\nSession: 1\r\n{_ANSWERS.get(verb, END)}".encode()
                )
                if verb == "PLAY":
                    self._play()

        def _request(self) -> str:
            lines = []
            while (line := self.rfile.readline().decode()) not in {"\r\n", ""}:
                lines.append(line)
            return "".join(lines)

        def _play(self) -> None:
            values = np.round(sound * 32_767).astype(">i2")
            for number, first in enumerate(range(0, len(values), 320)):
                payload = values[first : first + 320].tobytes()
                packet = struct.pack(">BBHII", 0x80, 97, number & 0xFFFF, first, 1) + payload
                self.wfile.write(struct.pack(">BBH", 0x24, 0, len(packet)) + packet)
                time.sleep(320 / RTSP_RATE_HZ / 4)  # four times real time: the test need not wait for all of it
            self.connection.shutdown(socket.SHUT_RDWR)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

        def handle_error(self, *_: object) -> None:
            """A listener that hangs up is no error."""

    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
