"""Jira Service Management, Cloud and Data Center; incidents with their history from the changelog.

Issues are asked for in the order of (updated, key). JQL knows times by the minute and in the account's zone, so each
page begins a new question at the minute of the last issue: offsets skip issues when others change in between
(JRASERVER-69860), and end at 10,000. What comes twice is left out. No question has an upper bound: an issue that
changes while it is read would fall out of it, and the issue's own `updated` says where the window ends.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import model_validator

from assets.connectors.base import Window
from assets.connectors.http import Client
from assets.connectors.jira_history import Cells, Change, Place, Update, add_counts, history
from assets.connectors.paged import PagedConnector, as_text
from assets.connectors.paged_settings import Mapped, PagedSource, TableSettings
from assets.connectors.remote import NotThereError, TransientError
from assets.connectors.sign_in import BasicSignIn, SignIn
from assets.landing.contracts import contract
from assets.landing.spool import Cursor, Page, RawRow

#: What the connector itself adds to an incident's fields.
_MADE = ("change_number", "reassignments", "reopenings", "closed_at", "made_sla")
_ENDED = ("resolved", "closed")
#: What Jira says in a header, with status 200, to a token that has ended (github.com/MrRefactoring/jira.js 418).
_NOT_SIGNED_IN = ("AUTHENTICATED_FAILED", "AUTHENTICATION_DENIED", "OUT")
_SLA_LIMIT = 50
_CHANGELOG_LIMIT = 100
#: No issue was changed before: a census begins here, for a question without a bound is refused.
_BEGINNING, _END = date(1971, 1, 1), date(9000, 1, 1)
#: How often a minute is begun anew because issues left it, before the source is given up.
_RESTARTS = 20


class JiraSource(PagedSource):
    """Configuration of one site. Signs in with `user` and `token_env` (Cloud: e-mail and API token), on Data Center
    with `token_env` alone (personal access token). `sla_name` is the SLA that says whether an incident kept its target.
    """

    type: Literal["jira"]
    deployment: Literal["cloud", "data_center"]
    user: str | None = None
    sla_name: str = "Time to resolution"

    @property
    def is_cloud(self) -> bool:
        """True for Jira Cloud."""
        return self.deployment == "cloud"

    def mapped(self, table: str) -> Mapped:
        """The mapping, with the names of issue types that the deployment has."""
        found = super().mapped(table)
        if self.is_cloud or self.tables[table].filter or not found.filter:
            return found
        return found.model_copy(update={"filter": found.filter.replace("[System] ", "")})

    @model_validator(mode="after")
    def _signs_in(self) -> JiraSource:
        if self.token_env is None or (self.is_cloud and self.user is None):
            needed = "user (an e-mail address) and token_env" if self.is_cloud else "token_env"
            raise ValueError(f"needs a way to sign in; fix: give {needed}")
        return self

    @model_validator(mode="after")
    def _filters_can_be_joined(self) -> JiraSource:
        for table, settings in self.tables.items():
            if settings.filter and "order by" in " ".join(settings.filter.lower().split()):
                raise ValueError(f"tables.{table}.filter: the order is Ullage's; fix: leave ORDER BY out")
        return self


@dataclass(frozen=True)
class _Site:
    """What has to be known of a site before issues are read: the account's zone, fields by id and by name."""

    zone: ZoneInfo
    ids: frozenset[str]
    names: Mapping[str, str]

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

    def asked(self, moment: datetime) -> datetime:
        """The minute that a question about `moment` begins with: one that the zone's clocks show only once."""
        minute = moment.replace(second=0, microsecond=0)
        while _is_shown_twice(minute.astimezone(self.zone)):
            minute -= timedelta(minutes=1)
        return minute

    def text(self, minute: datetime) -> str:
        """A minute as JQL takes it."""
        return minute.astimezone(self.zone).strftime('"%Y/%m/%d %H:%M"')


