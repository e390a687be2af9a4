"""The folder of one question to a source: locked while it is read, its files durable, gone when all has landed."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from assets.durable import sync


class SpoolBusyError(RuntimeError):
    """Another process reads the same table of the same source."""


class SpoolFolder:
    """A context manager that holds a lock on `root`. Another question there than the one before begins anew.

    `path` is the folder of the question's files. Raises `SpoolBusyError` when another process has `root` open.
    """

    def __init__(self, root: Path, question: str) -> None:
        self._root = root
        self._lock = -1
        self.path = root / hashlib.sha256(question.encode()).hexdigest()[:16]

    def __enter__(self) -> SpoolFolder:
        self.path.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(self._root / "lock", os.O_CREAT | os.O_RDWR, 0o644)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            raise SpoolBusyError(f"{self._root}: another run reads this table") from None
        for other in self._root.iterdir():
            if other.is_dir() and other != self.path:
                shutil.rmtree(other)
        for leftover in self.path.glob(".writing-*"):
            leftover.unlink()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._lock)

    def write(self, name: str, parts: Iterable[bytes | memoryview]) -> Path:
        """Make a file durable: it is there whole, or not at all."""
        handle, temporary = tempfile.mkstemp(prefix=".writing-", dir=self.path)
        with os.fdopen(handle, "wb") as stream:
            stream.writelines(parts)
            stream.flush()
            os.fsync(stream.fileno())
        path = self.path / name
        Path(temporary).rename(path)
        sync(self.path)
        return path

    def remove(self) -> None:
        """Forget the question: all of it has landed. Renamed first, so that nobody goes on from a part of it."""
        gone = self.path.with_name(f".gone-{self.path.name}")
        shutil.rmtree(gone, ignore_errors=True)
        if self.path.exists():
            self.path.rename(gone)
            shutil.rmtree(gone, ignore_errors=True)


@dataclass
class Outstanding:
    """Batches given out whose receipts are not written yet; when the last one's is, `finish` is called."""

    finish: Callable[[], None]
    open: int = 0
    is_all: bool = False

    def take(self) -> Callable[[], None]:
        """One more batch; the answer is to be called when it is safe."""
        self.open += 1
        return self._done

    def all_given(self) -> None:
        """No further batch comes."""
        self.is_all = True
        self._finish_if_done()

    def _done(self) -> None:
        self.open -= 1
        self._finish_if_done()

    def _finish_if_done(self) -> None:
        if self.is_all and not self.open:
            self.finish()
