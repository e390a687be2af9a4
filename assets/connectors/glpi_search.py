"""A search of GLPI: its options by uid, the criteria of a cursor, where the next page begins, cells as text. Pure."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from assets.connectors.glpi_history import Cells
from assets.connectors.paged import as_text
from assets.connectors.remote import TransientError
from assets.landing.spool import Cursor

TIME = "%Y-%m-%d %H:%M:%S"
SECOND = timedelta(seconds=1)


@dataclass(frozen=True)
class Options:
    """Numbers of search options by uid (they differ between instances), and the uids whose values are names."""

    numbers: Mapping[str, str]
    names: frozenset[str]


def criteria(asked: Sequence[tuple[str, str, str]], options: Options) -> dict[str, str]:
    """Conditions (uid, type of search, value) as parameters of the search."""
    found: dict[str, str] = {}
    for place, (uid, searchtype, value) in enumerate(asked):
        name = f"criteria[{place}]"
        found |= {f"{name}[link]": "AND", f"{name}[field]": options.numbers[uid]}
        found |= {f"{name}[searchtype]": searchtype, f"{name}[value]": value}
    return found


def behind(cursor: Cursor, key: str, changed: str) -> list[tuple[str, str, str]]:
    """The conditions of a cursor.

    Times know only before and after, and `equals` compares minutes; numbers are compared by a sign in the value.
    """
    if cursor["at"] is not None:
        at = datetime.fromisoformat(cursor["at"])
        return [
            (changed, "morethan", (at - SECOND).strftime(TIME)),
            (changed, "lessthan", (at + SECOND).strftime(TIME)),
            (key, "contains", f">{cursor['id']}"),
        ]
    if cursor["after"] is None:
        return [(key, "contains", f">{cursor['id']}")]
    until = [(changed, "lessthan", cursor["until"])] if cursor["until"] else []
    return [(changed, "morethan", cursor["after"]), *until]


def see_that_asked_for(rows: Sequence[Cells], cursor: Cursor, key: str, changed: str) -> None:
    """Raise `TransientError` for rows of another question, as from a stale cache."""
    for row in rows:
        number, at = row.get(key) or "", row.get(changed) or ""
        if cursor["at"] is not None:
            fits = at == cursor["at"] and number.isdigit() and int(number) > cursor["id"]
        elif cursor["after"] is None:
            fits = number.isdigit() and int(number) > cursor["id"]
        else:
            fits = at > cursor["after"] and number.isdigit()
        if not fits:
            raise TransientError("the source answers with rows that were not asked for")


def following_of(
    rows: list[Cells], cursor: Cursor, key: str, changed: str, has_more: bool, limit: int
) -> tuple[list[Cells], Cursor | None]:
    """The rows that count, and where to go on.

    The last second of a page may have more rows on the next: it is left to that, or, when the page has no other, gone
    through by number. A page whose rows are all hidden is skipped.
    """
    behind = {**cursor, "offset": 0, "is_first": False}
    if not has_more:
        return rows, None if cursor["at"] is None else {**behind, "after": cursor["at"], "at": None, "id": 0}
    if not rows:
        return rows, {**behind, "offset": cursor["offset"] + limit}
    if cursor["at"] is not None or cursor["after"] is None:
        return rows, {**behind, "id": int(rows[-1][key] or 0)}
    last = rows[-1][changed] or ""
    whole = [row for row in rows if (row[changed] or "") < last]
    if whole:
        return whole, {**behind, "after": whole[-1][changed]}
    return [], {**behind, "at": last, "id": 0}


def is_several(value: Any) -> bool:
    """Whether a field of a row holds more than one value."""
    return isinstance(value, list) and len(value) > 1


def cell(value: Any) -> str | None:
    """A value as text: of several the first; without the HTML entities in which GLPI keeps texts up to version 10."""
    if isinstance(value, list):
        value = value[0] if value else None
    text = as_text(value)
    return None if text is None else html.unescape(text).strip("\xa0 ") or None
