"""The simulated estate's service desk and CMDB in the shapes of the products, loaded into their simulators.

What the estate's own files land is what happened: whatever a connector reads from a simulator has to land the same.
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

from tests.connectors.simulators import glpi, jira
from tests.connectors.simulators.glpi import Glpi
from tests.connectors.simulators.jira import Jira

Row = dict[str, Any]
#: States of the estate → those of the products, as their own mappings read them back.
JIRA_STATES = {
    "incidents": {"new": "Open", "assigned": "Assigned", "in_progress": "Work in progress", "on_hold": "Pending",
                  "resolved": "Completed", "closed": "Closed", "cancelled": "Canceled"},
    "changes": {"new": "Open", "assessed": "Planning", "authorised": "Awaiting implementation",
                "scheduled": "Scheduled", "implementing": "Implementing", "review": "Under review", "closed": "Closed",
                "cancelled": "Canceled"},
    "problems": {"new": "Open", "investigating": "Under investigation", "known_error": "Known error",
                 "resolved": "Resolved", "closed": "Closed"},
    "service_requests": {"new": "Open", "in_progress": "In progress", "on_hold": "Pending", "fulfilled": "Resolved",
                         "closed": "Closed", "cancelled": "Canceled"},
}  # fmt: skip
GLPI_STATES = {
    "incidents": {"new": 1, "assigned": 2, "in_progress": 3, "on_hold": 4, "resolved": 5, "closed": 6, "cancelled": 6},
    "changes": {"new": 1, "assessed": 9, "authorised": 7, "scheduled": 4, "implementing": 11, "review": 8, "closed": 6,
                "cancelled": 13},
    "problems": {"new": 1, "investigating": 2, "known_error": 2, "resolved": 5, "closed": 6},
    "service_requests": {"new": 1, "in_progress": 2, "on_hold": 4, "fulfilled": 5, "closed": 6, "cancelled": 6},
}  # fmt: skip
_PRIORITIES = {1: "Highest", 2: "High", 3: "Medium", 4: "Low"}
#: GLPI numbers incidents and requests together.
REQUESTS_FROM = 500_000


@dataclass(frozen=True)
class EstateRecords:
    """Landed rows of the estate's own files by contract table."""

    tables: Mapping[str, Sequence[Row]]

    def newest(self, table: str, key: str) -> list[Row]:
        """Of a record's periods or versions the last one."""
        order = "valid_from" if "valid_from" in self.tables[table][0] else "updated_at"
        rows = sorted(self.tables[table], key=lambda row: (row[key], row[order]))
        return [list(group)[-1] for _, group in groupby(rows, key=lambda row: row[key])]

    def incidents(self) -> Iterator[list[Row]]:
        """The updates of each incident in their order."""
        rows = sorted(self.tables["incidents"], key=lambda row: (row["incident_id"], row["event_sequence"]))
        for _, group in groupby(rows, key=lambda row: row["incident_id"]):
            yield list(group)


# --- Jira ---


def jira_key(number: str) -> str:
    """INC0000012 → INC-12: a key is its project's and a number without zeros."""
    return f"{number[:3]}-{int(number[3:])}"


