"""The simulated estate through the products: what connectors land equals what the estate's own files land.

Compared record by record, in the fields that a product carries; what it cannot carry stands in its page (docs/sources).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from assets.connectors.base import Connector, Window
from assets.connectors.control import ControlConnector, ControlSource
from assets.connectors.files import FilesConnector, FilesSource
from assets.connectors.glpi import GlpiConnector, GlpiSource
from assets.connectors.jira import JiraConnector, JiraSource
from assets.connectors.request_tracker import RequestTrackerConnector, RequestTrackerSource
from assets.connectors.servicenow import ServiceNowConnector, ServiceNowSource
from assets.connectors.zabbix import ZabbixConnector, ZabbixSource
from assets.simulation import SimulationSettings, simulate
from tests.connectors.landing import land_all, landed_rows, quarantined_rows
from tests.connectors.simulators import glpi, jira, servicenow, zabbix
from tests.connectors.simulators.estate import (
    EstateRecords,
    glpi_number,
    jira_key,
    load_glpi,
    load_jira,
)
from tests.connectors.simulators.request_tracker import RequestTracker
from tests.connectors.simulators.request_tracker_estate import STATES, Tickets, ticket_number
from tests.connectors.simulators.servicenow_estate import BOARD, CLASSES, load_servicenow, sys_id
from tests.connectors.simulators.zabbix_estate import INVENTORY, SHAPES, load_zabbix, queries
from tests.servers import RequestTrackerServer

SETTINGS = SimulationSettings(seed=101, services=12, cis=48, days=18, interval_seconds=3600)
WINDOW = Window(SETTINGS.start_date - timedelta(days=1), SETTINGS.end_date)
MEASURED = Window(SETTINGS.end_date - timedelta(days=2), SETTINGS.end_date)
DESK = ("incidents", "changes", "problems", "service_requests", "sla_cycles", "approvals")
ITEMS = ("configuration_items", "service_cis")
Row = dict[str, Any]


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The estate's own files, and what they land."""
    found = tmp_path_factory.mktemp("simulated")
    simulate(SETTINGS, found)
    return found


@pytest.fixture(scope="session")
def estate(home: Path) -> EstateRecords:
    """What the files of the service desk and the CMDB land."""
    files = {table: f"sources/itsm/{table}_*.csv" for table in DESK}
    files |= {table: f"sources/cmdb/{table}.csv" for table in ITEMS}
    itsm = FilesSource.model_validate({"type": "files", "name": "itsm", "tables": files})
    land_all(FilesConnector(itsm, home), home, WINDOW)
    control = ControlSource.model_validate({"path": "control", "records": {}})
    land_all(ControlConnector(control, home), home, WINDOW, tables=("services", "teams"))
    rows = {table: landed_rows(home, "itsm", table) for table in files}
    return EstateRecords(
        rows | {table: landed_rows(home, "control", table) for table in ("services", "teams")}
    )


@pytest.fixture(scope="session")
def samples(home: Path) -> list[Row]:
    """What the files of monitoring land of the last days."""
    table = {"metric_samples": "sources/monitoring/metric_samples_*.parquet"}
    files = FilesSource.model_validate({"type": "files", "name": "monitoring", "tables": table})
    land_all(FilesConnector(files, home), home, MEASURED)
    rows = landed_rows(home, "monitoring", "metric_samples")
    return [row for row in rows if MEASURED.start <= row["observed_at"].date() <= MEASURED.end]


def land(
    connector: Connector, home: Path, tables: Iterable[str], window: Window = WINDOW
) -> dict[str, list[Row]]:
    """Everything that the connector lands; nothing may be wrong with it."""
    land_all(connector, home, window)
    assert {table: quarantined_rows(home, "desk", table) for table in tables} == {
        table: [] for table in tables
    }
    return {table: landed_rows(home, "desk", table) for table in tables}


def same(
    expected: Iterable[Row],
    found: Iterable[Row],
    keys: tuple[str, ...],
    fields: tuple[str, ...],
    *,
    named: Callable[[str], str] = str,
    words: Mapping[str, str] | None = None,
) -> None:
    """The same records with the same fields. `named`: what the product calls a record; `words`: states it lacks."""
    words = words or {}

    def told(row: Row, *, is_ours: bool) -> tuple[Any, ...]:
        cells = {**row, "state": words.get(row.get("state", ""), row.get("state"))} if is_ours else row
        return tuple(cells[field] for field in fields)

    wanted = {
        (named(row[keys[0]]), *(row[key] for key in keys[1:])): told(row, is_ours=True) for row in expected
    }
    came = {tuple(row[key] for key in keys): told(row, is_ours=False) for row in found}
    assert wanted
    assert came == wanted


