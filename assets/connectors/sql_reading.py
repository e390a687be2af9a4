"""Reads rows from a database: whole, or page by page behind the last row seen. Knows no contract."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

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
#: Moments outside of these are in no day that anyone asks for: 0000-00-00, infinity, years BC.
_FIRST, _LAST = datetime(1000, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)
Rows = list[tuple[Any, ...]]
Columns = Sequence[sa.ColumnElement[Any]]


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


@dataclass(frozen=True)
class Read:
    """Rows of one transaction, how many the database announced, the statement (values aside), and its pages."""

    names: tuple[str, ...]
    rows: Rows
    announced: int
    statement: str
    pages: int = 1


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
    """The table (may be `schema.name`) as the database describes it, or the query with its columns."""
    if table is not None:
        schema, _, name = table.rpartition(".")
        clause: sa.FromClause = sa.Table(name, sa.MetaData(), schema=schema or None, autoload_with=connection)
    else:
        text = sa.text((query or "").strip().rstrip(";"))
        probe = sa.select(sa.text("*")).select_from(text.columns().subquery("source")).where(sa.false())
        names = list(connection.execute(probe).keys())
        clause = text.columns(*(sa.column(name) for name in names)).subquery("source")
    return Source(clause, tuple(clause.c.keys()), _times(connection, clause), connection.dialect.name)


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


def read_whole(connection: Connection, source: Source, key: Sequence[str]) -> Read:
    """Every row in the order of `key`."""
    return _read(connection, source, key, [])


def read_undated(
    connection: Connection, source: Source, key: Sequence[str], updated: str, zone: ZoneInfo
) -> Read:
    """Rows that no day holds, because `updated` is null or no date that a calendar has."""
    first, last = _stored(connection, source, updated, (_FIRST, _LAST), zone)
    column = source.clause.c[updated]
    return _read(connection, source, key, [sa.or_(column.is_(None), column < first, column >= last)])


def _read(
    connection: Connection, source: Source, key: Sequence[str], where: list[sa.ColumnElement[bool]]
) -> Read:
    statement = sa.select(*source.selected()).where(*where).order_by(*(source.ordered(name) for name in key))
    rows = _fetch(connection, statement)
    return Read(source.names, rows, _count(connection, source, where), _shown(statement))


def read_pages(
    connection: Connection,
    source: Source,
    key: Sequence[str],
    updated: str,
    bounds: tuple[datetime, datetime],
    page_rows: int,
) -> Read:
    """Rows with `updated` in [start, end), in pages of about `page_rows` ordered by (`updated`, `key`).

    A page ends with every row that ties with its last one, so a tie across a page border loses nothing even
    when `key` does not identify a row. Rows with a null in `key` have no place in the order: read apart.
    """
    column = source.clause.c[updated]
    inside = [column >= bounds[0], column < bounds[1]]
    order = [source.ordered(updated), *(source.ordered(name) for name in key if name != updated)]
    nowhere = sa.or_(sa.false(), *(one.is_(None) for one in order[1:]))
    # The order's own values travel beside the row: what is fetched as text could not be compared again.
    marks = [one.label(f"ullage_order_{position}") for position, one in enumerate(order)]
    width = len(source.names)
    announced = _count(connection, source, inside)
    statement = sa.select(*source.selected(), *marks).where(*inside, sa.not_(nowhere)).order_by(*order)
    rows: Rows = []
    pages = 1
    page = _fetch(connection, statement.limit(page_rows))
    while page:
        last = page[-1][width:]
        ties = _fetch(
            connection, statement.where(*(one == value for one, value in zip(order, last, strict=True)))
        )
        # What ties is for the database to say: by its collation "a" may tie with "A".
        tied = {row[width:] for row in ties}
        rows += [row for row in page if row[width:] not in tied]
        rows += ties
        if len(page) < page_rows or len(rows) >= announced:
            break
        page = _fetch(connection, statement.where(_after(order, last)).limit(page_rows))
        pages += 1
    rows += _fetch(connection, sa.select(*source.selected(), *marks).where(*inside, nowhere))
    if len(rows) != announced:
        # The values of the order do not survive the way to Python and back, e.g. times kept as free text.
        rows = _fetch(connection, sa.select(*source.selected(), *marks).where(*inside).order_by(*order))
    return Read(source.names, [row[:width] for row in rows], announced, _shown(statement), pages)


def day_bounds(
    connection: Connection, source: Source, updated: str, day: date, zone: ZoneInfo
) -> tuple[datetime, datetime]:
    """The UTC day as the column stores time: with a zone, or as local time of `zone`.

    Raises TypeError when the column is no timestamp.
    """
    start = datetime.combine(day, time(), UTC)
    return _stored(connection, source, updated, (start, start + timedelta(days=1)), zone)


def _stored(
    connection: Connection, source: Source, updated: str, bounds: tuple[datetime, datetime], zone: ZoneInfo
) -> tuple[datetime, datetime]:
    """Two moments as the column stores time."""
    kind = source.as_text.get(updated) or _kind_of_value(connection, source, updated)
    if kind == "date":
        raise TypeError(f"column {updated!r} is a date, no timestamp")
    if kind == "timestamptz":
        # MySQL's drivers know no zones; its session is in UTC.
        keeps_zone = source.dialect not in ("mysql", "mariadb")
        return bounds if keeps_zone else (bounds[0].replace(tzinfo=None), bounds[1].replace(tzinfo=None))
    return bounds[0].astimezone(zone).replace(tzinfo=None), bounds[1].astimezone(zone).replace(tzinfo=None)


def _kind_of_value(connection: Connection, source: Source, updated: str) -> str:
    """What a value of the column shows, where the database does not tell its type."""
    column = source.clause.c[updated]
    found = connection.execute(sa.select(column).where(column.is_not(None)).limit(1)).scalar()
    if source.dialect == "sqlite" and isinstance(found, str):
        return "timestamp"
    if found is not None and not isinstance(found, datetime):
        raise TypeError(f"column {updated!r} is {type(found).__name__}, no timestamp")
    return "timestamptz" if found is None or found.tzinfo is not None else "timestamp"


def _after(order: Columns, last: Sequence[Any]) -> sa.ColumnElement[bool]:
    """Rows behind `last` in `order`, spelled out because not every database compares tuples."""
    choices = []
    for position, column in enumerate(order):
        same = [order[before] == last[before] for before in range(position)]
        choices.append(sa.and_(*same, column > last[position]))
    return sa.or_(*choices)


def _fetch(connection: Connection, statement: sa.Select[Any]) -> Rows:
    return [tuple(row) for row in connection.execute(statement)]


def _count(connection: Connection, source: Source, where: Sequence[sa.ColumnElement[bool]]) -> int:
    counting = sa.select(sa.func.count()).select_from(source.clause).where(*where)
    return int(connection.execute(counting).scalar_one())


def _shown(statement: sa.Select[Any]) -> str:
    return " ".join(str(statement).split())
