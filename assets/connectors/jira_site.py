"""What has to be known of a site of Jira, and how its issues are read: fields, times, keys. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from assets.connectors.jira_history import Cells, Change, Place
from assets.connectors.paged import as_text
from assets.landing.spool import Cursor

#: The type of fields that hold an SLA, as /field names it.
SLA_FIELD = "com.atlassian.servicedesk:sd-sla-field"


@dataclass(frozen=True)
class Site:
    """What has to be known of a site before issues are read: the account's zone, fields by id and by name."""

    zone: ZoneInfo
    ids: frozenset[str]
    names: Mapping[str, str]
    #: Fields that hold an SLA each, and what they are called.
    slas: tuple[tuple[str, str], ...] = ()

    def field(self, name: str) -> str | None:
        """The id of a field by its id or name; None: there is none."""
        return name if name in self.ids else self.names.get(name.lower())

    def places(self, column: str, is_raw: bool = False) -> tuple[Place, ...]:
        """Where the alternatives of a column stand, those that the site has."""
        found = []
        for option in (text.strip() for text in column.split("|")):
            name, _, below = option.partition(".")
            whole, first = self.field(option), self.field(name)
            if whole is not None:
                found.append(Place(whole, (), is_raw))
            elif first is not None:
                path = tuple(below.split(".")) if below else ()
                found.append(Place(first, path, is_raw or path[-1:] in (("id",), ("key",), ("accountId",))))
        return tuple(found)

    def asked(self, instant: datetime) -> datetime:
        """The minute that a question about `instant` begins with: one that the zone's clocks show only once."""
        minute = instant.replace(second=0, microsecond=0)
        while _is_shown_twice(minute.astimezone(self.zone)):
            minute -= timedelta(minutes=1)
        return minute

    def text(self, minute: datetime) -> str:
        """A minute as JQL takes it."""
        return minute.astimezone(self.zone).strftime('"%Y/%m/%d %H:%M"')


def change(site: Site, item: Mapping[str, Any]) -> Change:
    """Cloud names the field by its id, Data Center by what users see."""
    name = str(item.get("fieldId") or item.get("field") or "")
    return Change(
        site.field(name) or name,
        (item.get("from") or None, item.get("fromString") or None),
        (item.get("to") or None, item.get("toString") or None),
    )


def cells_of(issue: Mapping[str, Any], columns: Mapping[str, Sequence[Place]]) -> Cells:
    """The columns as the issue is now."""
    return {
        column: next((value for place in places if (value := place.of(issue)) is not None), None)
        for column, places in columns.items()
    }


def key_of(issue: Mapping[str, Any]) -> str:
    """Its id, which outlives a move; that of its content where it came without one."""
    return as_text(issue.get("id")) or f"content:{as_text(dict(issue))}"


def mark(issue: Mapping[str, Any]) -> str:
    """An issue in the version in which it was read."""
    return f"{key_of(issue)}@{issue['fields'].get('updated')}"


def updated_at(issue: Mapping[str, Any]) -> datetime | None:
    """Its last change."""
    return moment(issue["fields"].get("updated"))


def moment(text: Any) -> datetime | None:
    """A time of Jira, such as 2026-03-28T19:00:00.123+1100."""
    try:
        found = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return None if found.tzinfo is None else found.astimezone(UTC)


def lies(instant: datetime | None, since: datetime, until: datetime | None) -> bool:
    """Within [since, until); a time that cannot be read lands where a person will see it."""
    return instant is None or (since <= instant and (until is None or instant < until))


def instants(cursor: Cursor, *names: str) -> list[datetime]:
    """Times that a cursor holds."""
    return [datetime.fromisoformat(cursor[name]) for name in names]


def _is_shown_twice(local: datetime) -> bool:
    return local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()
