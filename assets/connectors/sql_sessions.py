"""Sessions with a database: each sees one state of the data. What is read with one stands in `sql_reading`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

#: Isolation in which count and pages see one state of the data, without locking writers out.
_SNAPSHOTS = {
    "postgresql": "REPEATABLE READ",
    "mysql": "REPEATABLE READ",
    "mariadb": "REPEATABLE READ",
    "oracle": "SERIALIZABLE",
}
#: Numbers by which a driver names a column's type. MySQL's `timestamp` is kept in UTC, its `datetime` has no zone.
_TIMES = {
    "postgresql": {1082: "date", 1114: "timestamp", 1184: "timestamptz"},
    "mysql": {10: "date", 12: "timestamp", 7: "timestamptz"},
    "mariadb": {10: "date", 12: "timestamp", 7: "timestamptz"},
}
#: What a session must say so that times read alike everywhere, and that it only reads.
_SESSIONS = {
    "postgresql": ("set local datestyle to iso", "set local time zone 'UTC'"),
    "mysql": ("set time_zone = '+00:00'", "set session transaction read only"),
    "mariadb": ("set time_zone = '+00:00'", "set session transaction read only"),
    # Only inside a transaction do several statements see one state.
    "sqlite": ("begin",),
}
_STREAMED_ROWS = 10_000
Rows = list[tuple[Any, ...]]


@dataclass(frozen=True)
class Source:
    """What is read: a table or query, its columns, and the kind of those that must travel as text."""

    clause: sa.FromClause
    names: tuple[str, ...]
    as_text: Mapping[str, str]

    dialect: str

    def selected(self) -> list[sa.ColumnElement[Any]]:
        """The columns to fetch, in order."""
        return [
            self._text(name).label(name) if name in self.as_text else self.clause.c[name]
            for name in self.names
        ]

    def ordered(self, name: str) -> sa.ColumnElement[Any]:
        """A column as the pages are ordered by it: SQLite keeps times as text, which need not be times."""
        is_text = self.dialect == "sqlite" and name in self.as_text
        return sa.cast(self.clause.c[name], sa.Text) if is_text else self.clause.c[name]

    def _text(self, name: str) -> sa.ColumnElement[Any]:
        text: sa.ColumnElement[Any] = sa.cast(self.clause.c[name], sa.Text)
        if self.dialect in ("mysql", "mariadb") and self.as_text[name] == "timestamptz":
            return sa.func.concat(text, "+00:00")
        return text


class Session(Protocol):
    """What `sql_reading` asks of a database. `dialect` is its kind, as SQLAlchemy calls it."""

    dialect: str

    def source(self, table: str | None, query: str | None) -> Source:
        """The table (may be `schema.name`) as the database describes it, or the query with its columns."""

    def rows(self, statement: sa.Select[Any]) -> Rows:
        """All rows of a statement."""

    def streamed(self, statement: sa.Select[Any]) -> Iterator[tuple[Any, ...]]:
        """The rows of a statement; little is held at a time."""


class LiveSession:
    """A session with the database itself."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.dialect = connection.dialect.name

    def source(self, table: str | None, query: str | None) -> Source:
        """As the database describes it."""
        return source_columns(self._connection, table, query)

    def rows(self, statement: sa.Select[Any]) -> Rows:
        """All of them."""
        return [tuple(row) for row in self._connection.execute(statement)]

    def streamed(self, statement: sa.Select[Any]) -> Iterator[tuple[Any, ...]]:
        """Some thousands at a time."""
        streaming = self._connection.execution_options(stream_results=True, yield_per=_STREAMED_ROWS)
        for row in streaming.execute(statement):
            yield tuple(row)


@contextmanager
def snapshot(engine: Engine) -> Iterator[Connection]:
    """A connection that sees one state of the data, where the database can do that."""
    dialect = engine.dialect.name
    options: dict[str, Any] = {}
    if level := _SNAPSHOTS.get(dialect):
        options["isolation_level"] = level
    if dialect == "postgresql":
        options["postgresql_readonly"] = True
    with engine.connect().execution_options(**options) as connection:
        for statement in _SESSIONS.get(dialect, ()):
            connection.exec_driver_sql(statement)
        yield connection


def source_columns(connection: Connection, table: str | None, query: str | None) -> Source:
    """The table as the database describes it, or the query with its columns."""
    if table is not None:
        schema, name = split_name(table)
        clause: sa.FromClause = sa.Table(name, sa.MetaData(), schema=schema, autoload_with=connection)
    else:
        text = _query_text(query)
        probe = sa.select(sa.text("*")).select_from(text.columns().subquery("source")).where(sa.false())
        clause = query_clause(query, tuple(connection.execute(probe).keys()))
    return Source(clause, tuple(clause.c.keys()), _times(connection, clause), connection.dialect.name)


def split_name(table: str) -> tuple[str | None, str]:
    """Schema (None: the default one) and name."""
    schema, _, name = table.rpartition(".")
    return schema or None, name


def query_clause(query: str | None, names: Sequence[str]) -> sa.FromClause:
    """A query of the owner's, to be read like a table of these columns."""
    return _query_text(query).columns(*(sa.column(name) for name in names)).subquery("source")


def _query_text(query: str | None) -> sa.TextClause:
    return sa.text((query or "").strip().rstrip(";"))


def _times(connection: Connection, clause: sa.FromClause) -> dict[str, str]:
    """Columns of time that must come as text: what is no date (0000-00-00, infinity) has no value in Python."""
    dialect = connection.dialect.name
    if dialect == "sqlite":
        typed = ((sa.DateTime, "timestamp"), (sa.Date, "date"))
        return {
            column.name: kind for column in clause.c for base, kind in typed if isinstance(column.type, base)
        }
    if dialect not in _TIMES:
        return {}
    result = connection.execute(sa.select(clause).where(sa.false()))
    description = result.cursor.description if result.cursor is not None else ()
    types: list[Any] = [column[1] for column in description or ()]
    names = list(result.keys())
    result.close()
    kinds = {name: _TIMES[dialect].get(kind) for name, kind in zip(names, types, strict=True)}
    return {name: kind for name, kind in kinds.items() if kind is not None}
