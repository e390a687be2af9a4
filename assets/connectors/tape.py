"""Recordings of what was asked of a source and what it answered, to be played again without it.

One JSON-lines file a source, an exchange a line: an HTTP request and its response, a statement with its bound values
and the rows that came, or a file and what is in it. Secrets are replaced by ***, headers of questions and everything
of the sign-in are left out, and the server's address is replaced. What the source's rows say stays as it is.
"""

from __future__ import annotations

import json
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx

from assets.connectors.remote import SourceError

#: Stands for the server's address in a recording.
ADDRESS = "https://recorded.example"
#: What is the question in an exchange; all else is its answer.
_QUESTION = ("method", "target", "body", "statement", "parameters")
_KEPT = ("content-type", "link", "x-total-count", "retry-after", "date", "content-range")


class Tape:
    """A recording that is made (`Tape.new`) or played (`Tape.of`)."""

    def __init__(self, path: Path, exchanges: list[dict[str, Any]] | None) -> None:
        self._path = path
        self._left: dict[str, deque[dict[str, Any]]] | None = None
        if exchanges is not None:
            self._left = defaultdict(deque)
            for one in exchanges:
                self._left[_key(one)].append(one)

    @staticmethod
    def new(folder: Path, source: str) -> Tape:
        """A recording to be made; one of that name must not exist."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{source}.jsonl"
        with path.open("x", encoding="utf-8"):
            return Tape(path, None)

    @staticmethod
    def of(folder: Path, source: str) -> Tape:
        """A recording to be played. Raises `SourceError` when there is none."""
        path = folder / f"{source}.jsonl"
        if not path.exists():
            raise SourceError(source, f"{path}: no such recording", "record this source, or leave it out")
        return Tape(path, [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()])

    @property
    def is_played(self) -> bool:
        """True when answers come from here."""
        return self._left is not None

    def keep(self, exchange: Mapping[str, Any], hide: Callable[[str], str]) -> None:
        """Add one exchange; `hide` is given its text as JSON."""
        line = hide(json.dumps(exchange, ensure_ascii=False))
        with self._path.open("a", encoding="utf-8") as stream:
            stream.write(line + "\n")

    def next(self, source: str, question: Mapping[str, Any], shown: str) -> dict[str, Any]:
        """The next exchange of this question. Raises `SourceError` when there is none left."""
        assert self._left is not None
        waiting = self._left[_key(question)]
        if not waiting:
            raise SourceError(
                source,
                f"the recording holds no answer to {shown}"[:400],
                "play it with the configuration and the days with which it was made",
            )
        return waiting.popleft()

    def keep_http(
        self,
        method: str,
        target: str,
        question: Mapping[str, Any],
        response: httpx.Response,
        address: str,
        hide: Callable[[str], str],
    ) -> None:
        """Add a request and its response."""
        headers = {name: response.headers[name] for name in _KEPT if name in response.headers}
        exchange = {
            **_asked(method, target, question),
            "status": response.status_code,
            "headers": headers,
            "text": response.text,
        }
        # Secrets first: one may be part of the address as JSON writes it.
        self.keep(exchange, lambda line: hide(line).replace(address, ADDRESS))

    def answer_http(
        self, source: str, method: str, target: str, question: Mapping[str, Any], address: str
    ) -> httpx.Response:
        """The next response that was given to this request. Raises `SourceError` when there is none left."""
        asked = json.loads(json.dumps(_asked(method, target, question)).replace(address, ADDRESS))
        one = self.next(source, asked, f"{asked['target']} {asked['body']}")
        return httpx.Response(
            one["status"],
            headers={name: text.replace(ADDRESS, address) for name, text in one["headers"].items()},
            content=one["text"].replace(ADDRESS, address).encode(),
        )


def _asked(method: str, target: str, question: Mapping[str, Any]) -> dict[str, Any]:
    params = question.get("params")
    return {
        "method": method,
        "target": target + (f"?{urlencode(params)}" if params else ""),
        "body": question.get("json") or question.get("data"),
    }


def _key(exchange: Mapping[str, Any]) -> str:
    return json.dumps([exchange.get(name) for name in _QUESTION], sort_keys=True)
