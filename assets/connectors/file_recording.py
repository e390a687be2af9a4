"""Files that are recorded, and recordings in their place. See `tape`.

`files` stands for what was found of a table, `file` for each of them: how it is declared and what is in it, unpacked,
or why it was refused. Secrets are taken out of texts: values of variables that hold some, and those in addresses.
"""

from __future__ import annotations

import base64
import io
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from assets.connectors.base import Batch, RejectedInput, UnusableInput
from assets.connectors.object_stores import secrets_of_the_environment
from assets.connectors.remote import SourceError
from assets.connectors.tape import Tape
from assets.connectors.traffic import Traffic
from assets.connectors.unpacking import compression, opened, pieces
from assets.landing.parsing import is_text

#: More than this of one file, unpacked, is on no recording: it is to be looked through and sent.
MAX_BYTES = 256 * 2**20
#: Names and passwords in addresses, and what signs or opens one.
_IN_ADDRESS = (
    (rb"://[^/\s@\"']+@", b"://***@"),
    (
        rb"(?i)([?&](?:X-Amz-[a-z-]+|sig|signature|token|access_token|api_?key|key|password)=)[^&\s\"'<>,;]+",
        rb"\1***",
    ),
)
Read = Callable[[str, Path, dict[str, Any]], Batch | RejectedInput]


class FileRecorder:
    """Keeps what was found of one table of a source."""

    def __init__(self, tape: Tape, table: str, paths: tuple[str, ...]) -> None:
        self._tape = tape
        self._table = table
        self._paths = paths
        self._found: list[str] = []

    def kept(
        self, items: Iterable[Batch | RejectedInput], traffic: Traffic
    ) -> Iterator[Batch | RejectedInput]:
        """The items as they come, each kept, and at the end what was exchanged. Raises what they raise, kept too."""
        try:
            for item in items:
                self.keep(item)
                yield item
        except SourceError as error:
            self.end(traffic, error)
            raise
        self.end(traffic)

    def keep(self, item: Batch | RejectedInput) -> None:
        """A file as it is to land, or refused."""
        shown = _hidden(item.batch_id)
        self._found.append(shown)
        line: dict[str, Any] = {"statement": "file", "parameters": {"table": self._table, "path": shown}}
        if isinstance(item, Batch):
            line |= {
                "declaration": _hidden(item.declaration.model_dump(mode="json", exclude_unset=True)),
                "sha256": item.input_sha256,
                "bytes": item.input_bytes,
                "version": item.version_fingerprint,
            }
        else:
            line |= {"reason": _hidden(item.reason), "fix": _hidden(item.fix)}
        if item.local_path is not None:
            line |= _content(item.local_path, shown)
        self._keep(line)

    def end(self, traffic: Traffic, error: SourceError | None = None) -> None:
        """Everything was found, or the search ended by an error."""
        said = {} if error is None else {"problem": _hidden(error.problem), "fix": _hidden(error.fix)}
        line = _question(self._table, self._paths)
        self._keep({**line, "files": self._found, "traffic": traffic.to_dict(), **said})

    def _keep(self, line: dict[str, Any]) -> None:
        # Hidden text by text: in a line of JSON a secret of digits would spoil a number.
        self._tape.keep(line, lambda text: text)


class PlayedFiles:
    """The files of a table as they were found; `traffic` is what was exchanged then.

    Raises `SourceError` for what was not recorded.
    """

    def __init__(self, tape: Tape, source: str, table: str, paths: tuple[str, ...]) -> None:
        self._tape = tape
        self._source = source
        self._table = table
        self._found = tape.next(source, _question(table, paths), f"{table} {', '.join(paths)}")
        self.traffic = Traffic(**self._found["traffic"])

    def files(self, read: Read) -> Iterator[Batch | RejectedInput]:
        """Each in turn; `read` is given its name, where it is, and what else was kept of it.

        Raises `SourceError` where the recorded run did, and for a file whose content is not on the recording.
        """
        with tempfile.TemporaryDirectory(prefix="ullage-") as folder:
            for shown in self._found["files"]:
                yield self._file(shown, Path(folder), read)
        if "problem" in self._found:
            raise SourceError(self._source, self._found["problem"], self._found["fix"])

    def _file(self, shown: str, folder: Path, read: Read) -> Batch | RejectedInput:
        question = {"statement": "file", "parameters": {"table": self._table, "path": shown}}
        line = self._tape.next(self._source, question, shown)
        path = _written(line, folder)
        if "reason" in line:
            said = line["reason"], line["fix"]
            return RejectedInput(self._source, self._table, shown, shown, *said, local_path=path)
        if path is None:
            problem = f"{shown}: what is in it is not on the recording (more than 256 MiB, or secrets in it)"
            raise SourceError(self._source, problem, "record the source again with a part of the file")
        return read(shown, path, line)


