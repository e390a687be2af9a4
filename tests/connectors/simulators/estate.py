"""The simulated estate's service desk and CMDB in the shapes of the products, loaded into their simulators.

What the estate's own files land is what happened: whatever a connector reads from a simulator has to land the same.
"""

from __future__ import annotations

import hashlib
import html
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby, pairwise
from typing import Any

from tests.connectors.simulators import glpi, jira
from tests.connectors.simulators.glpi import Glpi
from tests.connectors.simulators.jira import Jira
from tests.connectors.simulators.servicenow import TIME, ServiceNow

Row = dict[str, Any]
#: States of the estate → those of the products, as their own mappings read them back.
SERVICENOW_STATES = {
    "incidents": {"new": "1", "assigned": "9", "in_progress": "2", "on_hold": "3", "resolved": "6", "closed": "7",
                  "cancelled": "8"},
    "changes": {"new": "-5", "assessed": "-4", "authorised": "-3", "scheduled": "-2", "implementing": "-1",
                "review": "0", "closed": "3", "cancelled": "4"},
    "problems": {"new": "101", "investigating": "103", "known_error": "104", "resolved": "106", "closed": "107"},
    "service_requests": {"new": "requested", "in_progress": "in_process", "on_hold": "in_process",
                         "fulfilled": "closed_complete", "closed": "closed_complete", "cancelled": "closed_cancelled"},
}  # fmt: skip
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
#: Class of a CI in ServiceNow by its kind.
CLASSES = {
    "host": "cmdb_ci_server",
    "database": "cmdb_ci_db_instance",
    "volume": "cmdb_ci_storage_volume",
    "load_balancer": "cmdb_ci_lb",
    "endpoint": "cmdb_ci_endpoint",
}
_OUTCOMES = {"successful": "successful", "failed": "unsuccessful", "backed_out": "backed_out"}
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


# --- ServiceNow ---


def load_servicenow(estate: EstateRecords, desk: ServiceNow) -> None:
    """Records, their audit, their SLAs and the CMDB. References hold a sys_id; what others call a record is its
    correlation_id, of a group its source.
    """
    tables = desk.tables
    tables |= {name: [] for name in ("incident", "sys_audit", "task_sla", "problem", "sc_request", "cmdb_ci")}
    tables |= {
        name: [] for name in ("cmdb_ci_service", "cmdb_rel_ci", "sys_user_group", "sys_user", "cmn_location")
    }
    tables["contract_sla"] = [
        {
            "sys_id": sys_id("agreement", kind),
            "type": kind,
            "target": "resolution",
            "name": f"Resolution {kind}",
        }
        for kind in ("SLA", "OLA")
    ]
    _servicenow_cmdb(estate, tables)
    for updates in estate.incidents():
        shown = [_servicenow_incident(number, update) for number, update in enumerate(updates)]
        tables["incident"].append(shown[-1])
        tables["sys_audit"] += _audit(shown)
        tables["task_sla"] += _task_slas(updates[-1], shown[-1])
    tables["change_request"] += [
        {
            **_task("change", row["change_id"], row["updated_at"], row),
            "type": row["change_kind"],
            "state": SERVICENOW_STATES["changes"][row["state"]],
            "opened_at": _text(row["requested_at"]),
            "start_date": _text(row["planned_start_at"]),
            "end_date": _text(row["planned_end_at"]),
            "work_start": _text(row["started_at"]),
            "work_end": _text(row["ended_at"]),
            "close_code": _OUTCOMES.get(row["outcome"], ""),
        }
        for row in estate.newest("changes", "change_id")
    ]
    tables["problem"] += [
        {
            **_task("problem", row["problem_id"], row["updated_at"], row),
            "state": SERVICENOW_STATES["problems"][row["state"]],
            "cause_notes": row["root_cause"] or "",
            "workaround": row["workaround"] or "",
            "rfc": _reference("change", row["change_id"]),
            "opened_at": _text(row["opened_at"]),
            "resolved_at": _text(row["resolved_at"]),
        }
        for row in estate.newest("problems", "problem_id")
    ]
    tables["sc_request"] += [
        {
            **_task("request", row["request_id"], row["updated_at"], row),
            "request_state": SERVICENOW_STATES["service_requests"][row["state"]],
            "opened_at": _text(row["opened_at"]),
            "closed_at": _text(row["fulfilled_at"]),
        }
        for row in estate.newest("service_requests", "request_id")
    ]


