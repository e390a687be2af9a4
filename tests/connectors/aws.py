"""AWS on loopback: a moto server, and a thin layer in front of it that misbehaves or adds what moto lacks."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

#: Secrets that no receipt, message or log may show.
SECRET = "planted-secret-4711"
SESSION = "planted-session-0815"
REGION = "eu-central-1"
#: What a client finds beside its session and the way to the server.
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "AKIAPLANTED",
    "AWS_SECRET_ACCESS_KEY": SECRET,
    "AWS_DEFAULT_REGION": REGION,
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
}


@dataclass(frozen=True)
class Request:
    """What a client asked."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Answer:
    """What it is told. `cut` closes the connection after so many bytes of the body."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    cut: int | None = None


#: Takes a request and the way to moto, and answers.
Rule = Callable[[Request, Callable[[Request], Answer]], Answer]


class AwsLayer(ThreadingHTTPServer):
    """Passes requests on to moto, through `rule` where a test sets one; remembers what was asked."""

    daemon_threads = True

    def __init__(self, moto_port: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.moto_port = moto_port
        self.rule: Rule | None = None
        self.requests: list[Request] = []

    @property
    def url(self) -> str:
        """Its address, for AWS_ENDPOINT_URL."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def pass_on(self, request: Request) -> Answer:
        """What moto says."""
        connection = http.client.HTTPConnection("127.0.0.1", self.moto_port, timeout=20)
        try:
            # A rule may have changed the body: its length is counted anew.
            sent = {name: text for name, text in request.headers.items() if name.lower() != "content-length"}
            connection.request(request.method, request.path, request.body, sent)
            response = connection.getresponse()
            body = response.read()
            dropped = {"content-length", "transfer-encoding", "connection", "server", "date"}
            headers = {name: value for name, value in response.getheaders() if name.lower() not in dropped}
            if request.method == "HEAD":
                headers["Content-Length"] = response.headers.get("content-length", "0")
            return Answer(response.status, headers, body)
        finally:
            connection.close()

    def asked(self, method: str, part: str = "") -> list[Request]:
        """Requests of a method whose path holds `part`."""
        return [one for one in self.requests if one.method == method and part in one.path]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: AwsLayer

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        request = Request(self.command, self.path, dict(self.headers), body)
        self.server.requests.append(request)
        rule = self.server.rule
        answer = rule(request, self.server.pass_on) if rule else self.server.pass_on(request)
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if "Content-Length" not in answer.headers:
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body if answer.cut is None else answer.body[: answer.cut])
        if answer.cut is not None:
            self.close_connection = True

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _serve

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


@contextmanager
def moto_server() -> Iterator[int]:
    """moto's server in this process; gives its port."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        yield server.get_host_and_port()[1]
    finally:
        server.stop()


@contextmanager
def aws_layer(moto_port: int) -> Iterator[AwsLayer]:
    """The layer, running."""
    layer = AwsLayer(moto_port)
    thread = threading.Thread(target=layer.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield layer
    finally:
        layer.shutdown()
        layer.server_close()


def environment(monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    """What a client of AWS finds in its environment; nothing of this machine's own."""
    for name, value in {**ENVIRONMENT, "AWS_SESSION_TOKEN": SESSION, "AWS_ENDPOINT_URL": endpoint}.items():
        monkeypatch.setenv(name, value)
    for name in (
        "AWS_PROFILE",
        "AWS_DEFAULT_PROFILE",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "http_proxy",
        "https_proxy",
    ):
        monkeypatch.delenv(name, raising=False)
