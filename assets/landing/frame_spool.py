"""Pages of rows that come as columns, durable before the next is asked for: a killed run goes on where it stood.

A spool holds one question in parts, such as days. A page is one Arrow file with its rows, the cursor behind them, and
how many rows the source announced; so they are there together or not at all.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import pyarrow as pa

from assets.landing.plain_values import plain, value_of
from assets.landing.spool_folder import SpoolBusyError, SpoolFolder

__all__ = ["FrameSpool", "Part", "SpoolBusyError"]

_HEAD = b"ullage"


class FrameSpool:
    """The parts of one question. A context manager that holds a lock; `remove` it when all has landed.

    Raises `SpoolBusyError` when another process has it open.
    """

    def __init__(self, root: Path, question: str) -> None:
        self._folder = SpoolFolder(root, question)

    def __enter__(self) -> FrameSpool:
        self._folder.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._folder.__exit__(kind, error, trace)

    def part(self, name: str) -> Part:
        """One part with the pages that are already there."""
        return Part(self._folder, name)

    def remove(self) -> None:
        """Forget the question: all of it has landed."""
        self._folder.remove()


class Part:
    """The pages of one part. `last` is the cursor behind the last page.

    `resumed_pages` of them an earlier run has left; the others and their rows were `fetched`.
    """

    def __init__(self, folder: SpoolFolder, name: str) -> None:
        self._folder = folder
        self._name = name
        self._files: list[Path] = []
        self.rows = 0
        self.last: tuple[Any, ...] | None = None
        self.is_complete = False
        while (path := folder.path / self._file(len(self._files) + 1)).exists():
            self._index(path)
        if self._files and self.last is None and not self.is_complete:
            self.clear()
        self.resumed_pages = self.pages
        self.fetched_pages = self.fetched_rows = 0

    @property
    def pages(self) -> int:
        """How many pages are there."""
        return len(self._files)

    def append(self, frame: pa.Table, last: Sequence[Any] | None, *, is_last: bool) -> None:
        """Make a page durable. Its rows count from then on."""
        head = {"last": None if last is None else _written(last), "is_last": is_last}
        marked = frame.replace_schema_metadata({_HEAD: json.dumps(head).encode()})
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, marked.schema) as writer:
            writer.write_table(marked)
        self._index(self._folder.write(self._file(self.pages + 1), [memoryview(sink.getvalue())]))
        # A value that has no text is gone on from within this run.
        self.last = None if last is None else tuple(last)
        self.fetched_pages += 1
        self.fetched_rows += frame.num_rows

    def frame(self) -> pa.Table:
        """The rows of all pages. There is at least one page."""
        tables = [_read(path) for path in self._files]
        # One chunk: what the frame weighs and hashes to must not tell how it came.
        return pa.concat_tables(table.replace_schema_metadata(None) for table in tables).combine_chunks()

    def clear(self) -> None:
        """Begin the part anew."""
        for path in reversed(self._files):
            path.unlink()
        self._files, self.rows, self.last, self.is_complete = [], 0, None, False
        self.resumed_pages = 0

    def _file(self, number: int) -> str:
        return f"{self._name}.{number:06d}.page"

    def _index(self, path: Path) -> None:
        table = _read(path)
        head = json.loads(table.schema.metadata[_HEAD])
        self._files.append(path)
        self.rows += table.num_rows
        self.last = None if head["last"] is None else tuple(value_of(one) for one in head["last"])
        self.is_complete = head["is_last"]


def _read(path: Path) -> pa.Table:
    with pa.memory_map(str(path)) as source:
        return pa.ipc.open_stream(source).read_all()


def _written(cursor: Sequence[Any]) -> list[Any] | None:
    """A cursor as JSON; None when a value of it has no text that gives it back."""
    try:
        return [plain(value) for value in cursor]
    except TypeError:
        return None
