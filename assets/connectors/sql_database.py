"""One configured database: how it is reached, what may pass and is tried again, and errors that a person reads."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from assets.connectors.remote import RetryPolicy, SourceError, TransientError, hide
from assets.connectors.sql_recording import PlayedSession, RecordedSession, Recorder
from assets.connectors.sql_sessions import LiveSession, Session, snapshot
from assets.connectors.sql_settings import SqlSource
from assets.connectors.tape import Tape

_SECRET_OPTION = re.compile(r"pass|token|secret|key", re.IGNORECASE)
Answer = TypeVar("Answer")


class Database:
    """A database, or the recording of one in its place. Opens nothing before it is asked; to be closed.

    Raises `SourceError` when its address is of no use. `dialect` is known from the first question on.
    """

    def __init__(self, source: SqlSource, tape: Tape | None = None) -> None:
        self._source = source
        self._tape = tape
        self._engine = None if tape is not None and tape.is_played else self._opened()
        self.dialect = "" if self._engine is None else self._engine.dialect.name

    @property
    def identity(self) -> list[str | int | None]:
        """What tells it from others: of the address all but what is secret."""
        if self._engine is None:
            return []
        url = self._engine.url
        return [url.drivername, url.username, url.host, url.port, url.database]

    def close(self) -> None:
        """Let its connections go."""
        if self._engine is not None:
            self._engine.dispose()

    def ask(self, table: str, retries: RetryPolicy, ask: Callable[[Session], Answer]) -> Answer:
        """What `ask` gives of one state of the data; what may pass is tried again. Raises `SourceError`."""

        def explain(error: sa.exc.SQLAlchemyError) -> SourceError | TransientError:
            return self._explained(error, table)

        def once() -> Answer:
            try:
                with self._session(explain) as session:
                    return ask(session)
            except sa.exc.SQLAlchemyError as error:
                raise explain(error) from None

        try:
            return retries.call(once)
        except TransientError as error:
            raise self.error(
                f"no answer after {retries.attempts} tries ({error.problem})",
                f"see whether the database is up and the address in {self._source.url_env} is right",
            ) from None

    def error(self, problem: str, fix: str) -> SourceError:
        """A `SourceError` of this source."""
        return SourceError(self._source.name, problem, fix)

    @contextmanager
    def _session(
        self, explain: Callable[[sa.exc.SQLAlchemyError], SourceError | TransientError]
    ) -> Iterator[Session]:
        if self._engine is None:
            assert self._tape is not None
            played = PlayedSession(self._tape, self._source.name)
            self.dialect = played.dialect
            yield played
            return
        recorder = None if self._tape is None else Recorder(self._tape, self._hide, self._place, explain)
        with ExitStack() as stack:
            try:
                connection = stack.enter_context(snapshot(self._engine))
            except sa.exc.SQLAlchemyError as error:
                if recorder is not None:
                    recorder.refused(error)
                raise
            live = LiveSession(connection)
            yield live if recorder is None else RecordedSession(live, recorder)

    def _opened(self) -> Engine:
        variable = self._source.url_env
        url = os.environ.get(variable, "").strip()
        if not url:
            raise self.error(
                f"environment variable {variable} is not set", f"export {variable}=<SQLAlchemy URL>"
            )
        try:
            return sa.create_engine(url, poolclass=sa.NullPool, hide_parameters=True)
        except ModuleNotFoundError as error:
            raise self.error(
                f"the driver {error.name} is not installed", f"pip install {error.name}"
            ) from None
        except (sa.exc.ArgumentError, ValueError):
            # Their messages may quote the address.
            problem = f"{variable} holds no usable SQLAlchemy address"
            raise self.error(problem, "write it as dialect+driver://user:password@host/database") from None

    def _explained(self, error: sa.exc.SQLAlchemyError, table: str) -> SourceError | TransientError:
        """What an error means: asked again, it may pass, or somebody has to do something."""
        cause = getattr(error, "orig", None) or error
        first = (str(cause).strip().splitlines() or [type(error).__name__])[0]
        message = self._hide(f"{type(error).__name__}: {first}")[:300]
        if isinstance(error, sa.exc.DBAPIError) and (
            error.connection_invalidated or isinstance(error, sa.exc.OperationalError)
        ):
            return TransientError(message)
        return self.error(message, f"check table, query and columns of tables.{table}")

    @property
    def _place(self) -> tuple[str, ...]:
        """Where the database is and who reads it: no secret, but nothing that a recording needs."""
        assert self._engine is not None
        url = self._engine.url
        return tuple(part for part in (url.host, url.username, url.database) if part)

    def _hide(self, text: str) -> str:
        """The text without the address and anything secret in it."""
        assert self._engine is not None
        url = self._engine.url
        options = [str(value) for name, value in url.query.items() if _SECRET_OPTION.search(name)]
        return hide(text, url.render_as_string(hide_password=False), str(url.password or ""), *options)
