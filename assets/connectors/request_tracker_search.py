"""Searches of Request Tracker's REST 2: one question and its answer, and tickets as REST gives them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from typing import Any

from assets.connectors.http import Client
from assets.connectors.paged import as_text
from assets.connectors.remote import TransientError
from assets.connectors.request_tracker_history import AT, DERIVED, SEQUENCE, Cells, Ticket, custom_field
from assets.landing.spool import Cursor

API = "/REST/2.0"
#: RT gives no more rows an answer.
MAX_PAGE = 100
#: Columns of a ticket. Of an unknown one RT says nothing: it is empty in every row.
COLUMNS = (
    "id", "Subject", "Status", "SLA", "Priority", "InitialPriority", "FinalPriority", "TimeEstimated", "TimeWorked",
    "TimeLeft", "Created", "LastUpdated", "Starts", "Started", "Due", "Told", "Resolved",
)  # fmt: skip
#: Fields that are objects with a name, and what REST calls those.
NAMED = {"Queue": "queue", "Owner": "user"}
LEVEL = "priority.level"
_CUSTOM = re.compile(r"CF\.\{(.+)\}")
TIME = "%Y-%m-%d %H:%M:%S"
NOT_RT = "check that url is a Request Tracker 5"


def search(
    client: Client,
    what: str,
    query: Sequence[str],
    *,
    fields: Sequence[str],
    limit: int,
    order: Sequence[str] = (),
    is_falling: bool = False,
    page: int | None = None,
    fix: str = "",
) -> dict[str, Any]:
    """The answer to one search, its items as objects. Raises `SourceError`."""
    wanted = dict.fromkeys(_asked_field(name) for name in fields)
    body = client.ask(
        "GET",
        f"{API}/{what}",
        params={
            "query": " AND ".join(query),
            "fields": ",".join(name for name in wanted if name),
            **{f"fields[{name}]": "Name" for name in NAMED if name in wanted},
            **(
                {"orderby": list(order), "order": ["DESC" if is_falling else "ASC"] * len(order)}
                if order
                else {}
            ),
            "per_page": limit,
            **({"page": page} if page else {}),
        },
        fix=fix,
    ).body
    items = body.get("items") if isinstance(body, dict) else None
    if not isinstance(items, list) or not all(isinstance(item, dict) and "id" in item for item in items):
        raise client.error(f"{what}: the answer is no search result", NOT_RT)
    if (body.get("per_page"), body.get("page")) != (limit, page or 1):
        raise TransientError(f"{what}: the source answers with another page than asked for")
    return body


def _asked_field(name: str) -> str | None:
    """What REST is asked for to get a field of the mapping; None for what it does not give."""
    if _CUSTOM.fullmatch(name):
        return "CustomFields"
    if name == LEVEL:
        return "Priority"
    return None if name.startswith("event.") or name == "id" else name.removesuffix(".Name")


def is_known(name: str) -> bool:
    return (
        name in (*COLUMNS, LEVEL, SEQUENCE, AT, DERIVED, *(f"{one}.Name" for one in NAMED))
        or _CUSTOM.fullmatch(name) is not None
    )


def behind(cursor: Cursor) -> list[str]:
    """The conditions of a cursor. Of times `=` would mean the whole day."""
    found = []
    if cursor["since"] is None:
        found.append(f"id > {cursor['after'][1] if cursor['after'] else 0}")
    elif cursor["after"] is None:
        found.append(f"LastUpdated >= '{cursor['since']}'")
    else:
        at, number = cursor["after"]
        found.append(f"(LastUpdated > '{at}' OR (LastUpdated >= '{at}' AND id > {number}))")
    if cursor["until"]:
        found.append(f"LastUpdated < '{cursor['until']}'")
    return found


def see_that_asked_for(client: Client, items: Sequence[Mapping[str, Any]], cursor: Cursor) -> None:
    """Raise `TransientError` for rows of another question, as from a stale cache."""
    by_time = cursor["since"] is not None
    before = (cursor["since"] or "", 0) if cursor["after"] is None else (*cursor["after"],)
    for item in items:
        at = plain_time(item.get("LastUpdated"))
        if not at:
            raise client.error(f"ticket {item['id']} comes without LastUpdated", NOT_RT)
        here = (at, int(item["id"]))
        fits = here > before if by_time else here[1] > before[1]
        if not fits or (cursor["until"] and at >= cursor["until"]):
            raise TransientError("the source answers with tickets that were not asked for")
        before = here


def any_of(name: str, values: Iterable[str], *, quoted: bool = True) -> str:
    """A condition that one of the values meets; empty without any."""
    found = [f"{name} = {_quoted(value) if quoted else value}" for value in values]
    return f"({' OR '.join(found)})" if found else ""


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def ticket_of(item: Mapping[str, Any], names: Sequence[str]) -> Ticket:
    """A ticket as REST gives it, by the names of the mapping."""
    custom = {
        str(one["name"]): tuple(str(value) for value in one.get("values") or ()) for one in custom_of(item)
    }
    cells: Cells = {"Priority": _cell(item.get("Priority"))}
    for name in names:
        match = _CUSTOM.fullmatch(name)
        if match:
            cells[name] = next(iter(custom.get(match[1], ())), None)
        elif not name.startswith("event.") and name != LEVEL:
            cells[name] = _cell(item.get(name.removesuffix(".Name")))
    return Ticket(cells, custom)


def custom_of(item: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The custom fields of a ticket; where it has none RT gives an empty text."""
    found = item.get("CustomFields")
    return found if isinstance(found, list) else []


def _cell(value: Any) -> str | None:
    """A value as text: of an object its name, of several the first."""
    if isinstance(value, list):
        value = value[0] if value else None
    if isinstance(value, dict):
        value = value.get("Name", value.get("id"))
    return as_text(value)


def unlike_the_mapping(
    table: str, items: Sequence[Mapping[str, Any]], names: Sequence[str]
) -> tuple[str, ...]:
    """What a person should know: custom fields that some queues do not show, or that have several values."""
    found: set[str] = set()
    for item in items:
        shown = {custom_field(str(one["name"])): one.get("values") or () for one in custom_of(item)}
        for name in names:
            if not _CUSTOM.fullmatch(name):
                continue
            if name not in shown:
                found.add(
                    f"{table}: tickets of queue {_cell(item.get('Queue'))} show no {name}; "
                    "fix: correct the name, apply the field to the queue, or grant SeeCustomField"
                )
            elif len(shown[name]) > 1:
                found.add(f"{table}: some have several {name}; the first counts")
    return tuple(sorted(found))


def plain_time(text: Any) -> str:
    """A time of an answer as searches take it; empty for what is none."""
    moment = moment_of(as_text(text))
    return moment.strftime(TIME) if moment else ""


def moment_of(text: str | None) -> datetime | None:
    """A time of the source in UTC."""
    try:
        return datetime.strptime(text or "", "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None


def midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
