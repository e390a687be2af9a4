"""What every connector gives to landing: batches of raw rows, or inputs that it had to refuse."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Annotated, Protocol

import pyarrow as pa
from pydantic import StringConstraints

from assets.landing.declaration import Declaration

#: Name of a source in the configuration. It names folders, so it holds no separator and no dot.
SourceName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
#: Says whether a batch with this content is already landed: `(batch_id, fingerprint) -> bool`.
IsLanded = Callable[[str, str], bool]


class UnusableInput(Exception):
    """A whole input that cannot be read as declared. `reason` says what and where, `fix` what to do."""

    def __init__(self, reason: str, fix: str) -> None:
        super().__init__(f"{reason}; fix: {fix}")
        self.reason = reason
        self.fix = fix


@dataclass(frozen=True)
class Window:
    """UTC days from `start` to `end`, both included."""

    start: date
    end: date

    def __post_init__(self) -> None:
        if self.start > self.end:
            raise ValueError(f"window starts on {self.start} after its end {self.end}; fix: swap the dates")


@dataclass(frozen=True)
class BrokenRow:
    """A row that could not be split into cells or decoded; it counts as received and goes to quarantine.

    `text` is the row as far as it can be shown (bytes that are no text stand as \\xNN).
    """

    source_row: int
    text: str
    reason: str
    fix: str
    field: str | None = None


@dataclass(frozen=True)
class Batch:
    """One unit of extraction: a file, a (query, day) window, or a snapshot, with its raw rows.

    `frame` has the source's own columns, as text or in the source's types, one row a source row (wide ones
    are not yet stacked); landing maps, casts and checks them. `source_rows` numbers its rows from 1 (None:
    1..n without gaps). `batch_id` is stable: the same file or window again has the same. `query` and
    `input_path` hold no secret. `version_fingerprint` is another name for the same content, by which the
    source tells without sending it that nothing changed.
    """

    source: str
    table: str
    batch_id: str
    frame: pa.Table
    declaration: Declaration
    input_path: str
    input_sha256: str
    input_bytes: int
    query: str | None = None
    window: Window | None = None
    source_rows: pa.Array | None = None
    broken: tuple[BrokenRow, ...] = ()
    local_path: Path | None = None
    warnings: tuple[str, ...] = field(default=())
    version_fingerprint: str | None = None
    when_landed: Callable[[], None] | None = field(default=None, repr=False, compare=False)

    def landed(self) -> None:
        """Tell the connector that the batch is safe: it has a receipt, or was refused and kept."""
        if self.when_landed is not None:
            self.when_landed()

    @property
    def fingerprint(self) -> str:
        """What `is_landed` is asked with."""
        return fingerprint(self.input_sha256, self.declaration)


@dataclass(frozen=True)
class RejectedInput:
    """A whole input that cannot land: it goes to quarantine as it is, and the rest of the load goes on.

    `local_path` is the file to keep; an input that is no file gives its raw `frame` instead, or neither.
    """

    source: str
    table: str
    batch_id: str
    input_path: str
    reason: str
    fix: str
    input_sha256: str | None = None
    input_bytes: int | None = None
    local_path: Path | None = None
    frame: pa.Table | None = None

    @property
    def message(self) -> str:
        """One line for a person."""
        return f"{self.reason}; fix: {self.fix}"


class Connector(Protocol):
    """One configured source."""

    @property
    def name(self) -> str:
        """Name of the source in the configuration."""

    def tables(self) -> list[str]:
        """Contract tables that this source feeds."""

    def batches(self, table: str, window: Window, is_landed: IsLanded) -> Iterator[Batch | RejectedInput]:
        """Batches of `table` that touch `window` and are not landed yet, in a stable order.

        A connector may yield a batch that is landed already (landing skips it), and leaves out one for which
        `is_landed(batch_id, fingerprint)` is true when that saves work.
        """


def fingerprint(input_sha256: str, declaration: Declaration) -> str:
    """SHA-256 of an input's bytes together with how they are read."""
    return hashlib.sha256(f"{input_sha256}\n{declaration.digest}".encode()).hexdigest()


def frame_digest(frame: pa.Table) -> str:
    """SHA-256 of a raw frame's schema and rows, for inputs that are not files."""
    sink = _Hashing(str(frame.schema.remove_metadata()).encode())
    with (
        pa.PythonFile(sink, "w") as stream,
        pa.ipc.new_stream(stream, frame.schema.remove_metadata()) as writer,
    ):
        # One chunk, whatever the chunks that rows came in: the digest depends on content only.
        writer.write_table(frame.combine_chunks().replace_schema_metadata(None))
    return sink.digest.hexdigest()


def rows_digest(frame: pa.Table, broken: Iterable[BrokenRow]) -> str:
    """SHA-256 of a raw frame together with the rows that are in none."""
    digest = hashlib.sha256(frame_digest(frame).encode())
    for row in broken:
        digest.update(f"{row.source_row}\t{row.text}\n".encode())
    return digest.hexdigest()


class _Hashing:
    """A file that keeps nothing but the SHA-256 of what was written to it."""

    closed = False

    def __init__(self, head: bytes) -> None:
        self.digest = hashlib.sha256(head)

    def write(self, data: bytes) -> int:
        """Take it into account."""
        self.digest.update(data)
        return len(data)

    def flush(self) -> None:
        """Nothing waits."""

    def close(self) -> None:
        """Nothing is open."""


def expand(text: str, base_dir: Path) -> Path:
    """A configured path with `${NAME}` replaced from the environment, relative to `base_dir`.

    Raises `ValueError` naming a variable that is not set.
    """

    def value(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in os.environ:
            raise ValueError(f"path {text!r}: environment variable {name} is not set; fix: export {name}=…")
        return os.environ[name]

    path = Path(re.sub(r"\$\{(\w+)\}", value, text)).expanduser()
    return path if path.is_absolute() else base_dir / path


def shown_path(path: Path, root: Path, base_dir: Path) -> str:
    """The name under which receipts know a file: the same on every machine.

    Relative to `base_dir` (the configuration file's folder) when inside it, else to the folder that holds
    `root`, the fixed part of the configured path. Always with forward slashes; links are not followed.
    """
    path, root, base = (Path(os.path.abspath(item)) for item in (path, root, base_dir))  # noqa: PTH100
    start = base if path.is_relative_to(base) else root.parent
    return path.relative_to(start).as_posix() if path.is_relative_to(start) else path.as_posix()
