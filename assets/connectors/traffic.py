"""What passes between us and a source: counted for the person who runs it, limited for the source's sake."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Protocol, runtime_checkable

from assets.connectors.remote import RetryPolicy


@dataclass
class Traffic:
    """What was exchanged with a source since the counting began. Bytes are of bodies, unpacked."""

    pages: int = 0
    rows: int = 0
    bytes: int = 0
    retries: int = 0
    waited_seconds: float = 0.0
    resumed_pages: int = 0

    def line(self) -> str:
        """One line for a person."""
        resumed = f", {self.resumed_pages:,} pages kept from a run before" if self.resumed_pages else ""
        return (
            f"{self.pages:,} pages, {self.rows:,} rows, {self.bytes:,} bytes, "
            f"{self.retries} retries, {self.waited_seconds:.1f} s waited{resumed}"
        )

    def to_dict(self) -> dict[str, float]:
        """Plain values, ready for metadata."""
        return asdict(self)

    def counting(self, retries: RetryPolicy) -> RetryPolicy:
        """The same policy, its retries and waits counted here."""

        def sleeping(seconds: float) -> None:
            self.retries += 1
            self.waited_seconds += seconds
            retries.sleep(seconds)

        return replace(retries, sleep=sleeping)


@runtime_checkable
class CountingConnector(Protocol):
    """A connector that counts what it exchanges."""

    @property
    def traffic(self) -> Traffic:
        """What was exchanged for the table read last."""


@dataclass
class Breaker:
    """Gives a source up after `limit` questions in a row that failed all their tries, for `rest_seconds`."""

    limit: int = 3
    rest_seconds: float = 300.0
    clock: Callable[[], float] = time.monotonic
    _failed: int = 0
    _opened_at: float = 0.0

    @property
    def is_open(self) -> bool:
        """True while nothing should be asked."""
        return self._failed >= self.limit and self.clock() < self._opened_at + self.rest_seconds

    def note(self, *, answered: bool) -> None:
        """Count a question."""
        self._failed = 0 if answered else self._failed + 1
        self._opened_at = self.clock()


@dataclass
class Bucket:
    """A token bucket of one request: `rate` a second (None: as fast as answers come)."""

    rate: float | None
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    _free_at: float = 0.0

    def wait(self) -> float:
        """Sleep until the next request may go out. Gives the seconds slept."""
        if self.rate is None:
            return 0.0
        now = self.clock()
        seconds = max(self._free_at - now, 0.0)
        self._free_at = max(self._free_at, now) + 1 / self.rate
        if seconds:
            self.sleep(seconds)
        return seconds
