"""Recordings of what was asked of a source and what it answered, to be played again without it.

One JSON-lines file a source, an exchange a line. Secrets are replaced by ***, headers of questions and everything of
the sign-in are left out, and the server's address is replaced. What the source's rows say stays as it is.
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

    def keep(
        self,
        method: str,
        target: str,
        question: Mapping[str, Any],
        response: httpx.Response,
        address: str,
        hide: Callable[[str], str],
    ) -> None:
        """Add one exchange."""
        headers = {name: response.headers[name] for name in _KEPT if name in response.headers}
        exchange = {
            **_asked(method, target, question),
            "status": response.status_code,
            "headers": headers,
            "text": response.text,
        }
        # Secrets first: one may be part of the address as JSON writes it.
        line = hide(json.dumps(exchange, ensure_ascii=False)).replace(address, ADDRESS)
        with self._path.open("a", encoding="utf-8") as stream:
            stream.write(line + "\n")

    def answer(
        self, source: str, method: str, target: str, question: Mapping[str, Any], address: str
    ) -> httpx.Response:
        """The next answer that was given to this question. Raises `SourceError` when there is none left."""
        assert self._left is not None
        asked = json.loads(json.dumps(_asked(method, target, question)).replace(address, ADDRESS))
        waiting = self._left[_key(asked)]
        if not waiting:
            raise SourceError(
                source,
                f"the recording holds no answer to {asked['target']} {asked['body']}"[:400],
                "play it with the configuration and the days with which it was made",
            )
        one = waiting.popleft()
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


def _key(asked: Mapping[str, Any]) -> str:
    return json.dumps([asked["method"], asked["target"], asked["body"]], sort_keys=True)
