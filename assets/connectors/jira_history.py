"""The states of a Jira issue after each of its updates, from what it is now and its changelog. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from assets.connectors.paged import as_text

Cells = dict[str, str | None]
#: The field that holds the links of an issue, and what a changelog of Data Center calls it.
LINKS, _LINK = "issuelinks", "Link"
_SYSTEM = "[system] "
#: Keys of an object that say what it is called, best first.
_NAMES = ("value", "name", "displayName", "key", "id")


@dataclass(frozen=True)
class Place:
    """A field of an issue by its id, and the way below it. `is_raw`: of a change, the value and not what users see."""

    field: str
    path: tuple[str, ...] = ()
    is_raw: bool = False

    def of(self, issue: Mapping[str, Any]) -> str | None:
        """The value as it is now."""
        cell = issue.get(self.field) if self.field in ("id", "key") else issue["fields"].get(self.field)
        if self.field == LINKS and self.path:
            return linked(cell, *self.path)
        for name in self.path:
            cell = cell[0] if isinstance(cell, list) and cell else cell
            cell = cell.get(name) if isinstance(cell, Mapping) else None
        return plain(cell)


@dataclass(frozen=True)
class Change:
    """One field of one update: value and text, before and after."""

    field: str
    old: tuple[str | None, str | None]
    new: tuple[str | None, str | None]


@dataclass(frozen=True)
class Update:
    """One entry of a changelog. `at` is its time as Jira writes it."""

    at: str
    changes: tuple[Change, ...]


def linked(links: Any, link: str, kind: str = "") -> str | None:
    """The key of the first issue that is linked by `link`: the name of a type of links, or its words as one reads them
    on this issue ("is caused by"). `kind` is the other issue's type ("": any), "[System] " left out.
    """
    for one in links if isinstance(links, list) else ():
        inward, outward = one.get("inwardIssue"), one.get("outwardIssue")
        other, named = inward or outward or {}, one.get("type") or {}
        words = (named.get("name"), named.get("inward" if inward else "outward"))
        other_kind = plain((other.get("fields") or {}).get("issuetype")) or ""
        if link.lower() not in [str(word).lower() for word in words]:
            continue
        if not kind or other_kind.lower().removeprefix(_SYSTEM) == kind.lower().removeprefix(_SYSTEM):
            return as_text(other.get("key"))
    return None


def plain(cell: Any) -> str | None:
    """A field as text: of an object its name, of a list the first element, of a document its words."""
    if isinstance(cell, list):
        return plain(cell[0]) if cell else None
    if isinstance(cell, Mapping):
        if cell.get("type") == "doc":
            return _words(cell).strip()
        return next(
            (as_text(cell[name]) for name in _NAMES if cell.get(name) is not None), as_text(dict(cell))
        )
    return as_text(cell)


def _words(node: Mapping[str, Any]) -> str:
    """The text of a document in Atlassian Document Format, a line a paragraph."""
    inner = "".join(_words(one) for one in node.get("content") or [] if isinstance(one, Mapping))
    end = "\n" if node.get("type") in ("paragraph", "heading", "hardBreak", "listItem") else ""
    return f"{node.get('text') or ''}{inner}{end}"


def history(
    issue: Mapping[str, Any], columns: Mapping[str, Sequence[Place]], updates: Sequence[Update]
) -> list[Cells]:
    """The issue after each update, oldest first, its opening as update 0. `columns` say where each value stands.

    A value follows from the changelog alone as soon as it was ever changed: the issue may have been read earlier
    than the last page of its changelog. Of links those count that are still there, from when they were made.
    """
    places = {place for options in columns.values() for place in options if place.field != LINKS}
    links = {
        place: place.of(issue) for options in columns.values() for place in options if place.field == LINKS
    }
    made = {place: _linked_by(updates, key) for place, key in links.items()}
    values: dict[Place, str | None] = {place: None if made[place] else key for place, key in links.items()}
    for place in places:
        changes = [change for update in updates for change in update.changes if change.field == place.field]
        values[place] = _seen(changes[0].old, place) if changes else place.of(issue)
    opening = issue["fields"].get("created")
    events = [{**_cells(columns, values), "change_number": "0", "updated": opening}]
    for number, update in enumerate(updates, start=1):
        for change in update.changes:
            values |= {place: _seen(change.new, place) for place in places if place.field == change.field}
        values |= {place: links[place] for place, update_made in made.items() if update_made == number}
        events.append({**_cells(columns, values), "change_number": str(number), "updated": update.at})
    return events


def first_in(
    issue: Mapping[str, Any],
    status: Sequence[Place],
    updates: Sequence[Update],
    words: Mapping[str, str],
    state: str,
) -> str | None:
    """When an issue first had a status that is our `state` by `words`; None: never."""
    events = history(issue, {"status": status}, updates)
    return next(
        (event["updated"] for event in events if words.get(event["status"] or "", event["status"]) == state),
        None,
    )


def add_counts(
    events: Sequence[Cells], updates: Sequence[Update], handed_by: str, states: Sequence[str]
) -> None:
    """Add to each event what Jira keeps no field for. `states` are our words for its state after each event.

    Times of resolution are those of the changes of `resolution`, if there were any; `handed_by` is the field whose
    change from one value to another is a reassignment.
    """
    reassigned = reopened = 0
    resolved = closed = None
    is_known = any(change.field == "resolution" for update in updates for change in update.changes)
    for number, event in enumerate(events):
        if number:
            for change in updates[number - 1].changes:
                reassigned += change.field == handed_by and any(change.old) and any(change.new)
                if change.field == "resolution":
                    resolved = event["updated"] if any(change.new) else None
            was_ended, is_ended = (states[one] in ("resolved", "closed") for one in (number - 1, number))
            reopened += was_ended and not is_ended
            if states[number] != states[number - 1]:
                closed = event["updated"] if states[number] == "closed" else None
        event |= {"reassignments": str(reassigned), "reopenings": str(reopened), "closed_at": closed}
        if is_known:
            event["resolutiondate"] = resolved


def _linked_by(updates: Sequence[Update], key: str | None) -> int:
    """The number of the last update that linked another issue; 0: none did, so it was linked from the beginning."""
    numbers = [
        number
        for number, update in enumerate(updates, start=1)
        if any(change.field in (LINKS, _LINK) and change.new[0] == key for change in update.changes)
    ]
    return max(numbers, default=0)


def _cells(columns: Mapping[str, Sequence[Place]], values: Mapping[Place, str | None]) -> Cells:
    return {
        column: next((values[place] for place in options if values[place] is not None), None)
        for column, options in columns.items()
    }


def _seen(pair: tuple[str | None, str | None], place: Place) -> str | None:
    raw, text = pair
    return (raw if place.is_raw else text) or None
