"""Jira Service Management as we believe it to be, Cloud and Data Center. Each trap says where it is documented."""

from __future__ import annotations

import os
import re
from base64 import b64decode, b64encode
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tests.connectors.simulators.faults import Question, Reply, Simulator

START = datetime(2026, 3, 28, 8, tzinfo=UTC)
USER, VARIABLE, TOKEN = "ullage@example.com", "JIRA_TOKEN", "planted-api-token-1"
#: Half an hour off, and behind UTC: a question in UTC would lose two and a half hours of issues.
ZONE = "America/St_Johns"
FIELDS = {
    "summary": "Summary",
    "status": "Status",
    "priority": "Priority",
    "issuetype": "Issue Type",
    "assignee": "Assignee",
    "components": "Components",
    "issuelinks": "Linked Issues",
    "resolution": "Resolution",
    "resolutiondate": "Resolved",
    "created": "Created",
    "updated": "Updated",
    "customfield_10001": "Team",
    "customfield_10005": "Change type",
    "customfield_10020": "Affected hardware",
    "customfield_10021": "Category",
    "customfield_10047": "Planned start",
    "customfield_10048": "Planned end",
    "customfield_10049": "Actual start",
    "customfield_10050": "Affected services",
    "customfield_10051": "Actual end",
    "customfield_10052": "Outcome",
    "customfield_10060": "Time to resolution",
    "customfield_10061": "Time to first response",
    "customfield_10070": "Root cause",
    "customfield_10071": "Workaround",
    "customfield_10080": "Request Type",
}
WORKSPACE = "g2778e1d"
#: Types of links: name, words on an issue that has the other as `inwardIssue`, and as `outwardIssue`. The first is
#: delivered (jira.mongodb.org/rest/api/2/issueLinkType/10520 has it), the second is a site's own.
LINKS = {"Problem/Incident": ("is caused by", "causes"), "Fix": ("is fixed by", "fixes")}
#: Attributes of the types of objects in Assets.
ATTRIBUTES = {"135": "Hostname", "136": "Site", "137": "Support group"}
_JQL = re.compile(
    r'\(issuetype (?:= |in \()"?(?P<types>[^)]*?)"?\)+ AND updated >= "(?P<from>[^"]+)"'
    r'(?: AND updated < "(?P<until>[^"]+)")?(?P<order> ORDER BY updated ASC, key ASC)?'
)
Issue = dict[str, Any]


