"""How many values of a day have landed, and what the server says that it holds. Pure but for reading what landed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

from assets.connectors import census
from assets.connectors.base import Window
from assets.connectors.http import Client
from assets.connectors.zabbix_items import FLOAT, NO_NUMBERS, UNSIGNED, KnownItems
from assets.connectors.zabbix_values import seconds_at
from assets.landing.receipts import Receipt
from assets.landing.spool import Cursor, RawRow


def landed_values(
    home: Path, source: str, table: str, days: Window, metric: str, query: str | None
) -> dict[date, int]:
    """Values that came of each day that was read by the query as it is now.

    Trends that stand in for history count too, as they are told apart no more: of a day half deleted more is landed
    than was counted, and it is read again only when its history alone is more.
    """

    def is_asked(receipt: Receipt) -> bool:
        return receipt.batch_id.rpartition("/")[0] == metric and receipt.query == query

    found = census.landed_days(home, source, table, days, is_asked)
    return {day: receipt.rows_received - _items(home, receipt) for day, receipt in found.items()}


def _items(home: Path, receipt: Receipt) -> int:
    """Rows of quarantine that stand for an item without numbers, not for a value."""
    reasons = (pq.read_table(home / file.path, columns=["reason"])["reason"] for file in receipt.quarantined)
    return sum(pc.sum(pc.ends_with(one, NO_NUMBERS)).as_py() or 0 for one in reasons)


def questions(known: KnownItems, days: Iterable[date]) -> list[tuple[str, str, dict[str, Any]]]:
    """(Value type, day, parameters) of each question for the number of values of a day."""
    return [
        (
            part,
            day.isoformat(),
            {
                "countOutput": True,
                "history": int(part),
                "itemids": known.ids(part),
                "time_from": seconds_at(day),
                "time_till": seconds_at(day + timedelta(days=1)) - 1,
            },
        )
        for day in sorted(days)
        for part in (FLOAT, UNSIGNED)
        if known.ids(part)
    ]


def counted(client: Client, part: str, day: str, answer: Any) -> RawRow:
    """The answer as a row. Raises `SourceError` where it is no number: history in Elasticsearch is listed instead."""
    if not str(answer).isdigit():
        raise client.error(
            f"history.get: asked how many values there are of {day}, the server gave no number",
            "set census_every_days: null where history is kept in Elasticsearch",
        )
    return RawRow(f"{part}/{day}", None, {"day": day, "values": str(answer)})


def following(number: int, asked: list[Any]) -> Cursor | None:
    """Where the questions go on behind the one of this number."""
    return {"number": number + 1} if number + 1 < len(asked) else None


def by_day(rows: Iterable[RawRow]) -> dict[date, int]:
    """Values by day, of both value types."""
    found: dict[date, int] = {}
    for row in rows:
        day = date.fromisoformat(str(row.cells["day"]))
        found[day] = found.get(day, 0) + int(str(row.cells["values"]))
    return found