class JiraConnector(PagedConnector):
    """Reads one site. Opens nothing before `batches` is iterated."""

    _source: JiraSource
    _site: _Site | None = None
    rights = "Browse Projects on the projects read, and the role Agent of their service projects for SLAs"

    def sign_in(self) -> SignIn | None:
        """Basic, or None: the token as Bearer."""
        source = self._source
        return BasicSignIn(source.name, source.user, source.token_env or "") if source.user else None

    def first(self, table: str, window: Window | None) -> Cursor:  # noqa: ARG002
        """From the window's first minute on. Incidents have no end: one changed later has its events inside."""
        assert window is not None, "every table of Jira is read by day"
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
        site = self._known(client)
        mapped = self._source.mapped(table)
        columns = self._columns(client, site, table, mapped)
        fields = {place.field for places in columns.values() for place in places} - {"id", "key"} | {
            "updated"
        }
        is_incidents = table == "incidents"
        if is_incidents:
            fields |= {"created", "resolution", site.field(self._source.sla_name) or "updated"}
        since, until = _instants(cursor, "since", "until")
        jql = f"({mapped.filter}) AND updated >= {site.text(site.asked(_instants(cursor, 'bound')[0]))}"
        announced = self._count(client, site, table, jql, cursor)
        body = self._search(client, site, jql, sorted(fields), "changelog" if is_incidents else None, cursor)
        following = self._behind(client, site, table, body, cursor)
        seen = set(cursor["seen"])
        fresh = [issue for issue in body["issues"] if _mark(issue) not in seen]
        inside = [one for one in fresh if _lies(_updated(one), since, None if is_incidents else until)]
        records = tuple(map(_key, inside))
        for issue in inside:
            for name in issue["fields"].keys() - fields:
                columns[name] = (Place(name),)  # came although nobody asked for it
        if is_incidents:
            events = self._events(client, site, mapped, columns, inside, cursor)
            return Page(tuple(events), following, announced, records)
        rows = tuple(RawRow(_key(one), _updated(one), _cells(one, columns)) for one in inside)
        return Page(rows, following, announced, records)

    def census_page(self, client: Client, table: str, cursor: Cursor | None) -> Page:
        """The key of every issue, in the order of its last change, with the time of its making."""
        cursor = cursor or self.first(table, Window(_BEGINNING, _END))
        site, mapped = self._known(client), self._source.mapped(table)
        column = mapped.columns[contract(table).key[0]]
        places = self._columns(client, site, table, mapped)[column]
        bound = site.asked(_instants(cursor, "bound")[0])
        jql = f"({mapped.filter}) AND updated >= {site.text(bound)}"
        announced = None
        if not self._source.is_cloud and cursor["bound"] == cursor["since"] and not cursor["start"]:
            announced = self._total(client, jql)
        fields = sorted({place.field for place in places} - {"id", "key"} | {"created", "updated"})
        body = self._search(client, site, jql, fields, None, cursor)
        following = self._behind(client, site, table, body, cursor)
        seen = set(cursor["seen"])
        fresh = [issue for issue in body["issues"] if _mark(issue) not in seen]
        rows = []
        for issue in fresh:
            key = _cells(issue, {column: places})[column]
            if key is not None:
                created = _moment(issue["fields"].get("created"))
                cells = {"created": created.isoformat() if created else None}
                rows.append(RawRow(key, _updated(issue), cells))
        return Page(tuple(rows), following, announced, tuple(map(_key, fresh)))

    # --- what has to be known first ---

    def _known(self, client: Client) -> _Site:
        """Asked once for each connector."""
        if self._site is None:
            api = self._api
            named = self._ask(client, f"{api}/myself")
            zone = named.get("timeZone") if isinstance(named, Mapping) else None
            try:
                found = ZoneInfo(zone or "")
            except (ZoneInfoNotFoundError, ValueError):
                raise client.error(
                    f"{api}/myself names no known time zone ({zone!r}), and JQL reads times in it",
                    "set a time zone in the account's profile, visible to itself",
                ) from None
            fields = self._ask(client, f"{api}/field")
            if not isinstance(fields, list):
                raise client.error(f"{api}/field gave no list", "check that url is a Jira site")
            ids = frozenset(str(one["id"]) for one in fields) | {"id", "key"}
            # Of fields with one name the first is meant; another one can be given by its id.
            names = {str(one.get("name", "")).lower(): str(one["id"]) for one in reversed(fields)}
            self._site = _Site(found, ids, names)
        return self._site

    @property
    def _api(self) -> str:
        return "/rest/api/3" if self._source.is_cloud else "/rest/api/2"

    def _columns(
        self, client: Client, site: _Site, table: str, mapped: Mapped
    ) -> dict[str, tuple[Place, ...]]:
        """Where each source column stands. Raises `SourceError` for one that the user named and the site lacks."""
        kinds = {column: contract(table).fields[field].type for field, column in mapped.columns.items()}
        made = _MADE if table == "incidents" else ()
        found = {
            column: site.places(column, kinds.get(column) == "timestamp")
            for column in mapped.source_fields
            if column not in made
        }
        for field, column in self._source.tables[table].columns.items():
            if column in found and not found[column]:
                raise client.error(
                    f"tables.{table}.columns.{field}: the site has no field {column!r}",
                    "give a field's name or id as the administration of fields shows it",
                )
        return found

    # --- questions ---

    def _ask(
        self,
        client: Client,
        path: str,
        params: Mapping[str, Any] | None = None,
        *,
        rights: str = "",
        fix: str = "",
    ) -> Any:
        """The body of an answer. Some answers come to anybody: without a valid token with fewer issues, or none."""
        answer = client.ask("GET", path, params=params, rights=rights, fix=fix)
        if answer.headers.get("x-seraph-loginreason", "OK") in _NOT_SIGNED_IN:
            raise client.error(
                "the server answered as to an anonymous person: the sign-in was not accepted",
                f"renew the secret in {self._source.token_env}",
            )
        return answer.body

    def _search(
        self, client: Client, site: _Site, jql: str, fields: Sequence[str], expand: str | None, cursor: Cursor
    ) -> dict[str, Any]:
        """One answer, checked to be one to this question."""
        params: dict[str, Any] = {
            "jql": f"{jql} ORDER BY updated ASC, key ASC",
            "fields": ",".join(sorted(fields)),
            "maxResults": self._source.page_rows,
            **({"expand": expand} if expand else {}),
        }
        if self._source.is_cloud:
            token = {"nextPageToken": cursor["token"]} if cursor["token"] else {}
            body = self._ask(client, f"{self._api}/search/jql", params | token)
        else:
            body = self._ask(client, f"{self._api}/search", params | {"startAt": cursor["start"]})
        issues = body.get("issues") if isinstance(body, dict) else None
        if not isinstance(issues, list) or not all(isinstance(one.get("fields"), dict) for one in issues):
            raise client.error(
                "the search gave no list `issues` with fields", "check that url is a Jira site"
            )
        _refuse_stale(body, cursor, site.asked(_instants(cursor, "bound")[0]))
        return dict(body)

    def _count(self, client: Client, site: _Site, table: str, jql: str, cursor: Cursor) -> int | None:
        """How many issues Data Center has for the window, asked before the first page; Cloud does not say.

        None too where the window begins or ends at a time that clocks show twice.
        """
        since, until = _instants(cursor, "since", "until")
        is_first = cursor["bound"] == cursor["since"] and not (cursor["seen"] or cursor["start"])
        if self._source.is_cloud or not is_first or site.asked(since) != since or site.asked(until) != until:
            return None
        end = "" if table == "incidents" else f" AND updated < {site.text(until)}"
        return self._total(client, jql + end)

    def _total(self, client: Client, jql: str) -> int | None:
        params = {"jql": jql, "maxResults": 0, "fields": "updated"}
        total = self._ask(client, f"{self._api}/search", params).get("total")
        return total if isinstance(total, int) else None

    def _behind(
        self, client: Client, site: _Site, table: str, body: Mapping[str, Any], cursor: Cursor
    ) -> Cursor | None:
        """Where to go on: at the minute of the last issue, or within the minute behind this page.

        A short page is not the end. Jira may give fewer than asked for and says how many in `maxResults`.
        """
        issues, start, token = body["issues"], cursor["start"], body.get("nextPageToken")
        size = int(body.get("maxResults") or self._source.page_rows)
        has_more = bool(token) if self._source.is_cloud else start + size < int(body.get("total") or 0)
        seen = sorted({*cursor["seen"], *map(_mark, issues)})
        if cursor["anchor"] is not None and (not issues or _key(issues[0]) != cursor["anchor"]):
            # An issue before this page left the minute, so the others moved up and one may have been skipped.
            if cursor["restarts"] >= _RESTARTS:
                raise client.error("issues change faster than they are read", "read at a quieter time")
            return {**cursor, "start": 0, "anchor": None, "seen": seen, "restarts": cursor["restarts"] + 1}
        bound, until = _instants(cursor, "bound", "until")
        last = next((when for when in map(_updated, reversed(issues)) if when is not None), None)
        if not has_more or (table != "incidents" and last is not None and last >= until):
            return None
        if last is not None and (minute := site.asked(last)) > site.asked(bound):
            marks = sorted(_mark(one) for one in issues if (_updated(one) or minute) >= minute)
            return {
                **cursor,
                "bound": minute.isoformat(),
                "token": None,
                "start": 0,
                "anchor": None,
                "seen": marks,
            }
        if self._source.is_cloud:
            return {**cursor, "token": token, "seen": seen}
        # Pages overlap by one issue, which shows whether anything moved.
        is_full = len(issues) >= size > 1
        anchor = _key(issues[-1]) if is_full else None
        return {**cursor, "start": start + size - is_full, "anchor": anchor, "seen": seen}

    # --- incidents ---

    def _events(
        self,
        client: Client,
        site: _Site,
        mapped: Mapped,
        columns: Mapping[str, Sequence[Place]],
        issues: Sequence[dict[str, Any]],
        cursor: Cursor,
    ) -> Iterator[RawRow]:
        """What happened to these incidents in the window, one row an update, as they were after it."""
        since, until = _instants(cursor, "since", "until")
        words, state = mapped.replace.get("state", {}), mapped.columns.get("state", "")
        hands = site.places(mapped.columns.get("team_id", "assignee"))
        for issue in issues:
            updates = self._updates(client, site, issue)
            events = history(issue, columns, updates)
            states = [words.get(event.get(state) or "", event.get(state) or "") for event in events]
            add_counts(events, updates, hands[0].field if hands else "", states)
            kept: tuple[str | None] | None = None
            for event, word in zip(events, states, strict=True):
                moment = _moment(event["updated"])
                if moment is None or _lies(moment, since, until):
                    if word in _ENDED and "made_sla" in mapped.source_fields:
                        kept = kept or (self._kept_target(client, site, issue),)
                        event["made_sla"] = kept[0]
                    yield RawRow(f"{_key(issue)}/{event['change_number']}", moment, event)

    def _updates(self, client: Client, site: _Site, issue: Mapping[str, Any]) -> list[Update]:
        """The whole changelog, oldest first. The search gives the newest entries only, and says how many there are."""
        log = issue.get("changelog") or {}
        entries = list(log.get("histories") or [])
        total = log.get("total")
        if isinstance(total, int) and total > len(entries):
            entries = list(self._changelog(client, str(issue["id"])))
        unique = {str(entry["id"]): entry for entry in entries}
        ordered = sorted(
            unique.values(), key=lambda one: (_moment(one.get("created")) or _NEVER, int(one["id"]))
        )
        return [
            Update(str(one.get("created")), tuple(_change(site, item) for item in one.get("items") or []))
            for one in ordered
        ]

    def _changelog(self, client: Client, issue: str) -> Iterator[Mapping[str, Any]]:
        """Every entry of a long changelog. `total` and `isLast` say where it ends, not the length of a page."""
        start = 0
        while True:
            path = f"{self._api}/issue/{issue}/changelog"
            params = {"startAt": start, "maxResults": _CHANGELOG_LIMIT}
            body = self._ask(client, path, params, fix="see whether this version of Jira pages changelogs")
            values = body.get("values") or []
            yield from values
            start += len(values)
            if not values or body.get("isLast") or start >= int(body.get("total", start + 1)):
                return

    def _kept_target(self, client: Client, site: _Site, issue: Mapping[str, Any]) -> str | None:
        """Whether Jira says that an incident kept its target: no cycle of the SLA is breached.

        The SLA comes with the issue as a field; where that is empty it is asked for. An issue that is no request
        of a service project has none (404).
        """
        field = site.field(self._source.sla_name)
        sla = issue["fields"].get(field) if field else None
        if not isinstance(sla, Mapping) or not _cycles(sla):
            try:
                slas = list(self._slas(client, str(issue["key"])))
            except NotThereError:
                return None
            sla = next((one for one in slas if one.get("name") == self._source.sla_name), {})
        cycles = _cycles(sla)
        if any(_is_breached(cycle) for cycle in cycles):
            return "false"
        return "true" if sla.get("completedCycles") else None

    def _slas(self, client: Client, key: str) -> Iterator[Mapping[str, Any]]:
        start = 0
        while True:
            body = self._ask(
                client,
                f"/rest/servicedeskapi/request/{key}/sla",
                {"start": start, "limit": _SLA_LIMIT},
                rights="the role Agent of the service project",
            )
            values = body.get("values") or []
            yield from values
            start += len(values)
            if not values or body.get("isLastPage", True):
                return