def numbered(rows: Iterable[Row]) -> list[Row]:
    """Updates counted from 0 within their incident: products number them in ways of their own."""
    counts: dict[str, int] = {}
    found = []
    for row in sorted(rows, key=lambda row: (row["incident_id"], row["event_sequence"])):
        number = counts.get(row["incident_id"], 0)
        counts[row["incident_id"]] = number + 1
        found.append({**row, "event_sequence": number})
    return found


def keyed(row: Row, field: str) -> Row:
    """With the key that Jira has for the record that a field names."""
    return {**row, field: row[field] and jira_key(row[field])}


def rounded(rows: Iterable[Row]) -> list[Row]:
    """Elapsed time in seconds: products keep no parts of them."""
    return [{**row, "elapsed_minutes": round(row["elapsed_minutes"] * 60)} for row in rows]


def verdicts(rows: Iterable[Row]) -> dict[str, bool | None]:
    """The source's own verdict after the last update: products give only that of today."""
    return {row["incident_id"]: row["source_made_sla"] for row in numbered(rows)}


def test_the_estate_has_what_products_differ_in(estate: EstateRecords) -> None:
    """Otherwise the tests below would prove less than they seem to."""
    updates, changes = estate.tables["incidents"], estate.tables["changes"]
    states = {"new", "assigned", "in_progress", "on_hold", "resolved", "closed", "cancelled"}
    assert {row["state"] for row in updates} == states
    assert max(row["reassignment_count"] for row in updates) > 1
    assert {row["reopen_count"] for row in updates} == {0, 1}
    assert {row["source_made_sla"] for row in updates} == {True, False, None}
    assert any(row["problem_id"] for row in updates)
    assert {row["change_kind"] for row in changes} == {"standard", "normal", "emergency"}
    assert {"successful", "backed_out", None} <= {row["outcome"] for row in changes}
    assert any(row["change_id"] for row in estate.tables["problems"])
    assert {"fulfilled", "closed", "cancelled", "in_progress"} <= {
        row["state"] for row in estate.tables["service_requests"]
    }


