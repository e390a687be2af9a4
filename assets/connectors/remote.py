"""What connectors to servers share: the error that a person reads, and bounded retries."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt

Answer = TypeVar("Answer")


class SourceError(RuntimeError):
    """A server that could not be read. Nothing of the batch in hand lands; a later run asks for it again."""

    def __init__(self, source: str, problem: str, fix: str) -> None:
        super().__init__(f"source {source}: {problem}; fix: {fix}")
        self.source = source
        self.problem = problem
        self.fix = fix


class NotThereError(SourceError):
    """What was asked for does not exist at the source (any more)."""


class ForbiddenError(SourceError):
    """The account lacks the right to what was asked for."""


class TransientError(Exception):
    """A failure that may pass: the same question again may be answered."""

    def __init__(
        self, problem: str, retry_after_seconds: float | None = None, *, is_unreachable: bool = False
    ) -> None:
        super().__init__(problem)
        self.problem = problem
        self.retry_after_seconds = retry_after_seconds
        self.is_unreachable = is_unreachable


class SignedOutError(Exception):
    """What proved who one is, is no longer accepted, said inside an answer whose status is 200."""


@dataclass(frozen=True)
class RetryPolicy:
    """At most `attempts` tries; waits double from `first_wait_seconds`, or follow the server's Retry-After.

    No wait is longer than `longest_wait_seconds`: a server that asks for more is given up for this run.
    """

    attempts: int = 5
    first_wait_seconds: float = 1.0
    longest_wait_seconds: float = 60.0
    sleep: Callable[[float], None] = time.sleep

    def call(self, ask: Callable[[], Answer]) -> Answer:
        """The answer of `ask`. Raises the last `TransientError` when no try succeeds, others at once."""
        retrying = Retrying(
            retry=retry_if_exception_type(TransientError),
            stop=lambda state: stop_after_attempt(self.attempts)(state) or self._asks_for_too_much(state),
            wait=self._wait,
            sleep=self.sleep,
            reraise=True,
        )
        return retrying(ask)

    def _wait(self, state: RetryCallState) -> float:
        told = _told(state)
        doubled = self.first_wait_seconds * 2.0 ** (state.attempt_number - 1)
        return min(doubled if told is None else told, self.longest_wait_seconds)

    def _asks_for_too_much(self, state: RetryCallState) -> bool:
        told = _told(state)
        return told is not None and told > self.longest_wait_seconds


def _told(state: RetryCallState) -> float | None:
    error = state.outcome.exception() if state.outcome is not None else None
    return error.retry_after_seconds if isinstance(error, TransientError) else None


def hide(text: str, *secrets: str | None) -> str:
    """`text` with every secret replaced by `***`."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, "***")
    return text
