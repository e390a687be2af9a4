"""A loopback HTTP server whose answers a simulator makes, and the faults that every connector must survive.

`Simulator.script` says which fault befalls which question (counted from 0). A fault of the way (`WAY`) spoils an
answer; a change of the data happens just before a question is answered.
"""

from __future__ import annotations

import json
import socket
import struct
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

#: Nothing waits longer than this, so that a broken test ends.
LONGEST_WAIT_SECONDS = 10.0


@dataclass(frozen=True)
class Question:
    """A request as it came. `params` are of the address, whose own text is `query`, `form` of a form body, `body` of a
    JSON one."""

    number: int
    method: str
    path: str
    params: Mapping[str, str]
    headers: Mapping[str, str]
    form: Mapping[str, str]
    body: Any
    query: str = ""


@dataclass(frozen=True)
class Reply:
    """An answer to be given: `body` becomes JSON."""

    body: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


Fault = Callable[["Handler", "Reply"], None]


class Handler(BaseHTTPRequestHandler):
    """Asks the simulator and lets the script's fault give the answer."""

    protocol_version = "HTTP/1.1"
    #: Head and body go out in two writes: the second would wait 40 ms for the client's acknowledgement.
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        """Every method alike."""
        self._serve()

    def do_POST(self) -> None:
        """Every method alike."""
        self._serve()

    def _serve(self) -> None:
        simulator = self.server.simulator
        text = self.rfile.read(int(self.headers.get("content-length") or "0")).decode()
        parts = urlsplit(self.path)
        is_form = "form" in (self.headers.get("content-type") or "")
        with simulator.lock:
            question = Question(
                len(simulator.questions),
                self.command,
                parts.path,
                {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()},
                {name.lower(): value for name, value in self.headers.items()},
                {name: values[0] for name, values in parse_qs(text).items()} if is_form else {},
                json.loads(text) if text and not is_form else None,
                parts.query,
            )
            simulator.questions.append(question)
            is_late = simulator.is_goodbye(question)
            for act in () if is_late else simulator.acts.pop(question.number, ()):
                act()
            stale = simulator.stale(question)
            reply = simulator.answer(question)
            fault = simulator.script.pop(question.number, None)
            simulator.last[question.path] = reply
        if fault is repeated_page:
            self.give(stale or reply)
        elif fault is not None:
            fault(self, reply)
        else:
            self.give(reply)

    def give(self, reply: Reply) -> None:
        """The whole answer."""
        self.send(reply.status, json.dumps(reply.body).encode(), "application/json", reply.headers)

    def send(self, status: int, body: bytes, kind: str, headers: Mapping[str, str] | None = None) -> None:
        """Status, headers and body."""
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def date_time_string(self, timestamp: float | None = None) -> str:
        """The Date header, by the source's own clock."""
        return format_datetime(datetime.now(UTC) + self.server.simulator.skew, usegmt=True)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, simulator: Simulator) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.simulator = simulator


class Simulator(ABC):
    """A product as far as a connector sees it. A context manager; `url` is its address.

    At `goodbyes`, paths of questions behind the last row, nothing happens: it would be too late to be read.
    """

    goodbyes: tuple[str, ...] = ()

    def __init__(self) -> None:
        self.questions: list[Question] = []
        self.script: dict[int, Fault] = {}
        self.acts: dict[int, list[Callable[[], None]]] = {}
        self.skew = timedelta()
        self.last: dict[str, Reply] = {}
        self.lock = threading.Lock()
        self.closing = threading.Event()
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @abstractmethod
    def answer(self, question: Question) -> Reply:
        """What the product answers."""

    def stale(self, question: Question) -> Reply | None:
        """What a page that repeats says in place of the answer."""
        return self.last.get(question.path)

    def is_goodbye(self, question: Question) -> bool:
        """Whether nothing more will be read."""
        return question.path in self.goodbyes

    # What the guarantees ask of every simulator; rows are those of the table that they are tried on.

    @abstractmethod
    def held(self) -> dict[str, datetime]:
        """The rows that the source holds and shows: key in the contract, time of the last change."""

    @abstractmethod
    def add(self) -> None:
        """A new row, changed last of all."""

    @abstractmethod
    def change(self, position: int) -> None:
        """The row at a position (modulo their number) is changed, last of all."""

    @abstractmethod
    def remove(self, position: int) -> None:
        """The row at a position is deleted."""

    @abstractmethod
    def hide(self, count: int) -> None:
        """The first rows count but are not shown."""

    @abstractmethod
    def spoil(self, position: int, fault: str) -> None:
        """The row at a position gets one of the faults `SPOILT`."""

    @abstractmethod
    def expire(self) -> None:
        """What proved the client's identity is no longer accepted."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def status(
    code: int, body: str = '{"error": "fault"}', kind: str = "application/json", **headers: str
) -> Fault:
    """An answer with this status, and nothing useful in it unless told."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda handler, _reply: handler.send(code, body.encode(), kind, given)


def changed(change: Callable[[Any], None]) -> Fault:
    """The answer with something changed in its body."""

    def fault(handler: Handler, reply: Reply) -> None:
        change(reply.body)
        handler.give(reply)

    return fault


#: A session that ended: status 200 and a page for people.
login_page = status(200, "<html><form>Log in</form></html>", "text/html; charset=utf-8")
#: What a proxy says.
bad_gateway = status(502, "<html>Bad gateway</html>", "text/html")


def truncated(handler: Handler, reply: Reply) -> None:
    """A whole HTTP answer that holds half a document."""
    body = json.dumps(reply.body).encode()
    handler.send(200, body[: len(body) // 2], "application/json", reply.headers)


def reset_mid_body(handler: Handler, _reply: Reply) -> None:
    """Announce 1,000 bytes, send a few, reset the connection."""
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"result": [')
    handler.wfile.flush()
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()
    handler.close_connection = True


def hang(handler: Handler, _reply: Reply) -> None:
    """No answer until the test ends."""
    handler.server.simulator.closing.wait(LONGEST_WAIT_SECONDS)
    handler.close_connection = True


def repeated_page(handler: Handler, reply: Reply) -> None:
    """The answer to the question of this path before, as from a stale cache."""
    raise AssertionError("played by the handler, which knows the answer before")


#: What may happen to any answer on its way and passes when asked again.
WAY: dict[str, Fault] = {
    "429": status(429),
    "429 with seconds": status(429, Retry_After="2"),
    "429 with a date": status(429, Retry_After="Tue, 23 Aug 2022 10:00:05 GMT"),
    "500": status(500),
    "502": bad_gateway,
    "503": status(503),
    "reset": reset_mid_body,
    "truncated": truncated,
    "repeated page": repeated_page,
}
#: What a row may suffer: it lands, or is quarantined with a reason.
SPOILT = (
    "impossible date",
    "NUL",
    "1 MiB of text",
    "unknown enum",
    "missing field",
    "extra field",
    "changed type",
)