def load_jira(estate: EstateRecords, site: Jira) -> None:
    """Issues with their changelogs. Milliseconds are added: Jira keeps them, and minutes are what JQL knows."""
    for updates in estate.incidents():
        _jira_incident(site, updates)
    _jira_slas(estate, site)
    for row in estate.newest("configuration_items", "ci_id"):
        attributes = {"Hostname": row["ci_id"], "Site": row["site"], "Support_group": row["team_id"]}
        created = f"{row['valid_from']}T00:00:00.000Z"
        kept = {name: value for name, value in attributes.items() if value}
        site.put_object(row["ci_kind"].replace("_", " ").capitalize(), row["ci_name"], created, **kept)
    for row in estate.newest("changes", "change_id"):
        _issue(
            site, "Change", row["change_id"], row, row["requested_at"],
            customfield_10005={"value": row["change_kind"].capitalize(), "id": "1"},
            customfield_10047=_jira_time(site, row["planned_start_at"]),
            customfield_10048=_jira_time(site, row["planned_end_at"]),
            customfield_10049=_jira_time(site, row["started_at"]),
            customfield_10051=_jira_time(site, row["ended_at"]),
            customfield_10052=row["outcome"] and {"value": row["outcome"], "id": "1"},
            status=_status("changes", row),
        )  # fmt: skip
    for row in estate.newest("problems", "problem_id"):
        issue = _issue(
            site, "Problem", row["problem_id"], row, row["opened_at"],
            # A document where Cloud's editor wrote it (docs: Atlassian Document Format).
            customfield_10070=row["root_cause"] and _document(site, row["root_cause"]),
            customfield_10071=row["workaround"] and _document(site, row["workaround"]),
            resolutiondate=_jira_time(site, row["resolved_at"]),
            status=_status("problems", row),
        )  # fmt: skip
        known, last = JIRA_STATES["problems"]["known_error"], JIRA_STATES["problems"][row["state"]]
        steps = [(row["known_error_at"], known), (row["resolved_at"], last)]
        steps = [(at, name) for at, name in steps if at is not None]
        issue["history"] = [
            jira.entry(number, _aware(at), ("status", before, after))
            for number, ((at, after), before) in enumerate(
                zip(steps, ["Open", *(name for _, name in steps)], strict=False), start=1
            )
        ]
        if row["change_id"]:
            site.link(issue, "Fix", jira_key(row["change_id"]), "Change")
    for row in estate.newest("service_requests", "request_id"):
        kind = {"requestType": {"id": "7", "name": row["request_kind"]}, "currentStatus": {}}
        _issue(
            site, "Service request", row["request_id"], row, row["opened_at"],
            customfield_10080=kind,
            resolutiondate=_jira_time(site, row["fulfilled_at"]),
            status=_status("service_requests", row),
        )  # fmt: skip


def _issue(site: Jira, kind: str, number: str, row: Row, created: datetime, **fields: Any) -> jira.Issue:
    issue = site.put(
        kind,
        _aware(row["updated_at"]),
        _aware(created),
        summary=row.get("title") or kind,
        customfield_10050=[{"id": "ari:1", "name": row["service_id"]}],
        customfield_10020=row.get("ci_id") and [{"value": row["ci_id"], "id": "3"}],
        customfield_10001=row.get("team_id") and {"name": row["team_id"], "id": "4"},
        **fields,
    )
    issue["key"] = jira_key(number)
    return issue


def _jira_incident(site: Jira, updates: Sequence[Row]) -> None:
    last = updates[-1]
    shown = [_jira_values(update) for update in updates]
    issue = _issue(
        site, "Incident", last["incident_id"], last, last["opened_at"],
        status=_status("incidents", last),
        priority={"name": shown[-1]["priority"], "id": "1"},
        customfield_10021=last["category"],
        resolution=shown[-1]["resolution"] and {"name": "Done", "id": "1"},
        resolutiondate=_jira_time(site, last["resolved_at"]),
    )  # fmt: skip
    problem = last["problem_id"] and jira_key(last["problem_id"])
    if problem:
        # Another link of the same type: what caused it besides is no problem.
        site.link(issue, "Problem/Incident", "CHG-1", "Change")
        site.link(issue, "Problem/Incident", problem, "Problem")
    hands = ("Al", "Bo")
    issue["history"] = [
        jira.entry(
            number,
            _aware(update["updated_at"]),
            ("assignee", hands[number % 2], hands[(number + 1) % 2]),
            *((field, before[field], after[field]) for field in after if before[field] != after[field]),
            *(
                [jira.linking(problem, "is caused by")]
                if update["problem_id"] and not earlier["problem_id"]
                else []
            ),
        )
        for number, (update, before, after, earlier) in enumerate(
            zip(updates[1:], shown, shown[1:], updates, strict=False), start=1
        )
    ]


def _jira_slas(estate: EstateRecords, site: Jira) -> None:
    """The tool's clock as the SLA on resolution, beside it that on the first response; some come as fields."""
    issues = {issue["key"]: issue for issue in site.issues}
    for number, row in enumerate(estate.newest("sla_cycles", "cycle_id")):
        key, start = jira_key(row["incident_id"]), _aware(row["started_at"])
        goal, spent, state = row["goal_minutes"], row["elapsed_minutes"], row["state"]
        if state == "completed":
            clock: Row = {"completedCycles": [jira.cycle(spent, goal, start, _aware(row["stopped_at"]))]}
        elif state == "cancelled":
            clock = {"completedCycles": []}  # Jira drops the cycle of an issue that it is no more about
        else:
            clock = {
                "completedCycles": [],
                "ongoingCycle": jira.cycle(spent, goal, start, paused=state == "paused"),
            }
        slas = {
            "customfield_10060": {"id": "10", "name": "Time to resolution", **clock},
            "customfield_10061": {
                "id": "11",
                "name": "Time to first response",
                "completedCycles": [jira.cycle(900, 10, start, start + timedelta(minutes=900))],
            },
        }
        if number % 2:
            issues[key]["fields"] |= slas
        else:
            site.slas[key] = list(slas.values())