class Jira(Simulator):
    """Issues of one site. Changes are the rows on which the guarantees are tried."""

    def __init__(self, rows: int = 0, deployment: str = "cloud") -> None:
        super().__init__()
        self.is_cloud = deployment == "cloud"
        self.zone = ZoneInfo(ZONE)
        self.issues: list[Issue] = []
        self.slas: dict[str, list[dict[str, Any]]] = {}
        self.objects: list[dict[str, Any]] = []
        self.workspaces = [WORKSPACE]
        self.hidden: set[str] = set()
        self.token = os.environ.get(VARIABLE, TOKEN)
        self.most_issues = 100
        self.most_entries = 100
        for _ in range(rows):
            self.add()

    # --- the product ---

    def answer(self, question: Question) -> Reply:
        """What Cloud (`/rest/api/3`) or Data Center (`/rest/api/2`) says."""
        # Cloud takes e-mail and API token as Basic, Data Center a personal access token as Bearer
        # (developer.atlassian.com: Basic auth for REST APIs; confluence.atlassian.com: Using personal access tokens).
        proof = f"Basic {b64encode(f'{USER}:{self.token}'.encode()).decode()}"
        if question.headers.get("authorization") != (proof if self.is_cloud else f"Bearer {self.token}"):
            if question.path == "/rest/api/3/search/jql":
                # A token that has ended makes one unknown, who finds nothing (github.com/MrRefactoring/jira.js 418).
                return Reply(
                    {"issues": [], "isLast": True}, headers={"X-Seraph-LoginReason": "AUTHENTICATED_FAILED"}
                )
            return _error(401, "Client must be authenticated to access this resource.")
        api = "/rest/api/3" if self.is_cloud else "/rest/api/2"
        match question.path.removeprefix(api):
            case "/myself":
                return Reply({"accountId": "5b10", "timeZone": self.zone.key})
            case "/field":
                # An SLA is a field of a type of its own (support.atlassian.com: SLAs; the type as /field gives it).
                return Reply(
                    [{"id": one, "name": name, "schema": _schema(name)} for one, name in FIELDS.items()]
                )
            case "/search/jql" if self.is_cloud:
                return self._cloud(question)
            case "/search" if self.is_cloud:
                # github.com/dapplo/Dapplo.Jira 79, developer.atlassian.com/changelog CHANGE-2046.
                return _error(
                    410,
                    "The requested API has been removed. Please migrate to the /rest/api/3/search/jql API.",
                )
            case "/search":
                return self._data_center(question)
        if self.is_cloud and question.path == "/rest/servicedeskapi/assets/workspace":
            # github.com/atlassian/atlassian-mcp-server 144: asked for before any call of Assets.
            values = [{"workspaceId": one} for one in self.workspaces]
            return Reply({"size": len(values), "isLastPage": True, "values": values})
        if self.is_cloud and question.path == f"/gateway/api/jsm/assets/workspace/{WORKSPACE}/v1/object/aql":
            return self._cloud_objects(question)
        if not self.is_cloud and question.path == "/rest/assets/1.0/aql/objects":
            return self._data_center_objects(question)
        if found := re.fullmatch(rf"{api}/issue/(\w+)/changelog", question.path):
            return self._changelog(found[1], question) if self.is_cloud else _error(404, "null for uri")
        if found := re.fullmatch(r"/rest/servicedeskapi/request/([\w-]+)/sla", question.path):
            return self._sla(found[1], question)
        return _error(404, "null for uri")

    def _cloud(self, question: Question) -> Reply:
        params = question.params
        found = self._found(params.get("jql", ""))
        if isinstance(found, Reply):
            return found
        # A keyset behind a token (gitlab.com/gitlab-org/gitlab merge request 206815), for the same question only.
        if token := params.get("nextPageToken"):
            jql, updated, number = b64decode(token).decode().split("\n")
            if jql != params["jql"]:
                return _error(400, "The provided next page token is invalid or expired.")
            behind = (datetime.fromisoformat(updated), int(number))
            found = [issue for issue in found if _order(issue) > behind]
        # Fewer issues than asked for are no end (github.com/jira-node/node-jira-client 258: "Jira may return fewer
        # items per page"), nor is a page without any; there is no total (CHANGE-2046).
        limit = min(int(params.get("maxResults", "50")), self.most_issues)
        limit = max(limit - len(found) % 2, 1)
        page = found[:limit]
        body: dict[str, Any] = {
            "issues": [self._shown(one, question) for one in page if one["id"] not in self.hidden]
        }
        body["isLast"] = len(found) <= limit
        if len(found) > limit:  # The key is missing on the last page (JRACLOUD-92184).
            updated, number = _order(page[-1])
            body["nextPageToken"] = b64encode(
                f"{params['jql']}\n{updated.isoformat()}\n{number}".encode()
            ).decode()
        return Reply(body)

    def _data_center(self, question: Question) -> Reply:
        params = question.params
        found = self._found(params.get("jql", ""))
        if isinstance(found, Reply):
            return found
        # No more than a limit of the site, which the answer says in maxResults (confluence.atlassian.com: Limiting the
        # number of issues returned from a search view; Changing maxResults parameter for Jira REST API).
        limit = min(int(params.get("maxResults", "50")), self.most_issues)
        start = int(params.get("startAt", "0"))
        # Offsets: an issue that changes between two pages makes others skip (JRASERVER-69860).
        page = [one for one in found[start : start + limit] if one["id"] not in self.hidden]
        issues = [self._shown(one, question) for one in page]
        return Reply({"startAt": start, "maxResults": limit, "total": len(found), "issues": issues})

    def _found(self, jql: str) -> list[Issue] | Reply:
        """Issues of a question, in its order."""
        match = _JQL.fullmatch(jql)
        if match is None:
            # github.com/raycast/extensions 21425; that of a wrong one is like it.
            return _error(
                400,
                "Unbounded JQL queries are not allowed here. Please add a search restriction to your query.",
            )
        types = re.split(r'",\s*"', match["types"])
        since, until = (self._instant(match[name]) if match[name] else None for name in ("from", "until"))
        found = [
            issue
            for issue in self.issues
            if issue["type"] in types
            and (since is None or issue["updated"] >= since)
            and (until is None or issue["updated"] < until)
        ]
        return sorted(found, key=_order)

    def _instant(self, text: str) -> datetime:
        """A time of JQL: minutes, in the account's zone (github.com/airbytehq/airbyte 48492; support.atlassian.com:
        JQL fields, Updated). Of a time that clocks show twice the later one is meant, which is the worse for us.
        """
        return datetime.strptime(text, "%Y/%m/%d %H:%M").replace(tzinfo=self.zone, fold=1).astimezone(UTC)

    def _shown(self, issue: Issue, question: Question) -> Issue:
        """Only the fields asked for; without any, ids alone (developer.atlassian.com/cloud/jira/platform/rest/v3/
        api-group-issue-search: fields of search/jql defaults to id; expand changelog: the most recent first)."""
        asked = question.params.get("fields")
        if asked is None and self.is_cloud:
            return {"id": issue["id"]}
        everything = {
            **issue["fields"],
            "updated": self._time(issue["updated"]),
            "created": self._time(issue["created"]),
        }
        names = set(asked.split(",")) if asked is not None else set(everything)
        fields = {name: cell for name, cell in everything.items() if name in names or name.startswith("x_")}
        shown = {"id": issue["id"], "key": issue["key"], "fields": fields}
        if question.params.get("expand") == "changelog":
            entries = [self._entry(one) for one in issue["history"]]
            if self.is_cloud:
                # The newest 100 (of late 40): github.com/pycontribs/jira 911, openshift-eng/ai-helpers 680.
                entries = entries[::-1][: self.most_entries]
            total = len(issue["history"])
            shown["changelog"] = {
                "startAt": 0,
                "maxResults": len(entries),
                "total": total,
                "histories": entries,
            }
        return shown

    def _entry(self, entry: Issue) -> Issue:
        """Cloud says which field by its id too; Data Center by what users see, of links by a name of its own (`Link`:
        JRASERVER-65693; Cloud: github.com/mikebowler/jirametrics/issues/72).
        """
        items = [
            {name: cell for name, cell in item.items() if self.is_cloud or name != "fieldId"}
            for item in entry["items"]
        ]
        for item in items:
            if item["field"] == "issuelinks" and not self.is_cloud:
                item["field"] = "Link"
        return {"id": entry["id"], "created": self._time(entry["at"]), "items": items}

    def _changelog(self, id_: str, question: Question) -> Reply:
        """Oldest first, in pages (developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issues, changelogs)."""
        history = next(one["history"] for one in self.issues if one["id"] == id_)
        start = int(question.params.get("startAt", "0"))
        limit = min(int(question.params.get("maxResults", "100")), self.most_entries)
        page = [self._entry(one) for one in history[start : start + limit]]
        last = start + limit >= len(history)
        return Reply(
            {"startAt": start, "maxResults": limit, "total": len(history), "isLast": last, "values": page}
        )

    def _sla(self, key: str, question: Question) -> Reply:
        """Cycles in milliseconds, 50 a page; 404 where no customer asked (developer.atlassian.com/cloud/jira/
        service-desk/rest/api-group-request: Get SLA information)."""
        if key not in self.slas:
            return _error(404, "The request you specified does not exist.")
        start = int(question.params.get("start", "0"))
        limit = min(int(question.params.get("limit", "50")), 50)
        values = self.slas[key][start : start + limit]
        last = start + limit >= len(self.slas[key])
        return Reply(
            {"size": len(values), "start": start, "limit": limit, "isLastPage": last, "values": values}
        )

    def _cloud_objects(self, question: Question) -> Reply:
        """Pages by offset, 25 unless asked for (developer.atlassian.com, Assets: POST object/aql)."""
        assert question.body["qlQuery"].endswith("ORDER BY Key ASC")
        start = int(question.params.get("startAt", "0"))
        limit = int(question.params.get("maxResults", "25"))
        values = self.objects[start : start + limit]
        # Attributes name their type, and the answer says once what each is called.
        names = [{"id": number, "name": name} for number, name in ATTRIBUTES.items()]
        body = {"startAt": start, "maxResults": limit, "total": len(self.objects), "values": values}
        return Reply({**body, "isLast": start + limit >= len(self.objects), "objectTypeAttributes": names})

    def _data_center_objects(self, question: Question) -> Reply:
        """Numbered pages; names only when asked for (docs.atlassian.com/assets/REST/10.7.0, aql/objects)."""
        number, limit = int(question.params["page"]), int(question.params["resultPerPage"])
        names = [{"id": int(number), "name": name} for number, name in ATTRIBUTES.items()]
        shown = names if question.params.get("includeTypeAttributes") == "true" else []
        found = self.objects[(number - 1) * limit : number * limit]
        body = {"objectEntries": found, "totalFilterCount": len(self.objects), "pageNumber": number}
        return Reply({**body, "objectTypeAttributes": shown})

    def put_object(self, kind: str, label: str, created: str, **attributes: str) -> None:
        """An object of Assets; a value of an attribute that refers to another object has only what is displayed."""
        number = len(self.objects) + 1
        held = []
        for name, value in attributes.items():
            of = next(id_ for id_, known in ATTRIBUTES.items() if known == name.replace("_", " "))
            held.append({"objectTypeAttributeId": of, "objectAttributeValues": [{"displayValue": value}]})
        self.objects.append(
            {
                "id": str(number),
                "objectKey": f"ITSM-{number}",
                "label": label,
                "objectType": {"id": "1", "name": kind},
                "created": created,
                "attributes": held,
            }
        )

    def _time(self, moment: datetime) -> str:
        """Cloud writes times in the account's zone, Data Center in the server's (airbyte 48838)."""
        local = moment.astimezone(self.zone if self.is_cloud else UTC)
        return (
            local.strftime("%Y-%m-%dT%H:%M:%S.") + f"{local.microsecond // 1000:03d}" + local.strftime("%z")
        )

    # --- what the guarantees ask for ---

    @property
    def changes(self) -> list[Issue]:
        """The changes."""
        return [one for one in self.issues if one["type"] == self.type("Change")]

    def type(self, name: str) -> str:
        """Cloud calls its delivered issue types `[System] …`."""
        return f"[System] {name}" if self.is_cloud else name

    def put(self, name: str, updated: datetime, created: datetime = START, **fields: Any) -> Issue:
        """A new issue of a type, with its fields by id."""
        number = max((int(one["id"]) for one in self.issues), default=10_000) + 1
        issue: Issue = {
            "id": str(number),
            "key": f"ITSM-{number - 10_000}",
            "type": self.type(name),
            "updated": updated,
            "created": created,
            "fields": {"summary": "A ticket", "status": {"name": "Open", "id": "1"}, **fields},
            "history": [],
        }
        self.issues.append(issue)
        return issue

    def link(self, issue: Issue, name: str, key: str, kind: str) -> None:
        """Link an issue, by the words that it then has itself, to one of a type (REST API, IssueLink)."""
        inward, outward = LINKS[name]
        other = {"key": key, "fields": {"summary": "Another", "issuetype": {"name": self.type(kind)}}}
        link = {"type": {"name": name, "inward": inward, "outward": outward}, "inwardIssue": other}
        issue["fields"].setdefault("issuelinks", []).append(link)

    def held(self) -> dict[str, datetime]:
        """Visible changes."""
        return {one["key"]: one["updated"] for one in self.changes if one["id"] not in self.hidden}

    def add(self) -> None:
        """Three share each millisecond, so that page borders fall into ties."""
        moment = self._latest() + timedelta(minutes=0 if (len(self.issues) + 1) % 3 else 7)
        kind = {"value": "Normal", "id": "10100"}
        self.put("Change", moment, customfield_10005=kind, status={"name": "Closed", "id": "6"})

    def change(self, position: int) -> None:
        """The newest of all, in the same minute as the one before."""
        if self.changes:
            row = self.changes[position % len(self.changes)]
            row["updated"] = self._latest() + timedelta(seconds=1)
            row["fields"]["summary"] = "changed"

    def remove(self, position: int) -> None:
        """Deleted issues leave no trace."""
        if self.changes:
            self.issues.remove(self.changes[position % len(self.changes)])

    def hide(self, count: int) -> None:
        """Counted in a total, but not given: an index that is out of step."""
        self.hidden |= {one["id"] for one in sorted(self.changes, key=_order)[:count]}

    def spoil(self, position: int, fault: str) -> None:
        """In a field that matters."""
        fields = self.changes[position % len(self.changes)]["fields"]
        match fault:
            case "impossible date":
                fields["customfield_10047"] = "2026-02-30T10:00:00.000+0000"
            case "NUL":
                fields["summary"] = "a\x00b"
            case "1 MiB of text":
                fields["summary"] = "x" * 2**20
            case "unknown enum":
                fields["status"] = {"name": "Unheard of", "id": "99"}
            case "missing field":
                fields.pop("customfield_10005")
            case "extra field":
                fields["x_unasked"] = {"name": "new in this release"}
            case "changed type":
                fields["status"] = "Closed"

    def expire(self) -> None:
        """Tokens end on a day; whoever runs Ullage puts a new one in its place."""
        self.token = f"planted-api-token-{int(self.token.rpartition('-')[2]) + 1}"
        os.environ[VARIABLE] = self.token

    def _latest(self) -> datetime:
        return max(self.held().values(), default=START)


