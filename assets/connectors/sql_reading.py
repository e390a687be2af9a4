"""Reads rows from a database, page by page behind the last row seen. Knows no contract.

Each page is durable before the next is asked for. What an earlier try or run has kept is gone on from, if the database
still counts as many rows there; otherwise the reading begins anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import sqlalchemy as sa

from assets.connectors.sql_frames import as_text, raw_frame
from assets.connectors.sql_sessions import Rows, Session, Source
from assets.landing.frame_spool import Part

#: Moments outside of these are in no day that anyone asks for: 0000-00-00, infinity, years BC.
_FIRST, _LAST = datetime(1000, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)
Columns = Sequence[sa.ColumnElement[Any]]


@dataclass(frozen=True)
class Question:
    """Rows of `source` that meet `inside`, in the order of the columns `order`; of these `nullable` may be null.

    `has_pages`: the values of the order can be compared again, so that one can go on behind them.
    """

    source: Source
    inside: tuple[sa.ColumnElement[bool], ...]
    order: tuple[str, ...]
    nullable: tuple[str, ...]
    has_pages: bool

    @property
    def marks(self) -> list[sa.ColumnElement[Any]]:
        """What the rows are ordered by."""
        return [self.source.ordered(name) for name in self.order]

    @property
    def nowhere(self) -> sa.ColumnElement[bool]:
        """True for rows that have no place in the order."""
        return sa.or_(sa.false(), *(self.source.ordered(name).is_(None) for name in self.nullable))

    @property
    def all(self) -> sa.Select[Any]:
        """All rows in one statement."""
        return sa.select(*self.source.selected()).where(*self.inside).order_by(*self.marks)

    @property
    def placed(self) -> sa.Select[Any]:
        """Rows that have a place in the order, each with what it is ordered by, as its text could not be compared."""
        marks = [one.label(f"ullage_order_{position}") for position, one in enumerate(self.marks)]
        rows = sa.select(*self.source.selected(), *marks).where(*self.inside, sa.not_(self.nowhere))
        return rows.order_by(*self.marks)

    @property
    def shown(self) -> str:
        """The statement without its values."""
        return " ".join(str(self.all).split())


def whole(source: Source, key: Sequence[str]) -> Question:
    """Every row in the order of `key`. A moment in the key may be one that Python does not have, such as infinity."""
    has_pages = bool(key) and not any(name in source.as_text for name in key)
    return Question(source, (), tuple(key), tuple(key), has_pages)


def undated(session: Session, source: Source, key: Sequence[str], updated: str, zone: ZoneInfo) -> Question:
    """Rows that no day holds, because `updated` is null or no date that a calendar has."""
    first, last = _stored(session, source, updated, (_FIRST, _LAST), zone)
    column = source.clause.c[updated]
    nowhen = sa.or_(column.is_(None), column < first, column >= last)
    return Question(source, (nowhen,), tuple(key), tuple(key), has_pages=False)


def of_day(
    session: Session, source: Source, key: Sequence[str], updated: str, day: date, zone: ZoneInfo
) -> Question:
    """Rows last changed on one UTC day. Raises TypeError when the column is no timestamp."""
    start, end = day_bounds(session, source, updated, day, zone)
    column = source.clause.c[updated]
    rest = tuple(name for name in key if name != updated)
    return Question(source, (column >= start, column < end), (updated, *rest), rest, has_pages=True)


def read_pages(session: Session, question: Question, page_rows: int, kept: Part) -> int:
    """Let `kept` hold all rows, in pages of about `page_rows`. Gives how many the database announced.

    A page ends with every row that ties with its last one, so a tie across a page border loses nothing even
    when the order does not identify a row. Rows that have no place in the order are read apart, at the end.
    """
    announced = _count(session, question.source, question.inside)
    if kept.pages and not _still_holds(session, question, announced, kept):
        kept.clear()
    if not kept.is_complete and question.has_pages and (kept.pages or announced >= page_rows):
        _read_on(session, question, page_rows, announced, kept)
        if kept.rows != announced:
            # The values of the order do not survive the way to Python and back, e.g. times kept as free text.
            kept.clear()
    if not kept.is_complete:
        kept.append(_frame(question, session.rows(question.all)), None, is_last=True)
    return announced


def keys_and_days(
    session: Session, source: Source, key: str, updated: str, zone: ZoneInfo
) -> Iterator[tuple[str | None, date | None]]:
    """Of every row the key as text and the UTC day of its last change (None: no date). Little is held at a time."""
    columns = dict(zip(source.names, source.selected(), strict=True))
    asked = sa.select(columns[key].label("k"), columns[updated].label("u"))
    for name, moment in session.streamed(asked):
        yield as_text(name), _utc_day(as_text(moment), zone)


def _utc_day(text: str | None, zone: ZoneInfo) -> date | None:
    try:
        moment = datetime.fromisoformat(text or "")
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC).date()
    except (ValueError, OverflowError):
        return None


def _still_holds(session: Session, question: Question, announced: int, kept: Part) -> bool:
    """Whether as many rows as were kept lie up to the last one kept. Rows may have come, gone or moved since."""
    if kept.is_complete:
        return kept.rows == announced
    assert kept.last is not None, "a part that cannot be gone on from was cleared"
    before = sa.not_(_after(question.marks, kept.last))
    where = (*question.inside, sa.not_(question.nowhere), before)
    return _count(session, question.source, where) == kept.rows


def _read_on(session: Session, question: Question, page_rows: int, announced: int, kept: Part) -> None:
    """Page by page from the last row kept on."""
    marks, placed, width = question.marks, question.placed, len(question.source.names)
    while not kept.is_complete:
        ahead = placed if kept.last is None else placed.where(_after(marks, kept.last))
        rows = session.rows(ahead.limit(page_rows))
        is_full, last = len(rows) == page_rows, rows[-1][width:] if rows else kept.last
        if is_full and last is not None:
            same = (one == value for one, value in zip(marks, last, strict=True))
            ties = session.rows(placed.where(*same))
            # What ties is for the database to say: by its collation "a" may tie with "A".
            tied = {row[width:] for row in ties}
            rows = [*(row for row in rows if row[width:] not in tied), *ties]
        if rows:
            kept.append(_frame(question, rows), last, is_last=kept.rows + len(rows) >= announced)
        if not is_full and not kept.is_complete:
            nulls = sa.select(*question.source.selected()).where(*question.inside, question.nowhere)
            kept.append(_frame(question, session.rows(nulls)), None, is_last=True)


def day_bounds(
    session: Session, source: Source, updated: str, day: date, zone: ZoneInfo
) -> tuple[datetime, datetime]:
    """The UTC day as the column stores time: with a zone, or as local time of `zone`.

    Raises TypeError when the column is no timestamp.
    """
    start = datetime.combine(day, time(), UTC)
    return _stored(session, source, updated, (start, start + timedelta(days=1)), zone)


def _stored(
    session: Session, source: Source, updated: str, bounds: tuple[datetime, datetime], zone: ZoneInfo
) -> tuple[datetime, datetime]:
    """Two moments as the column stores time."""
    kind = source.as_text.get(updated) or _kind_of_value(session, source, updated)
    if kind == "date":
        raise TypeError(f"column {updated!r} is a date, no timestamp")
    if kind == "timestamptz":
        # MySQL's drivers know no zones; its session is in UTC.
        keeps_zone = source.dialect not in ("mysql", "mariadb")
        return bounds if keeps_zone else (bounds[0].replace(tzinfo=None), bounds[1].replace(tzinfo=None))
    return bounds[0].astimezone(zone).replace(tzinfo=None), bounds[1].astimezone(zone).replace(tzinfo=None)


def _kind_of_value(session: Session, source: Source, updated: str) -> str:
    """What a value of the column shows, where the database does not tell its type."""
    column = source.clause.c[updated]
    found = next(
        (row[0] for row in session.rows(sa.select(column).where(column.is_not(None)).limit(1))), None
    )
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


def _frame(question: Question, rows: Rows) -> pa.Table:
    width = len(question.source.names)
    return raw_frame(question.source.names, (row[:width] for row in rows))


def _count(session: Session, source: Source, where: Sequence[sa.ColumnElement[bool]]) -> int:
    counting = sa.select(sa.func.count()).select_from(source.clause).where(*where)
    return int(session.rows(counting)[0][0])
