"""Approvals of ServiceNow: of requested items and catalog tasks, of groups with members, and what a reset deletes."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from assets.connectors.base import Window
from assets.connectors.remote import RetryPolicy
from assets.connectors.servicenow import ServiceNowConnector, ServiceNowSource
from assets.connectors.servicenow_records import REQUEST_OF
from tests.connectors.landing import land_all, landed_rows, quarantined_rows
from tests.connectors.simulators.servicenow import PASSWORD, ServiceNow

DAY = date(2026, 3, 28)
ASKED, DECIDED = "2026-03-28 09:00:00", "2026-03-28 11:00:00"
Row = dict[str, Any]


def task(kind: str, sys_id: str, number: str, **fields: str) -> Row:
    return {"sys_id": sys_id, "sys_class_name": kind, "number": number, "sys_updated_on": ASKED, **fields}


def asked(sys_id: str, record: str, state: str, approver: str, group: str = "") -> Row:
    """An approver's row. That of a group's member names the group's approval in `group`, and in sysapproval what is to
    be approved itself (script include WorkflowApprovalUtils, createUserApprovals)."""
    row = {"sys_id": sys_id, "sysapproval": record, "state": state, "approver": approver, "group": group}
    return row | {"sys_created_on": ASKED, "sys_updated_on": ASKED if state == "requested" else DECIDED}


def of_group(sys_id: str, record: str, approval: str, group: str) -> Row:
    """A group's row: a task whose parent is what is to be approved, with its outcome in `approval`; `state` is that of
    any task (WorkflowApprovalUtils, getGroupApprovalCounts)."""
    row = task("sysapproval_group", sys_id, "GAPR1", parent=record, approval=approval, state="1")
    return row | {
        "assignment_group": group,
        "sys_created_on": ASKED,
        "sys_updated_on": ASKED if approval == "requested" else DECIDED,
    }


@pytest.fixture
def desk() -> ServiceNow:
    """A request of two items and a task; a change that a board approved although one of its members refused."""
    found = ServiceNow()
    found.tables |= {
        "sc_request": [task("sc_request", "q1", "REQ1")],
        "sc_req_item": [
            task("sc_req_item", "r1", "RITM1", request="q1"),
            task("sc_req_item", "r2", "RITM2", request="q1"),
        ],
        "sc_task": [task("sc_task", "t1", "SCTASK1", request_item="r1")],
        "change_request": [task("change_request", "c1", "CHG1")],
        "sys_user": [{"sys_id": "u1", "name": "Ann"}, {"sys_id": "u2", "name": "Bo"}],
        "sys_user_group": [{"sys_id": "g1", "name": "Board"}],
        "sysapproval_approver": [
            asked("a1", "q1", "approved", "u1"),
            asked("a2", "r1", "approved", "u1"),
            asked("a3", "r2", "rejected", "u1"),
            asked("a4", "t1", "requested", "u2"),
            asked("a5", "c1", "rejected", "u1", group="b1"),
            # How many of a group have to approve is its rule ("Wait for"), and those who are not needed any more are no
            # longer asked (servicenow.com/docs/r/build-workflows/workflow-activities/r_ApprovalGroup.html;
            # jace.pro/blog/the-approval-field-and-why-it-works-the-way-it-does: Moot Approvals).
            asked("a6", "c1", "not_required", "u2", group="b1"),
        ],
        "sysapproval_group": [
            of_group("b1", "c1", "approved", "g1"),
            of_group("b2", "r2", "requested", "g1"),
        ],
    }
    return found


@pytest.fixture(autouse=True)
def password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SNOW_PASSWORD", PASSWORD)


def run(desk: ServiceNow, home: Path, day: date = DAY, census_every_days: int | None = None) -> None:
    given = {
        "type": "servicenow",
        "name": "desk",
        "url": desk.url,
        "user": "ullage",
        "password_env": "SNOW_PASSWORD",
        "page_rows": 2,
        "lookback_days": 0,
        "census_every_days": census_every_days,
        "identify_teams_by": "name",
        "tables": {"approvals": {}, "group_approvals": {}},
    }
    source = ServiceNowSource.model_validate(given)
    connector = ServiceNowConnector(source, spool=home / "spool", retries=RetryPolicy(sleep=lambda _: None))
    for summary in land_all(connector, home, Window(day, day), hour=6 + (day - DAY).days):
        assert summary.rejections == ()


def test_an_item_and_a_task_are_approved_as_parts_of_their_request(desk: ServiceNow, tmp_path: Path) -> None:
    """Whose request is asked of the part itself: sysapproval refers to `task`, which has no such field."""
    with desk:
        run(desk, tmp_path)
    shown = {
        row["approval_id"]: (row["record_table"], row["record_id"], row["item_id"])
        for row in landed_rows(tmp_path, "desk", "approvals")
    }
    assert quarantined_rows(tmp_path, "desk", "approvals") == []
    assert shown == {
        "a1": ("service_requests", "REQ1", None),
        "a2": ("service_requests", "REQ1", "RITM1"),
        "a3": ("service_requests", "REQ1", "RITM2"),
        "a4": ("service_requests", "REQ1", "SCTASK1"),
        "a5": ("changes", "CHG1", None),
        "a6": ("changes", "CHG1", None),
    }


def test_a_group_is_told_with_its_own_decision_and_its_members(desk: ServiceNow, tmp_path: Path) -> None:
    with desk:
        run(desk, tmp_path)
    fields = ("group_approval_id", "record_table", "record_id", "item_id", "team_id", "state", "decided_at")
    groups = [tuple(row[name] for name in fields) for row in landed_rows(tmp_path, "desk", "group_approvals")]
    assert [(*row[:-1], row[-1] and str(row[-1])) for row in sorted(groups)] == [
        ("b1", "changes", "CHG1", None, "Board", "approved", DECIDED),
        ("b2", "service_requests", "REQ1", "RITM2", "Board", "requested", None),
    ]
    members = {
        row["approval_id"]: (row["group_approval_id"], row["approver"], row["state"])
        for row in landed_rows(tmp_path, "desk", "approvals")
    }
    assert members["a5"] == ("b1", "Ann", "rejected")
    assert members["a6"] == ("b1", "Bo", "not_required")
    assert members["a1"] == (None, "Ann", "approved")


def test_parts_are_looked_up_once_a_page_and_only_where_there_are_any(
    desk: ServiceNow, tmp_path: Path
) -> None:
    with desk:
        desk.tables["sysapproval_approver"] = [
            asked(f"a{number}", "r1", "approved", "u1") for number in range(4)
        ]
        desk.tables["sysapproval_group"] = []
        run(desk, tmp_path)
        paths = [question.path.rpartition("/")[2] for question in desk.questions]
    assert len(landed_rows(tmp_path, "desk", "approvals")) == 4
    assert (paths.count("sc_req_item"), paths.count("sc_task")) == (2, 0)


def test_an_item_whose_request_cannot_be_read_goes_to_quarantine(desk: ServiceNow, tmp_path: Path) -> None:
    """With the reason and its text: the others land."""
    with desk:
        desk.hidden = {"r1"}
        run(desk, tmp_path)
    (refused,) = quarantined_rows(tmp_path, "desk", "approvals")
    assert "record_id" in str(refused)
    assert "a2" in str(refused)
    assert {row["approval_id"] for row in landed_rows(tmp_path, "desk", "approvals")} == {
        "a1", "a3", "a4", "a5", "a6"
    }  # fmt: skip


def test_approvals_that_a_reset_deleted_become_tombstones(desk: ServiceNow, tmp_path: Path) -> None:
    """When a workflow starts anew it deletes the approvals of the task, those of users and of groups
    (WorkflowApprovalUtils, reset): their tables hold no trace."""
    with desk:
        run(desk, tmp_path, census_every_days=1)
        assert landed_rows(tmp_path, "desk", "tombstones") == []
        for table, key in (("sysapproval_approver", "sysapproval"), ("sysapproval_group", "parent")):
            desk.tables[table] = [row for row in desk.tables[table] if row[key] != "r2"]
        known = DAY + timedelta(days=1)
        run(desk, tmp_path, known, census_every_days=1)
    gone = {
        (row["record_table"], row["record_key"]): row["deleted_known_date"]
        for row in landed_rows(tmp_path, "desk", "tombstones")
    }
    assert gone == {("approvals", "a3"): known, ("group_approvals", "b2"): known}


def test_every_part_of_a_request_is_asked_for() -> None:
    """A class in the filter that nobody looks up would land without its request."""
    mapped = ServiceNowSource.model_validate(
        {"type": "servicenow", "name": "desk", "url": "https://desk.example", "token_env": "T",
         "tables": {"approvals": {}, "group_approvals": {}}}
    )  # fmt: skip
    for table in ("approvals", "group_approvals"):
        classes = set((mapped.mapped(table).filter or "").rpartition("IN")[2].split(","))
        tables = mapped.mapped(table).replace["record_table"]
        assert classes == set(tables)
        assert {name for name in classes if tables[name] == "service_requests"} == {
            "sc_request", *REQUEST_OF
        }  # fmt: skip