def hide_secrets(content: bytes) -> bytes:
    """The content without values of variables that hold secrets, and without those that stand in addresses."""
    for secret in secrets_of_the_environment():
        content = content.replace(secret.encode(), b"***")
    for pattern, instead in _IN_ADDRESS:
        content = re.sub(pattern, instead, content)
    return content


def _hidden(given: Any) -> Any:
    """The same without secrets in its texts."""
    if isinstance(given, str):
        return hide_secrets(given.encode()).decode()
    if isinstance(given, dict):
        return {name: _hidden(one) for name, one in given.items()}
    return [_hidden(one) for one in given] if isinstance(given, list) else given


def _question(table: str, paths: tuple[str, ...]) -> dict[str, Any]:
    # As configured, before variables are put in: they may have other values elsewhere.
    return {"statement": "files", "parameters": {"table": table, "paths": list(paths)}}


def _content(path: Path, shown: str) -> dict[str, Any]:
    """What is in a file, without secrets, and the ending of a name by which it is read. Nothing of one that cannot be
    looked through: damaged, too large, or no text and no Parquet."""
    kind = compression(path.name)
    try:
        with opened(path, shown) as stream:
            content = b"".join(_limited(pieces(stream, shown)))
    except (UnusableInput, OSError):
        return {}
    suffix = path.name.removesuffix(path.suffix) if kind else path.name
    suffix = "".join(Path(suffix).suffixes[-1:])
    if content.startswith(b"PAR1"):
        table = _without_secrets(content)
        return {} if table is None else {"suffix": suffix, "base64": base64.b64encode(table).decode()}
    content = hide_secrets(content)
    try:
        return {"suffix": suffix, "text": content.decode("utf-8")}
    except UnicodeDecodeError:
        return {"suffix": suffix, "base64": base64.b64encode(content).decode()}


def _limited(found: Iterator[bytes]) -> Iterator[bytes]:
    size = 0
    for piece in found:
        size += len(piece)
        if size > MAX_BYTES:
            raise UnusableInput("is too large for a recording", "record a part of it")
        yield piece


def _without_secrets(content: bytes) -> bytes | None:
    """A Parquet file, written anew when texts in it hold secrets; None where they cannot be taken out of it."""
    try:
        table = pq.read_table(io.BytesIO(content))
    except (pa.ArrowException, OSError):
        return None
    changed = False
    for number, field in enumerate(table.schema):
        if pa.types.is_nested(field.type) or pa.types.is_binary(field.type):
            if _holds_secrets(table.column(number)):
                return None
            continue
        kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        if not is_text(kind):
            continue
        before = table.column(number).cast(pa.string())
        words = pc.unique(before)
        hidden = [
            None if word is None else hide_secrets(word.encode()).decode() for word in words.to_pylist()
        ]
        if hidden != words.to_pylist():
            after = pa.array(hidden, pa.string()).take(pc.index_in(before, words)).cast(kind)
            table, changed = table.set_column(number, field.name, after), True
    if not changed:
        return content
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


def _holds_secrets(column: pa.ChunkedArray) -> bool:
    text = repr(column.to_pylist()).encode()
    return hide_secrets(text) != text


def _written(line: dict[str, Any], folder: Path) -> Path | None:
    if "text" not in line and "base64" not in line:
        return None
    path = folder / f"input{line['suffix']}"
    path.write_bytes(line["text"].encode() if "text" in line else base64.b64decode(line["base64"]))
    return path
