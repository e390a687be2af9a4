"""Jira Service Management, Cloud and Data Center; incidents with their history from the changelog.

Issues are asked for in the order of (updated, key). JQL knows times by the minute and in the account's zone, so each
page begins a new question at the minute of the last issue: offsets skip issues when others change in between
(JRASERVER-69860), and end at 10,000. What comes twice is left out. No question has an upper bound: an issue that
changes while it is read would fall out of it, and the issue's own `updated` says where the window ends.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from assets.connectors.base import Window
from assets.connectors.http import Client
from assets.connectors.jira_assets import (
    WORKSPACES,
    cloud_page,
    cloud_question,
    data_center_page,
    data_center_question,
    object_cells,
)
from assets.connectors.jira_history import Place, Update, add_counts, first_in, history
from assets.connectors.jira_questions import Questions
from assets.connectors.jira_settings import JiraSource
from assets.connectors.jira_site import (
    SLA_FIELD,
    Site,
    cells_of,
    change,
    instants,
    key_of,
    lies,
    mark,
    moment,
    updated_at,
)
from assets.connectors.jira_sla import CYCLE_FIELDS, cycle_cells, held_cycles, kept_target, shown_slas
from assets.connectors.paged import PagedConnector
from assets.connectors.paged_settings import Mapped, TableSettings
from assets.connectors.remote import NotThereError
from assets.connectors.sign_in import BasicSignIn, SignIn
from assets.landing.contracts import contract
from assets.landing.spool import Cursor, Page, RawRow

#: What the connector itself adds to an issue's fields, by contract table.
_MADE = {
    "incidents": ("change_number", "reassignments", "reopenings", "closed_at", "made_sla"),
    "problems": ("known_error_at",),
    "sla_cycles": CYCLE_FIELDS,
}
_ENDED = ("resolved", "closed")
#: No issue was changed before: a census begins here, for a question without a bound is refused.
_BEGINNING, _END = date(1971, 1, 1), date(9000, 1, 1)


class JiraConnector(PagedConnector):
    """Reads one site. Opens nothing before `batches` is iterated."""

    _source: JiraSource
    _site: Site | None = None
    _workspace: str | None = None
    rights = "Browse Projects on the projects read, and the role Agent of their service projects for SLAs"

    def sign_in(self) -> SignIn | None:
        """Basic, or None: the token as Bearer."""
        source = self._source
        return BasicSignIn(source.name, source.user, source.token_env or "") if source.user else None

    def first(self, table: str, window: Window | None) -> Cursor:  # noqa: ARG002
        """From the window's first minute on. Incidents have no end: one changed later has its events inside."""
        if window is None:
            return {"start": 0}
        since, until = _midnight(window.start), _midnight(window.end + timedelta(days=1))
        return {
            "since": since.isoformat(),
            "until": until.isoformat(),
            "bound": since.isoformat(),
            "token": None,
            "start": 0,
            "anchor": None,
            "seen": [],
            "restarts": 0,
        }

    def page(self, client: Client, table: str, cursor: Cursor) -> Page:
        """One page of issues; of incidents the events of their history that lie in the window."""
        questions = Questions(self._source, client)
        if table == "configuration_items":
            return self._objects(questions, table, cursor["start"])
        site = self._known(questions)
        mapped = self._source.mapped(table)
        columns = self._columns(questions, site, table, mapped)
        fields = {place.field for places in columns.values() for place in places} - {"id", "key"} | {
            "updated"
        }
        is_incidents = table == "incidents"
        is_logged = is_incidents or (table == "problems" and "known_error_at" in mapped.source_fields)
        if is_incidents:
            fields |= {"created", "resolution", site.field(self._source.sla_name) or "updated"}
        if table == "sla_cycles":
            fields |= {field for field, _ in site.slas}
        since, until = instants(cursor, "since", "until")
        jql = f"({mapped.filter}) AND updated >= {site.text(site.asked(instants(cursor, 'bound')[0]))}"
        announced = self._count(questions, site, table, jql, cursor)
        body = questions.search(site, jql, sorted(fields), "changelog" if is_logged else None, cursor)
        following = questions.behind(site, table, body, cursor)
        seen = set(cursor["seen"])
        fresh = [issue for issue in body["issues"] if mark(issue) not in seen]
        inside = [one for one in fresh if lies(updated_at(one), since, None if is_incidents else until)]
        records = tuple(map(key_of, inside))
        for issue in inside:
            for name in issue["fields"].keys() - fields:
                columns[name] = (Place(name),)  # came although nobody asked for it
        if is_incidents:
            events = self._events(questions, site, mapped, columns, inside, cursor)
            return Page(tuple(events), following, announced, records)
        if table == "sla_cycles":
            found = [
                RawRow(str(made["cycle.id"]), updated_at(one), {**cells_of(one, columns), **made})
                for one in inside
                for made in self._cycles(questions, site, one, mapped)
            ]
            return Page(tuple(found), following, announced, records)
        cells = [cells_of(one, columns) for one in inside]
        if is_logged:
            state, words = mapped.columns.get("state", ""), mapped.replace.get("state", {})
            for one, row in zip(inside, cells, strict=True):
                updates = self._updates(questions, site, one)
                row["known_error_at"] = first_in(one, columns.get(state, ()), updates, words, "known_error")
        rows = tuple(
            RawRow(key_of(one), updated_at(one), row) for one, row in zip(inside, cells, strict=True)
        )
        return Page(rows, following, announced, records)

    def census_page(self, client: Client, table: str, cursor: Cursor | None) -> Page:
        """The key of every issue (or of its cycles), in the order of its last change, with the time of its making.

        Of an incident whose SLAs do not come as fields nothing is asked: as long as it is there, so are its cycles.
        """
        cursor = cursor or self.first(table, Window(_BEGINNING, _END))
        questions, mapped = Questions(self._source, client), self._source.mapped(table)
        site = self._known(questions)
        is_cycles = table == "sla_cycles"
        column = mapped.columns["incident_id" if is_cycles else contract(table).key[0]]
        places = self._columns(questions, site, table, mapped)[column]
        bound = site.asked(instants(cursor, "bound")[0])
        jql = f"({mapped.filter}) AND updated >= {site.text(bound)}"
        announced = None
        if not self._source.is_cloud and cursor["bound"] == cursor["since"] and not cursor["start"]:
            announced = questions.total(jql)
        fields = {place.field for place in places} - {"id", "key"} | {"created", "updated"}
        fields |= {field for field, _ in site.slas} if is_cycles else set()
        body = questions.search(site, jql, sorted(fields), None, cursor)
        following = questions.behind(site, table, body, cursor)
        seen = set(cursor["seen"])
        fresh = [issue for issue in body["issues"] if mark(issue) not in seen]
        rows = []
        for issue in fresh:
            key = cells_of(issue, {column: places})[column]
            if is_cycles:
                rows += held_cycles(issue, site.slas, self._source.sla_name, updated_at(issue))
            elif key is not None:
                created = moment(issue["fields"].get("created"))
                cells = {"created": created.isoformat() if created else None}
                rows.append(RawRow(key, updated_at(issue), cells))
        return Page(tuple(rows), following, announced, tuple(map(key_of, fresh)))

    def census_whole(self, table: str, key: str) -> str:
        """A cycle is held too where all of its incident's are."""
        return f"{key.partition('/')[0]}/" if table == "sla_cycles" else key

    # --- what has to be known first ---

    def _known(self, questions: Questions) -> Site:
        """Asked once for each connector."""
        if self._site is None:
            api = questions.api
            named = questions.ask(f"{api}/myself")
            zone = named.get("timeZone") if isinstance(named, Mapping) else None
            try:
                found = ZoneInfo(zone or "")
            except (ZoneInfoNotFoundError, ValueError):
                raise questions.client.error(
                    f"{api}/myself names no known time zone ({zone!r}), and JQL reads times in it",
                    "set a time zone in the account's profile, visible to itself",
                ) from None
            fields = questions.ask(f"{api}/field")
            if not isinstance(fields, list):
                raise questions.client.error(f"{api}/field gave no list", "check that url is a Jira site")
            ids = frozenset(str(one["id"]) for one in fields) | {"id", "key"}
            # Of fields with one name the first is meant; another one can be given by its id.
            names = {str(one.get("name", "")).lower(): str(one["id"]) for one in reversed(fields)}
            slas = {
                str(one["id"]): str(one.get("name"))
                for one in fields
                if (one.get("schema") or {}).get("custom") == SLA_FIELD
                or one.get("name") == self._source.sla_name
            }
            self._site = Site(found, ids, names, tuple(sorted(slas.items())))
        return self._site

    def _columns(
        self, questions: Questions, site: Site, table: str, mapped: Mapped
    ) -> dict[str, tuple[Place, ...]]:
        """Where each source column stands. Raises `SourceError` for one that the user named and the site lacks."""
        kinds = {column: contract(table).fields[field].type for field, column in mapped.columns.items()}
        made = _MADE.get(table, ())
        found = {
            column: site.places(column, kinds.get(column) == "timestamp")
            for column in mapped.source_fields
            if column not in made
        }
        for field, column in self._source.tables[table].columns.items():
            if column in found and not found[column]:
                raise questions.client.error(
                    f"tables.{table}.columns.{field}: the site has no field {column!r}",
                    "give a field's name or id as the administration of fields shows it",
                )
        return found

    def _count(self, questions: Questions, site: Site, table: str, jql: str, cursor: Cursor) -> int | None:
        """How many issues Data Center has for the window, asked before the first page; Cloud does not say.

        None too where the window begins or ends at a time that clocks show twice.
        """
        since, until = instants(cursor, "since", "until")
        is_first = cursor["bound"] == cursor["since"] and not (cursor["seen"] or cursor["start"])
        if self._source.is_cloud or not is_first or site.asked(since) != since or site.asked(until) != until:
            return None
        end = "" if table == "incidents" else f" AND updated < {site.text(until)}"
        return questions.total(jql + end)

    # --- configuration items ---

    def _objects(self, questions: Questions, table: str, start: int) -> Page:
        """One page of objects of Assets, in the order of their keys."""
        mapped, limit = self._source.mapped(table), self._source.page_rows
        aql = f"({mapped.filter}) ORDER BY Key ASC"
        rights = "the role Object schema user of the schemas of Assets that are read"
        if self._source.is_cloud:
            path, params = cloud_question(self._known_workspace(questions), start, limit)
            body = questions.client.ask(
                "POST", path, params=params, json_body={"qlQuery": aql}, rights=rights
            ).body
            page = cloud_page(body, start, limit)
        else:
            path, params = data_center_question(aql, start, limit)
            page = data_center_page(questions.ask(path, params, rights=rights), start, limit)
        if page is None:
            raise questions.client.error(f"{path} gave no list of objects", "see whether the site has Assets")
        rows = tuple(
            RawRow(key_of(one), None, object_cells(one, mapped.source_fields, page.names))
            for one in page.objects
        )
        following = None if page.is_last else {"start": start + limit}
        return Page(rows, following, page.total if start == 0 else None)

    def _known_workspace(self, questions: Questions) -> str:
        """That of the site's Assets, asked once for each connector."""
        if self._workspace is None:
            values = questions.ask(WORKSPACES).get("values") or []
            if len(values) != 1:
                raise questions.client.error(
                    f"the site has {len(values)} workspaces of Assets, where one is expected",
                    "see whether Assets is part of the site's plan and the account may see it",
                )
            self._workspace = str(values[0]["workspaceId"])
        return self._workspace

    # --- incidents ---

    def _events(
        self,
        questions: Questions,
        site: Site,
        mapped: Mapped,
        columns: Mapping[str, Sequence[Place]],
        issues: Sequence[dict[str, Any]],
        cursor: Cursor,
    ) -> Iterator[RawRow]:
        """What happened to these incidents in the window, one row an update, as they were after it."""
        since, until = instants(cursor, "since", "until")
        words, state = mapped.replace.get("state", {}), mapped.columns.get("state", "")
        hands = site.places(mapped.columns.get("team_id", "assignee"))
        for issue in issues:
            updates = self._updates(questions, site, issue)
            events = history(issue, columns, updates)
            states = [words.get(event.get(state) or "", event.get(state) or "") for event in events]
            add_counts(events, updates, hands[0].field if hands else "", states)
            kept: tuple[str | None] | None = None
            for event, word in zip(events, states, strict=True):
                when = moment(event["updated"])
                if when is None or lies(when, since, until):
                    if word in _ENDED and "made_sla" in mapped.source_fields:
                        kept = kept or (kept_target(self._sla(questions, site, issue)),)
                        event["made_sla"] = kept[0]
                    yield RawRow(f"{key_of(issue)}/{event['change_number']}", when, event)

    def _updates(self, questions: Questions, site: Site, issue: Mapping[str, Any]) -> list[Update]:
        """The whole changelog, oldest first. The search gives the newest entries only, and says how many there are."""
        log = issue.get("changelog") or {}
        entries = list(log.get("histories") or [])
        total = log.get("total")
        if isinstance(total, int) and total > len(entries):
            entries = list(questions.changelog(str(issue["id"])))
        unique = {str(entry["id"]): entry for entry in entries}
        ordered = sorted(
            unique.values(), key=lambda one: (moment(one.get("created")) or _NEVER, int(one["id"]))
        )
        return [
            Update(str(one.get("created")), tuple(change(site, item) for item in one.get("items") or []))
            for one in ordered
        ]

    def _sla(self, questions: Questions, site: Site, issue: Mapping[str, Any]) -> Mapping[str, Any]:
        """The SLA on resolution."""
        name = self._source.sla_name
        found = self._slas(questions, site, issue, name)
        return next((one for one in found if one.get("name") == name), {})

    def _slas(
        self, questions: Questions, site: Site, issue: Mapping[str, Any], name: str | None = None
    ) -> list[Mapping[str, Any]]:
        """The SLAs of an issue. They come as fields; where these are empty (that called `name` is), they are asked for.

        An issue that is no request of a service project has none (404).
        """
        found = shown_slas(issue, site.slas)
        if found and (name is None or any(one["name"] == name for one in found)):
            return found
        try:
            return list(questions.slas(str(issue["key"])))
        except NotThereError:
            return []

    def _cycles(
        self, questions: Questions, site: Site, issue: Mapping[str, Any], mapped: Mapped
    ) -> Iterator[dict[str, str | None]]:
        """The cycles of an issue's SLAs as they are now: what is read of them."""
        wanted = {"cycle.id", *mapped.source_fields}
        for sla in self._slas(questions, site, issue):
            for cells in cycle_cells(str(issue["key"]), sla, self._source.sla_name):
                yield {name: value for name, value in cells.items() if name in wanted}


_NEVER = datetime.max.replace(tzinfo=UTC)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


__all__ = ["JiraConnector", "JiraSource", "TableSettings"]