def test_servicenow(estate: EstateRecords, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SNOW_PASSWORD", servicenow.PASSWORD)
    kinds = {"ci_kind": {name: kind for kind, name in CLASSES.items()}}
    tables: dict[str, dict[str, Any]] = {
        "incidents": {"replace": {"state": {"9": "assigned"}}},
        **{table: {} for table in (*DESK[1:], "group_approvals")},
        "services": {"constants": {"calendar_id": "office"}},
        "configuration_items": {"replace": kinds},
        "service_cis": {},
        "teams": {},
    }
    with servicenow.ServiceNow() as desk:
        load_servicenow(estate, desk)
        settings = {"name": "desk", "type": "servicenow", "url": desk.url, "user": servicenow.USER}
        settings |= {
            "password_env": "SNOW_PASSWORD",
            "page_rows": 50,
            "lookback_days": 0,
            "census_every_days": None,
            "tables": tables,
        }
        settings |= {"identify_cis_by": "correlation_id", "identify_services_by": "correlation_id"}
        source = ServiceNowSource.model_validate({**settings, "identify_teams_by": "source"})
        came = land(ServiceNowConnector(source), tmp_path, tables)
    ours = estate.tables
    same(numbered(ours["incidents"]), numbered(came["incidents"]), ("incident_id", "event_sequence"), (
        "updated_at", "state", "priority", "title", "category", "service_id", "ci_id", "team_id", "opened_at",
        "resolved_at", "closed_at", "reassignment_count", "reopen_count", "problem_id",
    ))  # fmt: skip
    assert verdicts(came["incidents"]) == verdicts(ours["incidents"])
    same(estate.newest("changes", "change_id"), came["changes"], ("change_id",), (
        "change_kind", "state", "title", "service_id", "ci_id", "requested_at", "planned_start_at", "planned_end_at",
        "started_at", "ended_at", "outcome", "updated_at",
    ))  # fmt: skip
    same(estate.newest("problems", "problem_id"), came["problems"], ("problem_id",), (
        "title", "service_id", "ci_id", "team_id", "state", "root_cause", "workaround", "change_id", "opened_at",
        "known_error_at", "resolved_at", "updated_at",
    ))  # fmt: skip
    asked = [
        row | {"approval_id": sys_id("approval", row["approval_id"])}
        for row in estate.newest("approvals", "approval_id")
        if row["updated_at"].date() >= WINDOW.start
    ]
    assert {row["state"] for row in asked} == {"approved", "requested"}
    same(asked, came["approvals"], ("approval_id",), (
        "record_table", "record_id", "approver", "state", "requested_at", "decided_at", "updated_at",
    ))  # fmt: skip
    boards = [
        row | {"group_approval_id": sys_id("group approval", row["approval_id"])}
        for row in estate.newest("approvals", "approval_id")
        if row["approver"] == BOARD and row["updated_at"].date() >= WINDOW.start
    ]
    same(boards, came["group_approvals"], ("group_approval_id",), (
        "record_table", "record_id", "state", "requested_at", "decided_at", "updated_at",
    ))  # fmt: skip
    assert {row["team_id"] for row in came["group_approvals"]} == {ours["teams"][0]["team_id"]}
    members = {row["group_approval_id"]: row["approver"] for row in came["approvals"]}
    assert {group: approver for group, approver in members.items() if group} == {
        row["group_approval_id"]: BOARD for row in boards
    }
    clocks = [row for row in came["sla_cycles"] if row["agreement_kind"] == "sla"]
    assert len(clocks) == len(came["sla_cycles"]) / 2
    same(rounded(estate.newest("sla_cycles", "cycle_id")), rounded(clocks), ("incident_id",), (
        "measure", "state", "started_at", "stopped_at", "goal_minutes", "elapsed_minutes", "is_breached", "updated_at",
    ))  # fmt: skip
    same(estate.newest("service_requests", "request_id"), came["service_requests"], ("request_id",), (
        "service_id", "team_id", "state", "opened_at", "fulfilled_at", "updated_at",
    ), words={"on_hold": "in_progress", "closed": "fulfilled"})  # fmt: skip
    same(estate.newest("services", "service_id"), came["services"], ("service_id",), (
        "service_name", "description", "owner", "team_id", "criticality", "valid_from",
    ))  # fmt: skip
    items = [row for row in came["configuration_items"] if row["ci_kind"] != "cmdb_ci_service"]
    assert len(items) == len(came["configuration_items"]) - len(came["services"])
    fields = ("ci_name", "ci_kind", "team_id", "site", "valid_from")
    same(estate.newest("configuration_items", "ci_id"), items, ("ci_id",), fields)
    same(estate.newest("service_cis", "ci_id"), came["service_cis"], ("service_id", "ci_id"), ("valid_from",))
    same(ours["teams"], came["teams"], ("team_id",), ("team_name",))


@pytest.mark.parametrize("deployment", ["cloud", "data_center"])
def test_jira(
    estate: EstateRecords, deployment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(jira.VARIABLE, jira.TOKEN)
    item = {"ci_id": "Affected hardware"}
    tables: dict[str, dict[str, Any]] = {
        "incidents": {
            "columns": {"team_id": "Team", "category": "Category", **item},
            "replace": {"state": {"Assigned": "assigned"}},
        },
        "changes": {
            "columns": {"outcome": "Outcome", **item},
            "replace": {"state": {"Scheduled": "scheduled"}},
        },
        "sla_cycles": {},
        "problems": {"columns": {"team_id": "Team", "change_id": "issuelinks.is fixed by.Change", **item}},
        "service_requests": {"columns": {"team_id": "Team"}},
        "configuration_items": {
            "filter": 'objectSchema = "Services"',
            "columns": {"ci_id": "Hostname", "site": "Site", "team_id": "Support group"},
            "replace": {"ci_kind": {kind.replace("_", " ").capitalize(): kind for kind in CLASSES}},
        },
    }
    user = {"user": jira.USER} if deployment == "cloud" else {}
    with jira.Jira(deployment=deployment) as site:
        site.most_entries = 3  # longer changelogs are read from the issue
        load_jira(estate, site)
        source = JiraSource.model_validate({
            "name": "desk", "type": "jira", "deployment": deployment, "url": site.url, "token_env": jira.VARIABLE,
            "page_rows": 20, "census_every_days": None, "tables": tables, **user,
        })  # fmt: skip
        came = land(JiraConnector(source), tmp_path, tables)
    ours = estate.tables
    updates = [keyed(row, "problem_id") for row in ours["incidents"]]
    assert any(row["problem_id"] for row in updates)
    same(numbered(updates), numbered(came["incidents"]), ("incident_id", "event_sequence"), (
        "updated_at", "state", "priority", "title", "category", "service_id", "ci_id", "team_id", "opened_at",
        "resolved_at", "closed_at", "reassignment_count", "reopen_count", "problem_id",
    ), named=jira_key)  # fmt: skip
    expected = {jira_key(number): kept for number, kept in verdicts(ours["incidents"]).items()}
    assert verdicts(came["incidents"]) == expected
    same(estate.newest("configuration_items", "ci_id"), came["configuration_items"], ("ci_id",), (
        "ci_name", "ci_kind", "team_id", "site", "valid_from",
    ))  # fmt: skip
    clocks = [row for row in came["sla_cycles"] if row["measure"] == "incident_resolution_minutes"]
    responses = [row for row in came["sla_cycles"] if row["measure"] == "incident_response_minutes"]
    expected_clocks = estate.newest("sla_cycles", "cycle_id")
    assert len(responses) == len(expected_clocks)
    kept = [row for row in expected_clocks if row["state"] != "cancelled"]
    same(rounded(kept), rounded(clocks), ("incident_id",), (
        "state", "started_at", "stopped_at", "goal_minutes", "elapsed_minutes", "is_breached", "updated_at",
    ), named=jira_key)  # fmt: skip
    same(estate.newest("changes", "change_id"), came["changes"], ("change_id",), (
        "change_kind", "state", "title", "service_id", "ci_id", "requested_at", "planned_start_at", "planned_end_at",
        "started_at", "ended_at", "outcome", "updated_at",
    ), named=jira_key)  # fmt: skip
    problems = [keyed(row, "change_id") for row in estate.newest("problems", "problem_id")]
    same(problems, came["problems"], ("problem_id",), (
        "title", "service_id", "ci_id", "team_id", "state", "root_cause", "workaround", "change_id", "opened_at",
        "known_error_at", "resolved_at", "updated_at",
    ), named=jira_key)  # fmt: skip
    same(estate.newest("service_requests", "request_id"), came["service_requests"], ("request_id",), (
        "request_kind", "service_id", "team_id", "state", "opened_at", "fulfilled_at", "updated_at",
    ), named=jira_key)  # fmt: skip


def test_glpi(estate: EstateRecords, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLPI_TOKEN", glpi.USER_TOKEN)
    monkeypatch.setenv("GLPI_APP", glpi.APP_TOKEN)
    tables: dict[str, dict[str, Any]] = {
        "incidents": {
            "columns": {"service_id": "Ticket.ITILCategory.completename"},
            "replace": {"state": {"2": "assigned"}},
        },
        "service_requests": {"columns": {"service_id": "Ticket.ITILCategory.completename"}},
        "changes": {},
        "problems": {},
        "teams": {},
    }
    with glpi.Glpi() as desk:
        load_glpi(estate, desk)
        source = GlpiSource.model_validate({
            "name": "desk", "type": "glpi", "url": desk.url, "zone": glpi.ZONE, "token_env": "GLPI_TOKEN",
            "app_token_env": "GLPI_APP", "page_rows": 40, "census_every_days": None, "tables": tables,
        })  # fmt: skip
        came = land(GlpiConnector(source), tmp_path, tables)

    def named(number: str) -> str:
        return str(glpi_number(number))

    # A ticket is never cancelled: it is closed when that happens. Its team is that of today.
    last = {row["incident_id"]: row["team_id"] for row in numbered(estate.tables["incidents"])}
    ours = [
        {
            **row,
            "closed_at": row["updated_at"] if row["state"] == "cancelled" else row["closed_at"],
            "team_id": last[row["incident_id"]],
        }
        for row in numbered(estate.tables["incidents"])
    ]
    same(ours, numbered(came["incidents"]), ("incident_id", "event_sequence"), (
        "updated_at", "state", "priority", "title", "service_id", "team_id", "opened_at", "resolved_at", "closed_at",
    ), named=named, words={"cancelled": "closed"})  # fmt: skip
    same(estate.newest("service_requests", "request_id"), came["service_requests"], ("request_id",), (
        "service_id", "team_id", "state", "opened_at", "fulfilled_at", "updated_at",
    ), named=named, words={"cancelled": "closed"})  # fmt: skip
    same(estate.newest("changes", "change_id"), came["changes"], ("change_id",), (
        "state", "title", "requested_at", "ended_at", "updated_at",
    ), named=named)  # fmt: skip
    same(estate.newest("problems", "problem_id"), came["problems"], ("problem_id",), (
        "title", "team_id", "state", "root_cause", "opened_at", "resolved_at", "updated_at",
    ), named=named, words={"known_error": "investigating"})  # fmt: skip
    same(estate.tables["teams"], came["teams"], ("team_id",), ("team_name",))


@pytest.mark.request_tracker
@pytest.mark.xdist_group("request_tracker")
def test_request_tracker(
    estate: EstateRecords, tracker: RequestTrackerServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A real server. Its default lifecycle has five statuses, and a ticket is never closed."""
    monkeypatch.setenv("RT_TOKEN", tracker.TOKENS["reader"])
    incidents = list(estate.incidents())
    requests = estate.newest("service_requests", "request_id")
    changes, problems = estate.newest("changes", "change_id"), estate.newest("problems", "problem_id")
    ours = numbered(row for updates in incidents for row in updates)
    assert {row["state"] for row in ours} == set(STATES["incidents"])
    assert {1} < {len({row["team_id"] for row in updates}) for updates in incidents}
    Tickets(tracker).load(incidents, {"service_requests": requests, "changes": changes, "problems": problems})
    teams = sorted({row["team_id"] for row in [*ours, *requests, *problems]})
    kinds = {"incidents": "Incident", "service_requests": "service_requests", "problems": "problems"}
    service, item = {"service_id": "CF.{Service}"}, {"ci_id": "CF.{CI}"}
    columns = {
        "incidents": {**service, **item, "category": "CF.{Category}"},
        "service_requests": service,
        "problems": {**service, **item},
    }
    tables: dict[str, dict[str, Any]] = {
        table: {"filter": f"'CF.{{Kind}}' = '{kind}'", "columns": columns[table]}
        for table, kind in kinds.items()
    }
    try:
        source = RequestTrackerSource.model_validate({
            "name": "desk", "type": "request_tracker", "url": tracker.url, "token_env": "RT_TOKEN",
            "lookback_days": 0, "census_every_days": None,
            "queues": {**dict.fromkeys(kinds, teams), "changes": ["Changes"]},
            "tables": {**tables, "changes": {"columns": item}},
        })  # fmt: skip
        came = land(RequestTrackerConnector(source), tmp_path, source.tables)
    finally:
        Tickets(tracker).load([], {})
        RequestTracker.written = ""

    def words(table: str) -> dict[str, str]:
        states = source.mapped(table).replace["state"]
        return {state: states[status] for state, status in STATES[table].items()}

    same(ours, numbered(came["incidents"]), ("incident_id", "event_sequence"), (
        "updated_at", "state", "priority", "title", "category", "service_id", "ci_id", "team_id", "opened_at",
        "resolved_at",
    ), named=ticket_number, words=words("incidents"))  # fmt: skip
    same(requests, came["service_requests"], ("request_id",), (
        "service_id", "team_id", "state", "opened_at", "fulfilled_at", "updated_at",
    ), named=ticket_number, words=words("service_requests"))  # fmt: skip
    same(changes, came["changes"], ("change_id",), (
        "state", "title", "ci_id", "requested_at", "planned_start_at", "planned_end_at", "started_at", "ended_at",
        "updated_at",
    ), named=ticket_number, words=words("changes"))  # fmt: skip
    same(problems, came["problems"], ("problem_id",), (
        "title", "service_id", "ci_id", "team_id", "state", "opened_at", "resolved_at", "updated_at",
    ), named=ticket_number, words=words("problems"))  # fmt: skip


def test_zabbix(
    estate: EstateRecords, samples: list[Row], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Samples of hosts and services, gauges and counters, floats and unsigned numbers; hosts as items."""
    monkeypatch.setenv(zabbix.VARIABLE, zabbix.TOKEN)
    assert {row["metric"] for row in samples} == set(SHAPES)
    items = estate.newest("configuration_items", "ci_id")
    inventory = {field: f"inventory.{name}" for field, name in INVENTORY.items()}
    tables = {"configuration_items": {"columns": inventory}}
    with zabbix.Zabbix() as server:
        load_zabbix(samples, items, server)
        source = ZabbixSource.model_validate({
            "name": "desk", "type": "zabbix", "url": server.url, "token_env": zabbix.VARIABLE, "lookback_days": 0,
            "page_rows": 500, "queries": queries(), "tables": tables,
        })  # fmt: skip
        came = land(ZabbixConnector(source), tmp_path, ("metric_samples", "configuration_items"), MEASURED)
    same(samples, came["metric_samples"], ("ci_id", "metric", "observed_at"), (
        "value", "unit", "kind", "interval_seconds",
    ))  # fmt: skip
    hosts = [row for row in came["configuration_items"] if row["ci_kind"] != "service"]
    assert len(hosts) < len(came["configuration_items"])
    same(items, hosts, ("ci_id",), ("ci_name", "ci_kind", "team_id", "site", "valid_from"))
