"""Opens a file that may be compressed, by its name, and never unpacks without end."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from assets.connectors.base import UnusableInput

#: Decompressed size above which a file is refused: a few kilobytes may unpack to terabytes.
MAX_TEXT_BYTES = 8 * 2**30
RESEND = "deliver the file again, written under another name and renamed when complete"
_KINDS = {".gz": "gzip", ".bz2": "bzip2", ".xz": "xz", ".zst": "zstd"}
_DAMAGED = (EOFError, zlib.error, lzma.LZMAError)


def compression(name: str) -> str | None:
    """How a file of this name is compressed (`gzip`, `bzip2`, `xz`, `zstd`), None when it is not."""
    return next((kind for suffix, kind in _KINDS.items() if name.endswith(suffix)), None)


@contextmanager
def opened(path: Path, shown: str) -> Iterator[IO[bytes]]:
    """The file's own bytes, unpacked. Raises `UnusableInput` when the compressed stream is not whole."""
    kind = compression(path.name)
    if kind is None:
        with path.open("rb") as stream:
            yield stream
        return
    try:
        with _unpacking(path, kind) as stream:
            yield stream
    except (*_DAMAGED, OSError) as error:
        # The operating system numbers its errors; the unpackers do not.
        if isinstance(error, OSError) and error.errno is not None:
            raise
        detail = " ".join(str(error).split())[:200]
        reason = f"{shown}: the {kind} stream is damaged or cut short ({detail})"
        raise UnusableInput(reason, RESEND) from error


def _unpacking(path: Path, kind: str) -> Any:
    if kind == "gzip":
        return gzip.open(path, "rb")
    if kind == "bzip2":
        return bz2.open(path, "rb")
    if kind == "xz":
        return lzma.open(path, "rb")
    return pa.input_stream(str(path), compression="zstd")


def pieces(stream: IO[bytes], shown: str) -> Iterator[bytes]:
    """The stream in pieces of 1 MiB. Raises `UnusableInput` behind `MAX_TEXT_BYTES`."""
    size = 0
    while piece := stream.read(2**20):
        size += len(piece)
        if size > MAX_TEXT_BYTES:
            limit = MAX_TEXT_BYTES // 2**30
            raise UnusableInput(f"{shown}: unpacks to more than {limit} GiB", "deliver it in smaller files")
        yield piece