_NEVER = datetime.max.replace(tzinfo=UTC)


def _cycles(sla: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    ongoing = sla.get("ongoingCycle")
    return [*(sla.get("completedCycles") or []), *([ongoing] if ongoing else [])]


def _is_breached(cycle: Mapping[str, Any]) -> bool:
    """As Jira says, or by the milliseconds that were left."""
    said = cycle.get("breached")
    left = (cycle.get("remainingTime") or {}).get("millis")
    return bool(said) if said is not None else left is not None and left < 0


def _change(site: _Site, item: Mapping[str, Any]) -> Change:
    """Cloud names the field by its id, Data Center by what users see."""
    name = str(item.get("fieldId") or item.get("field") or "")
    return Change(
        site.field(name) or name,
        (item.get("from") or None, item.get("fromString") or None),
        (item.get("to") or None, item.get("toString") or None),
    )


def _cells(issue: Mapping[str, Any], columns: Mapping[str, Sequence[Place]]) -> Cells:
    return {
        column: next((value for place in places if (value := place.of(issue)) is not None), None)
        for column, places in columns.items()
    }


def _refuse_stale(body: Mapping[str, Any], cursor: Cursor, asked: datetime) -> None:
    """Raise `TransientError` for an answer to another question, as from a cache."""
    token, times = cursor["token"], [when for when in map(_updated, body["issues"]) if when is not None]
    is_other = token and body.get("nextPageToken") == token
    is_other = (
        is_other or body.get("startAt", cursor["start"]) != cursor["start"] or body.get("maxResults") == 0
    )
    if is_other or min(times, default=asked) < asked:
        raise TransientError("the answer belongs to another question than the one asked")


def _key(issue: Mapping[str, Any]) -> str:
    return as_text(issue.get("id")) or f"content:{as_text(dict(issue))}"


def _mark(issue: Mapping[str, Any]) -> str:
    """An issue in the version in which it was read."""
    return f"{_key(issue)}@{issue['fields'].get('updated')}"


def _updated(issue: Mapping[str, Any]) -> datetime | None:
    return _moment(issue["fields"].get("updated"))


def _moment(text: Any) -> datetime | None:
    """A time of Jira, such as 2026-03-28T19:00:00.123+1100."""
    try:
        found = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return None if found.tzinfo is None else found.astimezone(UTC)


def _lies(moment: datetime | None, since: datetime, until: datetime | None) -> bool:
    """Within [since, until); a time that cannot be read lands where a person will see it."""
    return moment is None or (since <= moment and (until is None or moment < until))


def _instants(cursor: Cursor, *names: str) -> list[datetime]:
    return [datetime.fromisoformat(cursor[name]) for name in names]


def _is_shown_twice(local: datetime) -> bool:
    return local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


__all__ = ["JiraConnector", "JiraSource", "TableSettings"]