def entry(number: int, at: datetime, *items: tuple[str, str | None, str | None]) -> Issue:
    """An entry of a changelog: field id, text before, text after."""
    return {
        "id": str(number),
        "at": at,
        "items": [
            {
                "field": FIELDS.get(field, field) if field.startswith("customfield") else field,
                "fieldId": field,
                "from": before and f"id of {before}",
                "fromString": before,
                "to": after and (after.partition("|")[0] if field == "issuelinks" else f"id of {after}"),
                "toString": after and after.rpartition("|")[2],
            }
            for field, before, after in items
        ],
    }


def linking(key: str, words: str) -> tuple[str, str | None, str | None]:
    """What an entry says when a link was made: the other's key, and words for people."""
    return "issuelinks", None, f"{key}|This issue {words} {key}"


def cycle(
    minutes: float, goal: float, start: datetime | None = None, stop: datetime | None = None, **more: Any
) -> dict[str, Any]:
    """A cycle of an SLA: one that goes on has no `stop` and says whether it is `paused`.

    developer.atlassian.com, Get SLA information: SlaInformationCompletedCycleDTO, SlaInformationOngoingCycleDTO.
    """
    spans = {"goalDuration": goal, "elapsedTime": minutes, "remainingTime": goal - minutes}
    times = {name: at for name, at in (("startTime", start), ("stopTime", stop)) if at is not None}
    return {
        "breached": minutes > goal,
        **{name: {"millis": round(span * 60_000)} for name, span in spans.items()},
        **{name: {"epochMillis": round(at.timestamp() * 1000)} for name, at in times.items()},
        **more,
    }


def _schema(name: str) -> dict[str, str]:
    if not name.startswith("Time to "):
        return {"type": "string"}
    return {"type": "sd-servicelevelagreement", "custom": "com.atlassian.servicedesk:sd-sla-field"}


def _order(issue: Issue) -> tuple[datetime, int]:
    return issue["updated"], int(issue["id"])


def _error(status: int, message: str) -> Reply:
    return Reply({"errorMessages": [message], "errors": {}}, status)
