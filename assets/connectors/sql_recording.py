"""Sessions with a database that are recorded, and recordings in their place. See `tape`.

An exchange is a statement without a dialect, its bound values, and the rows as they came; or what the database said
instead. Before a session's first statement stands `connect`, and `describe` for what a table or query looks like.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import sqlalchemy as sa

from assets.connectors.remote import SourceError, TransientError, hide
from assets.connectors.sql_frames import as_text
from assets.connectors.sql_sessions import LiveSession, Rows, Source, query_clause, split_name
from assets.connectors.tape import Tape
from assets.landing.plain_values import plain, value_of

Explain = Callable[[sa.exc.SQLAlchemyError], SourceError | TransientError]


class Recorder:
    """Keeps what is asked of one database.

    `hide_secrets` takes them out of a text; of errors, which `explain` tells, names of the `place` are taken out too.
    """

    def __init__(
        self, tape: Tape, hide_secrets: Callable[[str], str], place: Sequence[str], explain: Explain
    ) -> None:
        self._tape = tape
        self._hide = hide_secrets
        self._place = place
        self._explain = explain

    def connected(self, dialect: str) -> None:
        """A session has begun."""
        self._keep(_named("connect"), {"dialect": dialect})

    def refused(self, error: sa.exc.SQLAlchemyError) -> None:
        """No session could be had."""
        self._failed(_named("connect"), error)

    def asked(self, question: Mapping[str, Any], ask: Callable[[], Rows]) -> Rows:
        """The rows that `ask` gives, kept."""
        try:
            rows = ask()
        except sa.exc.SQLAlchemyError as error:
            self._failed(question, error)
            raise
        self._keep(question, {"rows": [[_cell(one, self._hide) for one in row] for row in rows]})
        return rows

    def described(self, question: Mapping[str, Any], ask: Callable[[], Source]) -> Source:
        """What `ask` finds of a table or query, kept."""
        try:
            found = ask()
        except sa.exc.SQLAlchemyError as error:
            self._failed(question, error)
            raise
        self._keep(question, {"names": found.names, "as_text": found.as_text})
        return found

    def _failed(self, question: Mapping[str, Any], error: sa.exc.SQLAlchemyError) -> None:
        said = self._explain(error)
        fix = said.fix if isinstance(said, SourceError) else None
        self._keep(question, {"problem": hide(said.problem, *self._place), "fix": fix})

    def _keep(self, question: Mapping[str, Any], answer: Mapping[str, Any]) -> None:
        # Hidden cell by cell: in a line of JSON a secret of digits would spoil a number.
        parameters = {name: _cell(one, self._hide) for name, one in question["parameters"].items()}
        self._tape.keep({**question, "parameters": parameters, **answer}, lambda line: line)


class RecordedSession:
    """A session whose questions and answers are kept."""

    def __init__(self, session: LiveSession, recorder: Recorder) -> None:
        self._session = session
        self._recorder = recorder
        self.dialect = session.dialect
        recorder.connected(self.dialect)

    def source(self, table: str | None, query: str | None) -> Source:
        """As the database describes it."""
        question = _named("describe", table=table, query=query)
        return self._recorder.described(question, lambda: self._session.source(table, query))

    def rows(self, statement: sa.Select[Any]) -> Rows:
        """All of them."""
        return self._recorder.asked(_question(statement), lambda: self._session.rows(statement))

    def streamed(self, statement: sa.Select[Any]) -> Iterator[tuple[Any, ...]]:
        """All at once: what is kept is one line."""
        return iter(self.rows(statement))


class PlayedSession:
    """A session that a recording answers. Raises `SourceError` for what was not recorded."""

    def __init__(self, tape: Tape, source: str) -> None:
        self._tape = tape
        self._source = source
        self.dialect: str = self._next(_named("connect"))["dialect"]

    def source(self, table: str | None, query: str | None) -> Source:
        """As the database described it."""
        found = self._next(_named("describe", table=table, query=query))
        names = tuple(found["names"])
        return Source(_clause(table, query, names), names, found["as_text"], self.dialect)

    def rows(self, statement: sa.Select[Any]) -> Rows:
        """As they came."""
        found = self._next(_question(statement))["rows"]
        return [tuple(value_of(cell) for cell in row) for row in found]

    def streamed(self, statement: sa.Select[Any]) -> Iterator[tuple[Any, ...]]:
        """As they came."""
        return iter(self.rows(statement))

    def _next(self, question: Mapping[str, Any]) -> dict[str, Any]:
        parameters = {name: _cell(one, lambda text: text) for name, one in question["parameters"].items()}
        asked = {**question, "parameters": parameters}
        found = self._tape.next(self._source, asked, f"{asked['statement']} {parameters}")
        if "problem" not in found:
            return found
        if found["fix"] is None:
            raise TransientError(found["problem"])
        raise SourceError(self._source, found["problem"], found["fix"])


def _named(what: str, **parameters: Any) -> dict[str, Any]:
    return {"statement": what, "parameters": parameters}


def _question(statement: sa.Select[Any]) -> dict[str, Any]:
    """The statement as no database writes it: without the casts and quotes that types and dialects bring."""
    compiled = statement.compile()
    return {"statement": " ".join(str(compiled).split()).replace('"', ""), "parameters": compiled.params}


def _clause(table: str | None, query: str | None, names: tuple[str, ...]) -> sa.FromClause:
    if table is None:
        return query_clause(query, names)
    schema, name = split_name(table)
    return sa.table(name, *(sa.column(one) for one in names), schema=schema)


def _cell(value: Any, hide: Callable[[str], str]) -> Any:
    """A value as JSON: days and moments to be read back, all else that JSON does not have as the text that lands."""
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, date):
        return plain(value)
    return hide(as_text(value) or "")
