"""Answers to the questions of one run, each durable before the next is asked: a killed run does not ask them again.

For sources whose questions follow from the days asked for and the answers before, and hold no cursor: the next run
asks the same questions and finds the answers here until it comes to the first that is missing.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import pyarrow as pa

from assets.landing.spool_folder import SpoolFolder

_SIZE_BYTES = 8


class Answers:
    """Answers by the text of their question. Without a folder none is kept."""

    def __init__(self, folder: SpoolFolder | None) -> None:
        self._folder = folder

    def kept(self, question: str) -> bytes | None:
        """The answer that a run before left; None when it is to be asked for."""
        path = self._path(question)
        if path is None or not path.exists():
            return None
        content = path.read_bytes()
        size = int.from_bytes(content[:_SIZE_BYTES], "big")
        found: bytes = pa.decompress(memoryview(content)[_SIZE_BYTES:], size, codec="zstd", asbytes=True)
        return found

    def keep(self, question: str, answer: bytes) -> None:
        """Make an answer durable."""
        path = self._path(question)
        if self._folder is not None and path is not None:
            size = len(answer).to_bytes(_SIZE_BYTES, "big")
            self._folder.write(path.name, [size, pa.compress(answer, codec="zstd", asbytes=True)])

    def _path(self, question: str) -> Path | None:
        if self._folder is None:
            return None
        return self._folder.path / f"{hashlib.sha256(question.encode()).hexdigest()[:32]}.answer"
