"""The simulated estate's service desk and CMDB as ServiceNow holds them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from tests.connectors.simulators.estate import EstateRecords, Row
from tests.connectors.simulators.servicenow import TIME, ServiceNow

#: States of the estate → those of ServiceNow, as our mapping reads them back.
STATES = {
    "incidents": {"new": "1", "assigned": "9", "in_progress": "2", "on_hold": "3", "resolved": "6", "closed": "7",
                  "cancelled": "8"},
    "changes": {"new": "-5", "assessed": "-4", "authorised": "-3", "scheduled": "-2", "implementing": "-1",
                "review": "0", "closed": "3", "cancelled": "4"},
    "problems": {"new": "101", "investigating": "103", "known_error": "104", "resolved": "106", "closed": "107"},
    "service_requests": {"new": "requested", "in_progress": "in_process", "on_hold": "in_process",
                         "fulfilled": "closed_complete", "closed": "closed_complete", "cancelled": "closed_cancelled"},
}  # fmt: skip
#: Class of a CI in ServiceNow by its kind.
CLASSES = {
    "host": "cmdb_ci_server",
    "database": "cmdb_ci_db_instance",
    "volume": "cmdb_ci_storage_volume",
    "load_balancer": "cmdb_ci_lb",
    "endpoint": "cmdb_ci_endpoint",
}
#: The approver of the estate that is a group.
BOARD = "Change advisory board"
_OUTCOMES = {"successful": "successful", "failed": "unsuccessful", "backed_out": "backed_out"}


def load_servicenow(estate: EstateRecords, desk: ServiceNow) -> None:
    """Records, their audit, their SLAs and the CMDB. References hold a sys_id; what others call a record is its
    correlation_id, of a group its source.
    """
    tables = desk.tables
    tables |= {name: [] for name in ("incident", "sys_audit", "task_sla", "problem", "sc_request", "cmdb_ci")}
    tables |= {
        name: [] for name in ("cmdb_ci_service", "cmdb_rel_ci", "sys_user_group", "sys_user", "cmn_location")
    }
    tables |= {"contract_sla": [], "sysapproval_approver": [], "sysapproval_group": []}
    _cmdb(estate, tables)
    for updates in estate.incidents():
        shown = [_incident(number, update) for number, update in enumerate(updates)]
        tables["incident"].append(shown[-1])
        tables["sys_audit"] += _audit(shown)
    tables["change_request"] += [
        {
            **_task("change", row["change_id"], row["updated_at"], row),
            "type": row["change_kind"],
            "state": STATES["changes"][row["state"]],
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
            "state": STATES["problems"][row["state"]],
            "cause_notes": row["root_cause"] or "",
            "workaround": row["workaround"] or "",
            "rfc": _reference("change", row["change_id"]),
            "known_error": "true" if row["known_error_at"] else "false",
            "opened_at": _text(row["opened_at"]),
            "resolved_at": _text(row["resolved_at"]),
        }
        for row in estate.newest("problems", "problem_id")
    ]
    _known_errors(estate, tables)
    _task_slas(estate, tables)
    _approvals(estate, tables)
    tables["sc_request"] += [
        {
            **_task("request", row["request_id"], row["updated_at"], row),
            "request_state": STATES["service_requests"][row["state"]],
            "opened_at": _text(row["opened_at"]),
            "closed_at": _text(row["fulfilled_at"]),
        }
        for row in estate.newest("service_requests", "request_id")
    ]


def _cmdb(estate: EstateRecords, tables: dict[str, list[Row]]) -> None:
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
        "sys_class_name": {"change": "change_request", "request": "sc_request"}.get(kind, kind),
        "number": number,
        "sys_updated_on": _text(updated),
        "short_description": row.get("title") or "",
        "business_service": _reference("service", row["service_id"]),
        "cmdb_ci": _reference("ci", row.get("ci_id")),
        "assignment_group": _reference("team", row.get("team_id")),
    }


def _incident(number: int, update: Row) -> Row:
    return {
        **_task("incident", update["incident_id"], update["updated_at"], update),
        "sys_created_on": _text(update["opened_at"]),
        "sys_mod_count": str(number),
        "state": STATES["incidents"][update["state"]],
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


def _known_errors(estate: EstateRecords, tables: dict[str, list[Row]]) -> None:
    """The audit of the box Known error, which was ticked by mistake before, and of another field."""
    for row in estate.newest("problems", "problem_id"):
        known, opened = row["known_error_at"], row["opened_at"]
        ticks = [] if known is None else [(opened, "0", "1"), (opened, "1", "0"), (known, "0", "1")]
        for count, (at, old, new) in enumerate(ticks, start=1):
            for field, values in (("known_error", (old, new)), ("priority", ("4", "3"))):
                tables["sys_audit"].append(
                    {
                        "sys_id": sys_id("audit", f"{row['problem_id']} {count} {field}"),
                        "sys_updated_on": _text(at),
                        "sys_created_on": _text(at),
                        "tablename": "problem",
                        "documentkey": sys_id("problem", row["problem_id"]),
                        "fieldname": field,
                        "oldvalue": values[0],
                        "newvalue": values[1],
                        "record_checkpoint": str(count),
                    }
                )


def _task_slas(estate: EstateRecords, tables: dict[str, list[Row]]) -> None:
    """Agreements and their clocks on incidents; beside each one with a team that nobody keeps."""
    stages = {
        "running": "in_progress",
        "paused": "paused",
        "completed": "completed",
        "cancelled": "cancelled",
    }
    agreements: dict[str, Row] = {}
    for row in estate.newest("sla_cycles", "cycle_id"):
        for kind, minutes in (("SLA", row["elapsed_minutes"]), ("OLA", 99_999.0)):
            name = f"{row['sla_name']}, {kind}"
            agreements[name] = {
                "sys_id": sys_id("agreement", name),
                "type": kind,
                "target": "resolution",
                "name": name,
                "duration": duration(row["goal_minutes"]),
            }
            tables["task_sla"].append(
                {
                    "sys_id": sys_id("clock", f"{kind} {row['cycle_id']}"),
                    "sys_updated_on": _text(row["updated_at"]),
                    "sys_created_on": _text(row["started_at"]),
                    "task": sys_id("incident", row["incident_id"]),
                    "sla": sys_id("agreement", name),
                    "stage": stages[row["state"]],
                    "start_time": _text(row["started_at"]),
                    "end_time": _text(row["stopped_at"]),
                    "business_duration": duration(minutes),
                    "has_breached": str(minutes > row["goal_minutes"]).lower(),
                }
            )
    tables["contract_sla"] += agreements.values()


def _approvals(estate: EstateRecords, tables: dict[str, list[Row]]) -> None:
    """Those of changes, the board's asked of a group, and one of a knowledge article, which is no task of ours."""
    tables["kb_knowledge"] = [
        {"sys_id": sys_id("article", "1"), "sys_class_name": "kb_knowledge", "number": "KB1"}
    ]
    rows = [(row, sys_id("change", row["record_id"])) for row in estate.newest("approvals", "approval_id")]
    rows.append((rows[0][0] | {"approval_id": "of an article"}, sys_id("article", "1")))
    for row, record in rows:
        tables["sys_user"].append({"sys_id": sys_id("person", row["approver"]), "name": row["approver"]})
        group = sys_id("group approval", row["approval_id"]) if row["approver"] == BOARD else ""
        if group:
            tables["sysapproval_group"].append(
                {
                    "sys_id": group,
                    "sys_class_name": "sysapproval_group",
                    "sys_created_on": _text(row["requested_at"]),
                    "sys_updated_on": _text(row["updated_at"]),
                    "parent": record,
                    "assignment_group": sys_id("team", estate.tables["teams"][0]["team_id"]),
                    "approval": row["state"],
                    "state": "1",
                }
            )
        tables["sysapproval_approver"].append(
            {
                "sys_id": sys_id("approval", row["approval_id"]),
                "group": group,
                "sys_created_on": _text(row["requested_at"]),
                "sys_updated_on": _text(row["updated_at"]),
                "sysapproval": record,
                "approver": sys_id("person", row["approver"]),
                "state": row["state"],
            }
        )


def duration(minutes: float) -> str:
    """A duration as the Table API gives its value: the moment that lies so long after 1970 began
    (docs.automize-software.com: Get to know the GlideDuration field).
    """
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=round(minutes * 60))).strftime(TIME)


def sys_id(kind: str, key: str) -> str:
    """32 hexadecimal digits that do not ascend with anything."""
    return hashlib.sha256(f"{kind} {key}".encode()).hexdigest()[:32]


def _reference(kind: str, key: str | None) -> str:
    return sys_id(kind, key) if key else ""


def _text(moment: datetime | None) -> str:
    return moment.strftime(TIME) if moment else ""
