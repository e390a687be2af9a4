"""ServiceNow: history of incidents, references, ways to sign in. Paging and faults: test_guarantees*.py."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from assets.connectors.base import Batch, Window
from assets.connectors.remote import RetryPolicy, SourceError
from assets.connectors.servicenow import ServiceNowConnector, ServiceNowSource
from assets.connectors.servicenow_history import Change, history
from assets.connectors.servicenow_records import add_known_error, as_minutes
from tests.connectors.landing import land_all, landed_rows, quarantined_rows
from tests.connectors.simulators.faults import Reply, status
from tests.connectors.simulators.servicenow import PASSWORD, ServiceNow

DAY = date(2026, 3, 28)


def source(address: str, *tables: str, **changes: Any) -> ServiceNowSource:
    given = {
        "type": "servicenow",
        "name": "desk",
        "url": address,
        "user": "ullage",
        "password_env": "SNOW_PASSWORD",
        "page_rows": 2,
        "lookback_days": 0,
        "census_every_days": None,
        "tables": {table: {} for table in tables},
    }
    return ServiceNowSource.model_validate({**given, **changes})


@pytest.fixture(autouse=True)
def password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SNOW_PASSWORD", PASSWORD)


def connector(settings: ServiceNowSource) -> ServiceNowConnector:
    return ServiceNowConnector(settings, retries=RetryPolicy(sleep=lambda _: None))


def incident(number: int, updated: str, version: int, **fields: str) -> dict[str, Any]:
    return {
        "sys_id": f"i{number}",
        "number": f"INC{number}",
        "sys_created_on": "2026-03-27 09:00:00",
        "sys_updated_on": updated,
        "sys_mod_count": str(version),
        "state": "1",
        "priority": "3",
        "short_description": "Slow",
        "category": "software",
        "business_service": "s1",
        "cmdb_ci": "c1",
        "assignment_group": "g1",
        "opened_at": "2026-03-27 08:59:00",
        "resolved_at": "",
        "closed_at": "",
        "reassignment_count": "0",
        "reopen_count": "0",
        "problem_id": "",
        **fields,
    }


def audit(number: int, count: int, at: str, field: str, old: str, new: str) -> dict[str, Any]:
    return {
        "sys_id": f"a{number}-{count}-{field}",
        "sys_updated_on": at,
        "tablename": "incident",
        "documentkey": f"i{number}",
        "fieldname": field,
        "oldvalue": old,
        "newvalue": new,
        "record_checkpoint": str(count),
        "sys_created_on": at,
    }


@pytest.fixture
def desk() -> ServiceNow:
    """Incident 1 was moved, resolved and closed; 2 was opened and left; 3 was changed without an audit."""
    found = ServiceNow()
    found.tables |= {
        "incident": [
            incident(
                1,
                "2026-03-29 10:00:00",
                3,
                state="7",
                assignment_group="g2",
                resolved_at="2026-03-28 12:00:00",
                closed_at="2026-03-29 10:00:00",
                reassignment_count="1",
                problem_id="p1",
            ),
            incident(2, "2026-03-27 09:00:00", 0),
            incident(3, "2026-03-28 09:00:00", 4, state="2"),
        ],
        "sys_audit": [
            audit(1, 1, "2026-03-28 08:00:00", "assignment_group", "g1", "g2"),
            audit(1, 1, "2026-03-28 08:00:00", "reassignment_count", "0", "1"),
            audit(1, 1, "2026-03-28 08:00:00", "comments", "", "on it"),
            audit(1, 2, "2026-03-28 12:00:00", "state", "1", "6"),
            audit(1, 2, "2026-03-28 12:00:00", "resolved_at", "", "2026-03-28 12:00:00"),
            audit(1, 2, "2026-03-28 12:00:00", "problem_id", "", "p1"),
            audit(1, 3, "2026-03-29 10:00:00", "state", "6", "7"),
            audit(1, 3, "2026-03-29 10:00:00", "closed_at", "", "2026-03-29 10:00:00"),
        ],
        "task_sla": [
            {"sys_id": "t1", "task": "i1", "has_breached": "false", "stage": "completed", "sla.type": "SLA",
             "sla.target": "resolution"},
            {"sys_id": "t2", "task": "i1", "has_breached": "true", "stage": "completed", "sla.type": "OLA",
             "sla.target": "resolution"},
        ],
        "cmdb_ci": [{"sys_id": "c1", "name": "web1"}, {"sys_id": "s1", "name": "Shop"}],
        "sys_user_group": [{"sys_id": "g1", "name": "Desk"}, {"sys_id": "g2", "name": "Web"}],
        "problem": [{"sys_id": "p1", "number": "PRB1"}],
    }  # fmt: skip
    return found


def test_an_incident_is_taken_back_update_by_update(desk: ServiceNow, tmp_path: Path) -> None:
    """Each row as it was after its update: team, state and problem of that time, by the names asked for."""
    names = {
        "identify_cis_by": "name",
        "identify_services_by": "name",
        "identify_teams_by": "name",
    }
    with desk:
        (summary,) = land_all(
            connector(source(desk.url, "incidents", **names)),
            tmp_path,
            Window(date(2026, 3, 27), date(2026, 3, 29)),
        )
    rows = {
        (row["incident_id"], row["event_sequence"]): row for row in landed_rows(tmp_path, "desk", "incidents")
    }
    assert quarantined_rows(tmp_path, "desk", "incidents") == []
    shown = ("state", "team_id", "reassignment_count", "problem_id", "source_made_sla", "is_derived")
    assert {key: tuple(row[name] for name in shown) for key, row in rows.items()} == {
        ("INC1", 0): ("new", "Desk", 0, None, None, False),
        ("INC1", 1): ("new", "Web", 1, None, None, False),
        ("INC1", 2): ("resolved", "Web", 1, "PRB1", True, False),
        ("INC1", 3): ("closed", "Web", 1, "PRB1", True, False),
        ("INC2", 0): ("new", "Desk", 0, None, None, False),
        ("INC3", 0): ("new", "Desk", 0, None, None, True),
        ("INC3", 4): ("in_progress", "Desk", 0, None, None, True),
    }
    assert {(row["ci_id"], row["service_id"]) for row in rows.values()} == {("web1", "Shop")}
    assert rows["INC1", 1]["resolved_at"] is None
    assert str(rows["INC1", 3]["closed_at"]) == "2026-03-29 10:00:00"
    assert any("sys_audit shows no history" in warning for warning in summary.warnings)


def test_a_day_of_history_is_the_same_whenever_it_is_read(desk: ServiceNow) -> None:
    """What happened on a day does not depend on what became of the incident later."""

    def day() -> list[dict[str, Any]]:
        (batch,) = connector(source(desk.url, "incidents")).batches(
            "incidents", Window(DAY, DAY), lambda *_: False
        )
        assert isinstance(batch, Batch)
        return [row for row in batch.frame.to_pylist() if row["number"] == "INC1"]

    with desk:
        late = day()
        row = desk.tables["incident"][0]
        row |= {"sys_updated_on": "2026-03-28 12:00:00", "sys_mod_count": "2", "state": "6", "closed_at": ""}
        assert day() == late
        assert [one["sys_mod_count"] for one in late] == ["1", "2"]


def test_an_update_that_came_after_the_record_was_read_waits_for_its_turn() -> None:
    """Otherwise the record would be taken back by values that it never had."""
    record = {"sys_mod_count": "1", "sys_created_on": "2026-03-01 00:00:00", "state": "2"}
    changes = [
        Change(1, "2026-03-28 08:00:00", "state", "1"),
        Change(2, "2026-03-28 09:00:00", "state", "2"),
    ]
    assert [(event["sys_mod_count"], event["state"]) for event in history(record, changes, "2026-03-28")] == [
        ("1", "2")
    ]


def test_tables_without_days_come_whole(desk: ServiceNow, tmp_path: Path) -> None:
    """Services, groups, items and their relations: one snapshot each; dates without their time of day."""
    created = {"sys_created_on": "2026-01-02 03:04:05", "sys_updated_on": "2026-01-02 03:04:05"}
    desk.tables |= {
        "cmdb_ci_service": [
            {"sys_id": "s1", "name": "Shop", "owned_by": "u1", "support_group": "g1",
             "busines_criticality": "1 - most critical", **created}
        ],
        "sys_user": [{"sys_id": "u1", "name": "Ada"}],
        "cmdb_ci": [
            {"sys_id": f"c{n}", "name": f"web{n}", "sys_class_name": "cmdb_ci_server", **created} for n in range(5)
        ],
        "cmdb_rel_ci": [
            {"sys_id": "r1", "parent": "s1", "child": "c1", "parent.sys_class_name": "cmdb_ci_service_auto", **created},
            {"sys_id": "r2", "parent": "c1", "child": "c2", "parent.sys_class_name": "cmdb_ci_server", **created},
        ],
    }  # fmt: skip
    tables = {
        "services": {"constants": {"calendar_id": "office"}},
        "configuration_items": {},
        "service_cis": {},
        "teams": {},
    }
    with desk:
        land_all(connector(source(desk.url, tables=tables)), tmp_path, Window(DAY, DAY))
    (service,) = landed_rows(tmp_path, "desk", "services")
    assert (service["service_id"], service["owner"], service["criticality"]) == ("s1", "Ada", 1)
    assert service["valid_from"] == date(2026, 1, 2)
    assert len(landed_rows(tmp_path, "desk", "configuration_items")) == 5
    assert [(row["service_id"], row["ci_id"]) for row in landed_rows(tmp_path, "desk", "service_cis")] == [
        ("s1", "c1")
    ]
    assert {row["team_name"] for row in landed_rows(tmp_path, "desk", "teams")} == {"Desk", "Web"}


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("1970-01-01 00:00:00", "0.0"),
        ("1970-01-02 06:30:00", "1830.0"),
        ("", ""),
        (None, None),
        ("soon", "soon"),
    ],
)
def test_a_duration_is_the_time_since_1970(text: str | None, minutes: str | None) -> None:
    """What is none stays as it is, so that landing refuses it."""
    assert as_minutes(text) == minutes


def test_an_error_is_known_from_the_last_tick_on() -> None:
    """An error that is not known any more has no date; a solved problem keeps its own state."""
    ticks = [
        Change(1, "2026-03-01 08:00:00", "known_error", "0"),
        Change(2, "2026-03-02 08:00:00", "known_error", "1"),
    ]
    again = Change(3, "2026-03-03 08:00:00", "known_error", "0")
    rows: list[dict[str, str | None]] = [
        {"state": "103", "known_error": "true"},
        {"state": "103", "known_error": "false"},
        {"state": "106", "known_error": "1"},
        {"state": "103", "known_error": "true"},
    ]
    for row, changes in zip(rows, ([*ticks, again], ticks, [again], []), strict=True):
        add_known_error(row, changes)
    assert [(row["state"], row["known_error_at"]) for row in rows] == [
        ("known_error", "2026-03-03 08:00:00"),
        ("103", None),
        ("106", "2026-03-03 08:00:00"),
        ("known_error", None),
    ]


def test_a_missing_role_is_named(desk: ServiceNow) -> None:
    desk.refused = {"sys_audit"}
    with desk, pytest.raises(SourceError, match="Insufficient rights") as caught:
        list(
            connector(source(desk.url, "incidents")).batches("incidents", Window(DAY, DAY), lambda *_: False)
        )
    assert caught.value.fix.startswith("grant the account read on sys_audit")


def test_the_sign_in_is_never_sent_to_another_host() -> None:
    """A redirect is an error that names nothing secret, and is not followed."""
    with ServiceNow(3) as desk, ServiceNow() as other:
        desk.script[0] = status(302, Location=f"{other.url}/steal")
        with pytest.raises(SourceError, match="status 302"):
            list(
                connector(source(desk.url, "changes")).batches("changes", Window(DAY, DAY), lambda *_: False)
            )
        assert other.questions == []


def test_a_wrong_password_names_its_variable(desk: ServiceNow) -> None:
    desk.script[0] = status(401)
    desk.tables["change_request"] = []
    with desk, pytest.raises(SourceError) as caught:
        list(connector(source(desk.url, "changes")).batches("changes", Window(DAY, DAY), lambda *_: False))
    assert caught.value.fix == "renew the secret in SNOW_PASSWORD"


def test_a_answer_of_another_shape_is_refused(desk: ServiceNow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk, "answer", lambda question: Reply({"result": {"number": "CHG1"}}))
    with desk, pytest.raises(SourceError, match="no list `result`"):
        list(connector(source(desk.url, "changes")).batches("changes", Window(DAY, DAY), lambda *_: False))


def test_a_filter_holds_for_every_page(desk: ServiceNow) -> None:
    """^NQ begins a new query: a condition that is not repeated behind it would hold for half of the rows."""
    with ServiceNow(12) as desk:
        for row in desk.rows[::2]:
            row["type"] = "emergency"
        settings = source(desk.url, tables={"changes": {"filter": "type=emergency"}})
        (batch,) = connector(settings).batches("changes", Window(DAY, DAY), lambda *_: False)
        assert isinstance(batch, Batch)
        assert batch.frame["type"].to_pylist() == ["emergency"] * 6


def test_the_lookback_widens_the_window(desk: ServiceNow) -> None:
    with ServiceNow(5) as desk:
        later = Window(DAY + timedelta(days=2), DAY + timedelta(days=2))
        batches = list(
            connector(source(desk.url, "changes", lookback_days=2)).batches(
                "changes", later, lambda *_: False
            )
        )
    assert [batch.frame.num_rows for batch in batches if isinstance(batch, Batch)] == [5, 0, 0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"token_env": "T"}, "one way to sign in"),
        ({"password_env": None}, "belong together"),
        ({"tables": {"services": {}}}, "calendar_id is required"),
        ({"tables": {"outages": {}}}, "not read from here"),
        ({"tables": {"changes": {"filter": "a=1^NQb=2"}}}, "end a query"),
        ({"tables": {"incidents": {"columns": {"category": "caller_id.vip"}}}}, "reference whose table is not known"),
        ({"tables": {"changes": {"columns": {"colour": "x"}}}}, "not a field of changes"),
        ({"url": "https://me:pw@desk.example"}, "use token_env"),
    ],
)  # fmt: skip
def test_mistakes_in_the_configuration_are_explained(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        source("https://desk.example", "changes", **changes)
