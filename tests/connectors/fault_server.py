"""A loopback HTTP server that misbehaves on request, to prove what a connector does about it."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs

Action = Callable[["Handler"], None]
#: Nothing waits longer than this, so that a broken test ends.
LONGEST_WAIT_SECONDS = 10.0


class Handler(BaseHTTPRequestHandler):
    """Plays the next action of the script; without one it answers every step with the value 1."""

    protocol_version = "HTTP/1.1"
    server: Server

    def do_POST(self) -> None:
        """Remember the request, then play."""
        body = self.rfile.read(int(self.headers.get("content-length", "0"))).decode()
        form = {name: values[0] for name, values in parse_qs(body).items()}
        self.server.requests.append((dict(self.headers), form))
        action = self.server.script.pop(0) if self.server.script else healthy
        action(self)

    def answer(
        self, status: int, body: bytes, content_type: str = "application/json", **headers: str
    ) -> None:
        """A whole answer."""
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


class Server(ThreadingHTTPServer):
    """Keeps the script and what was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.script: list[Action] = []
        self.requests: list[tuple[dict[str, str], dict[str, str]]] = []
        self.closing = threading.Event()


class FaultServer:
    """Context manager; `script` holds the actions still to play, `requests` (headers, form) what came."""

    def __init__(self, *script: Action) -> None:
        self._server = Server()
        self._server.script = list(script)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def requests(self) -> list[tuple[dict[str, str], dict[str, str]]]:
        return self._server.requests

    def __enter__(self) -> FaultServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def matrix(form: dict[str, str], labels: dict[str, str] | None = None) -> dict[str, Any]:
    """A healthy body: one series with the value 1 at every asked step."""
    first, last, step = (round(float(form[name]) * 1000) for name in ("start", "end", "step"))
    values = [[moment / 1000, "1"] for moment in range(first, last + 1, step)]
    result = [{"metric": labels or {"pod": "a"}, "values": values}]
    return {"status": "success", "data": {"resultType": "matrix", "result": result}}


def healthy(handler: Handler) -> None:
    """The answer of a well server."""
    handler.answer(200, json.dumps(matrix(handler.server.requests[-1][1])).encode())


def status(code: int, body: str = "{}", content_type: str = "application/json", **headers: str) -> Action:
    """An answer with this status."""
    return lambda handler: handler.answer(code, body.encode(), content_type, **headers)


def reset_mid_body(handler: Handler) -> None:
    """Announce 1,000 bytes, send a few, reset the connection."""
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"status": ')
    handler.wfile.flush()
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()
    handler.close_connection = True


def truncated_json(handler: Handler) -> None:
    """A whole HTTP answer that holds half a document."""
    body = json.dumps(matrix(handler.server.requests[-1][1])).encode()
    handler.answer(200, body[: len(body) // 2])


def hang(handler: Handler) -> None:
    """No answer until the test ends."""
    handler.server.closing.wait(LONGEST_WAIT_SECONDS)
    handler.close_connection = True