def _servicenow_cmdb(estate: EstateRecords, tables: dict[str, list[Row]]) -> None:
    def made(row: Row) -> Row:
        # Nobody kept when it was changed: records count from when they were made.
        return {"sys_created_on": f"{row['valid_from']} 00:00:00", "sys_updated_on": "2026-01-02 03:04:05"}

    for row in estate.tables["teams"]:
        team = {"sys_id": sys_id("team", row["team_id"]), "source": row["team_id"], "name": row["team_name"]}
        tables["sys_user_group"].append(team | {"sys_updated_on": "2026-01-02 03:04:05"})
    for row in estate.newest("services", "service_id"):
        owner, key = row["owner"], row["service_id"]
        tables["sys_user"].append({"sys_id": sys_id("person", owner), "name": owner})
        record = {
            "sys_id": sys_id("service", key),
            "correlation_id": key,
            "name": row["service_name"],
            "short_description": row["description"] or "",
            "owned_by": sys_id("person", owner),
            "support_group": _reference("team", row["team_id"]),
            "busines_criticality": [
                "1 - most critical",
                "2 - somewhat critical",
                "3 - less critical",
                "4 - not critical",
            ][row["criticality"] - 1],
            "sys_class_name": "cmdb_ci_service",
            **made(row),
        }
        tables["cmdb_ci_service"].append(record)
        # A table holds the records of those that extend it (docs: Table extension and classes).
        tables["cmdb_ci"].append(record)
    for row in estate.newest("configuration_items", "ci_id"):
        site = row["site"]
        tables["cmn_location"].append({"sys_id": sys_id("site", site), "name": site})
        tables["cmdb_ci"].append(
            {
                "sys_id": sys_id("ci", row["ci_id"]),
                "correlation_id": row["ci_id"],
                "name": row["ci_name"],
                "sys_class_name": CLASSES[row["ci_kind"]],
                "support_group": _reference("team", row["team_id"]),
                "location": sys_id("site", site) if site else "",
                **made(row),
            }
        )
    for row in estate.newest("service_cis", "ci_id"):
        service, ci = sys_id("service", row["service_id"]), sys_id("ci", row["ci_id"])
        relation = {"sys_id": sys_id("relation", service + ci), "parent": service, "child": ci}
        tables["cmdb_rel_ci"].append(relation | made(row))
    # Relations between items are no part of what a service consists of.
    for first, second in pairwise(estate.newest("configuration_items", "ci_id")):
        ends = {"parent": sys_id("ci", first["ci_id"]), "child": sys_id("ci", second["ci_id"])}
        tables["cmdb_rel_ci"].append({"sys_id": sys_id("relation", str(ends)), **ends, **made(first)})


def _task(kind: str, number: str, updated: datetime, row: Row) -> Row:
    """What every record that extends `task` has."""
    return {
        "sys_id": sys_id(kind, number),
        "number": number,
        "sys_updated_on": _text(updated),
        "short_description": row.get("title") or "",
        "business_service": _reference("service", row["service_id"]),
        "cmdb_ci": _reference("ci", row.get("ci_id")),
        "assignment_group": _reference("team", row.get("team_id")),
    }