def _jira_values(update: Row) -> dict[str, str | None]:
    """What a changelog shows, by field."""
    return {
        "status": JIRA_STATES["incidents"][update["state"]],
        "priority": _PRIORITIES[update["priority"]],
        "resolution": "Done" if update["resolved_at"] else None,
        "customfield_10001": update["team_id"],
    }


def _status(table: str, row: Row) -> Row:
    return {"name": JIRA_STATES[table][row["state"]], "id": "1"}


def _document(site: Jira, text: str) -> Any:
    if not site.is_cloud:
        return text
    words = {"type": "paragraph", "content": [{"type": "text", "text": text}]}
    return {"type": "doc", "version": 1, "content": [words]}


def _aware(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC)


def _jira_time(site: Jira, moment: datetime | None) -> str | None:
    return site._time(_aware(moment)) if moment else None


# --- GLPI ---


def glpi_number(number: str) -> int:
    """INC0000012 → 12; requests are numbered apart from incidents, both being tickets."""
    return int(number[3:]) + (REQUESTS_FROM if number.startswith("REQ") else 0)


def load_glpi(estate: EstateRecords, desk: Glpi) -> None:
    """Items with their logs. Every third item is in an entity that a session does not begin in."""
    for row in estate.tables["teams"]:
        desk.items["Group"].append(
            {
                "id": len(desk.items["Group"]) + 1,
                "name": row["team_name"],
                "completename": row["team_id"],
                "date_mod": None,
            }
        )
    for updates in estate.incidents():
        _glpi_incident(desk, updates)
    for table, itemtype, key, opened, solved in (
        ("service_requests", "Ticket", "request_id", "opened_at", "fulfilled_at"),
        ("changes", "Change", "change_id", "requested_at", "ended_at"),
        ("problems", "Problem", "problem_id", "opened_at", "resolved_at"),
    ):
        for row in estate.newest(table, key):
            fields = {
                "type": 2,
                "status": GLPI_STATES[table][row["state"]],
                "date": glpi_time(row[opened]),
                "solvedate": glpi_time(row[solved]),
                "causecontent": row.get("root_cause"),
            }
            desk.items[itemtype].append(_item(row[key], row, **fields))


def _glpi_incident(desk: Glpi, updates: Sequence[Row]) -> None:
    shown = [_glpi_values(update) for update in updates]
    last = updates[-1]
    row = _item(last["incident_id"], last, type=1, date=glpi_time(last["opened_at"]), **shown[-1])
    desk.items["Ticket"].append(row)
    number = sum(map(len, desk.logs.values()))
    logs = [glpi.log(number + 1, _aware(updates[0]["updated_at"]), action=20)]
    options = {"status": 12, "priority": 3, "solvedate": 17, "closedate": 16}
    for update, before, after in zip(updates[1:], shown, shown[1:], strict=False):
        at = _aware(update["updated_at"])
        # Somebody was added who watches (HISTORY_ADD_RELATION): no field that is read.
        logs.append(glpi.log(number + len(logs) + 1, at, new="A group", action=15))
        for name, option in options.items():
            if before[name] != after[name]:
                logs.append(
                    glpi.log(
                        number + len(logs) + 1, at, option, str(before[name] or ""), str(after[name] or "")
                    )
                )
    desk.logs[row["id"]] = logs


def _glpi_values(update: Row) -> Row:
    closed = update["updated_at"] if update["state"] == "cancelled" else update["closed_at"]
    return {
        "status": GLPI_STATES["incidents"][update["state"]],
        "priority": 6 - update["priority"],
        "solvedate": glpi_time(update["resolved_at"]),
        "closedate": glpi_time(closed),
    }


def _item(number: str, row: Row, **fields: Any) -> Row:
    """Texts are kept with HTML entities up to GLPI 10 (glpi-project/glpi, src/Toolbox/Sanitizer.php)."""
    id_ = glpi_number(number)
    return glpi.item(
        id_,
        _aware(row["updated_at"]),
        name=html.escape(row.get("title") or "A request"),
        groups=[row["team_id"]] if row.get("team_id") else [],
        category=row["service_id"],
        entity=int(id_ % 3 == 0),
        **fields,
    )


def glpi_time(moment: datetime | None) -> str | None:
    """As GLPI writes a time."""
    return glpi.local(_aware(moment)) if moment else None
