"""The questions that Jira is asked: searches page by page, changelogs and SLAs to their end; answers it refuses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from assets.connectors.http import Client
from assets.connectors.jira_settings import JiraSource
from assets.connectors.jira_site import Site, instants, key_of, mark, updated_at
from assets.connectors.remote import TransientError
from assets.landing.spool import Cursor

#: What Jira says in a header, with status 200, to a token that has ended (github.com/MrRefactoring/jira.js 418).
_NOT_SIGNED_IN = ("AUTHENTICATED_FAILED", "AUTHENTICATION_DENIED", "OUT")
_SLA_LIMIT = 50
_CHANGELOG_LIMIT = 100
#: How often a minute is begun anew because issues left it, before the source is given up.
_RESTARTS = 20


@dataclass(frozen=True)
class Questions:
    """What one site is asked through one client."""

    source: JiraSource
    client: Client

    @property
    def api(self) -> str:
        """Where its REST interface begins."""
        return "/rest/api/3" if self.source.is_cloud else "/rest/api/2"

    def ask(
        self,
        path: str,
        params: Mapping[str, Any] | None = None,
        *,
        rights: str = "",
        fix: str = "",
    ) -> Any:
        """The body of an answer. Some answers come to anybody: without a valid token with fewer issues, or none."""
        answer = self.client.ask("GET", path, params=params, rights=rights, fix=fix)
        if answer.headers.get("x-seraph-loginreason", "OK") in _NOT_SIGNED_IN:
            raise self.client.error(
                "the server answered as to an anonymous person: the sign-in was not accepted",
                f"renew the secret in {self.source.token_env}",
            )
        return answer.body

    def search(
        self, site: Site, jql: str, fields: Sequence[str], expand: str | None, cursor: Cursor
    ) -> dict[str, Any]:
        """One answer, checked to be one to this question."""
        params: dict[str, Any] = {
            "jql": f"{jql} ORDER BY updated ASC, key ASC",
            "fields": ",".join(sorted(fields)),
            "maxResults": self.source.page_rows,
            **({"expand": expand} if expand else {}),
        }
        if self.source.is_cloud:
            token = {"nextPageToken": cursor["token"]} if cursor["token"] else {}
            body = self.ask(f"{self.api}/search/jql", params | token)
        else:
            body = self.ask(f"{self.api}/search", params | {"startAt": cursor["start"]})
        issues = body.get("issues") if isinstance(body, dict) else None
        if not isinstance(issues, list) or not all(isinstance(one.get("fields"), dict) for one in issues):
            raise self.client.error(
                "the search gave no list `issues` with fields", "check that url is a Jira site"
            )
        _refuse_stale(body, cursor, site.asked(instants(cursor, "bound")[0]))
        return dict(body)

    def total(self, jql: str) -> int | None:
        """How many issues Data Center has for a question."""
        params = {"jql": jql, "maxResults": 0, "fields": "updated"}
        total = self.ask(f"{self.api}/search", params).get("total")
        return total if isinstance(total, int) else None

    def behind(self, site: Site, table: str, body: Mapping[str, Any], cursor: Cursor) -> Cursor | None:
        """Where to go on: at the minute of the last issue, or within the minute behind this page.

        A short page is not the end. Jira may give fewer than asked for and says how many in `maxResults`.
        """
        issues, start, token = body["issues"], cursor["start"], body.get("nextPageToken")
        size = int(body.get("maxResults") or self.source.page_rows)
        has_more = bool(token) if self.source.is_cloud else start + size < int(body.get("total") or 0)
        seen = sorted({*cursor["seen"], *map(mark, issues)})
        if cursor["anchor"] is not None and (not issues or key_of(issues[0]) != cursor["anchor"]):
            # An issue before this page left the minute, so the others moved up and one may have been skipped.
            if cursor["restarts"] >= _RESTARTS:
                raise self.client.error("issues change faster than they are read", "read at a quieter time")
            return {**cursor, "start": 0, "anchor": None, "seen": seen, "restarts": cursor["restarts"] + 1}
        bound, until = instants(cursor, "bound", "until")
        last = next((when for when in map(updated_at, reversed(issues)) if when is not None), None)
        if not has_more or (table != "incidents" and last is not None and last >= until):
            return None
        if last is not None and (minute := site.asked(last)) > site.asked(bound):
            marks = sorted(mark(one) for one in issues if (updated_at(one) or minute) >= minute)
            return {
                **cursor,
                "bound": minute.isoformat(),
                "token": None,
                "start": 0,
                "anchor": None,
                "seen": marks,
            }
        if self.source.is_cloud:
            return {**cursor, "token": token, "seen": seen}
        # Pages overlap by one issue, which shows whether anything moved.
        is_full = len(issues) >= size > 1
        anchor = key_of(issues[-1]) if is_full else None
        return {**cursor, "start": start + size - is_full, "anchor": anchor, "seen": seen}

    def changelog(self, issue: str) -> Iterator[Mapping[str, Any]]:
        """Every entry of a long changelog. `total` and `isLast` say where it ends, not the length of a page."""
        start = 0
        while True:
            path = f"{self.api}/issue/{issue}/changelog"
            params = {"startAt": start, "maxResults": _CHANGELOG_LIMIT}
            body = self.ask(path, params, fix="see whether this version of Jira pages changelogs")
            values = body.get("values") or []
            yield from values
            start += len(values)
            if not values or body.get("isLast") or start >= int(body.get("total", start + 1)):
                return

    def slas(self, key: str) -> Iterator[Mapping[str, Any]]:
        """Every SLA of an issue, from the service project's own interface. Raises `NotThereError`: it is no request."""
        start = 0
        while True:
            body = self.ask(
                f"/rest/servicedeskapi/request/{key}/sla",
                {"start": start, "limit": _SLA_LIMIT},
                rights="the role Agent of the service project",
            )
            values = body.get("values") or []
            yield from values
            start += len(values)
            if not values or body.get("isLastPage", True):
                return


def _refuse_stale(body: Mapping[str, Any], cursor: Cursor, asked: datetime) -> None:
    """Raise `TransientError` for an answer to another question, as from a cache."""
    token, times = cursor["token"], [when for when in map(updated_at, body["issues"]) if when is not None]
    is_other = token and body.get("nextPageToken") == token
    is_other = (
        is_other or body.get("startAt", cursor["start"]) != cursor["start"] or body.get("maxResults") == 0
    )
    if is_other or min(times, default=asked) < asked:
        raise TransientError("the answer belongs to another question than the one asked")