def _servicenow_incident(number: int, update: Row) -> Row:
    return {
        **_task("incident", update["incident_id"], update["updated_at"], update),
        "sys_created_on": _text(update["opened_at"]),
        "sys_mod_count": str(number),
        "state": SERVICENOW_STATES["incidents"][update["state"]],
        "priority": str(update["priority"]),
        "category": update["category"],
        "opened_at": _text(update["opened_at"]),
        "resolved_at": _text(update["resolved_at"]),
        "closed_at": _text(update["closed_at"]),
        "reassignment_count": str(update["reassignment_count"]),
        "reopen_count": str(update["reopen_count"]),
        "problem_id": _reference("problem", update["problem_id"]),
    }


def _audit(shown: Sequence[Row]) -> Iterator[Row]:
    """A row a changed field of each update, and one of a journal that is not read."""
    for before, after in pairwise(shown):
        fields = [name for name in after if not name.startswith("sys_") and after[name] != before[name]]
        for field in [*fields, "work_notes"]:
            yield {
                "sys_id": sys_id("audit", f"{after['sys_id']} {after['sys_mod_count']} {field}"),
                "sys_updated_on": after["sys_updated_on"],
                "sys_created_on": after["sys_updated_on"],
                "tablename": "incident",
                "documentkey": after["sys_id"],
                "fieldname": field,
                "oldvalue": before.get(field, ""),
                "newvalue": after.get(field, "seen to"),
                "record_checkpoint": after["sys_mod_count"],
            }


def _task_slas(update: Row, shown: Row) -> Iterator[Row]:
    """That with the customer, and one with a team that nobody keeps."""
    verdicts = {"SLA": update["source_made_sla"], "OLA": False}
    for kind, kept in verdicts.items():
        if kept is not None:
            yield {
                "sys_id": sys_id("clock", f"{kind} {shown['number']}"),
                "sys_updated_on": shown["sys_updated_on"],
                "task": shown["sys_id"],
                "sla": sys_id("agreement", kind),
                "stage": "completed",
                "has_breached": "false" if kept else "true",
            }


def sys_id(kind: str, key: str) -> str:
    """32 hexadecimal digits that do not ascend with anything."""
    return hashlib.sha256(f"{kind} {key}".encode()).hexdigest()[:32]


def _reference(kind: str, key: str | None) -> str:
    return sys_id(kind, key) if key else ""


def _text(moment: datetime | None) -> str:
    return moment.strftime(TIME) if moment else ""


# --- Jira ---


def jira_key(number: str) -> str:
    """INC0000012 → INC-12: a key is its project's and a number without zeros."""
    return f"{number[:3]}-{int(number[3:])}"


def load_jira(estate: EstateRecords, site: Jira) -> None:
    """Issues with their changelogs. Milliseconds are added: Jira keeps them, and minutes are what JQL knows."""
    for updates in estate.incidents():
        _jira_incident(site, updates)
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
        _issue(
            site, "Problem", row["problem_id"], row, row["opened_at"],
            # A document where Cloud's editor wrote it (docs: Atlassian Document Format).
            customfield_10070=row["root_cause"] and _document(site, row["root_cause"]),
            customfield_10071=row["workaround"] and _document(site, row["workaround"]),
            resolutiondate=_jira_time(site, row["resolved_at"]),
            status=_status("problems", row),
        )  # fmt: skip
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
    hands = ("Al", "Bo")
    issue["history"] = [
        jira.entry(
            number,
            _aware(update["updated_at"]),
            ("assignee", hands[number % 2], hands[(number + 1) % 2]),
            *((field, before[field], after[field]) for field in after if before[field] != after[field]),
        )
        for number, (update, before, after) in enumerate(
            zip(updates[1:], shown, shown[1:], strict=False), start=1
        )
    ]
    if last["source_made_sla"] is not None:
        minutes = 60 if last["source_made_sla"] else 600
        clocks = [{"name": "Time to first response", "completedCycles": [jira.cycle(900, 10)]}]
        site.slas[issue["key"]] = [
            *clocks,
            {"name": "Time to resolution", "completedCycles": [jira.cycle(minutes, 240)]},
        ]


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
