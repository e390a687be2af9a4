"""What is Jira's own: histories of incidents, SLAs, zones and minutes of JQL, fields by name."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from assets.connectors.base import Batch, Window
from assets.connectors.jira import JiraConnector, JiraSource
from assets.connectors.jira_history import plain
from assets.connectors.remote import RetryPolicy, SourceError
from tests.connectors.landing import land_all, landed_rows
from tests.connectors.simulators import jira
from tests.connectors.simulators.jira import Jira, cycle, entry, linking

DAY = date(2026, 3, 28)
DEPLOYMENTS = ("cloud", "data_center")


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(jira.VARIABLE, jira.TOKEN)


def source(url: str = "https://jira.example", deployment: str = "cloud", **more: Any) -> JiraSource:
    given = {"type": "jira", "name": "desk", "deployment": deployment, "url": url, "token_env": jira.VARIABLE}
    user = {"user": jira.USER} if deployment == "cloud" else {}
    return JiraSource.model_validate(
        {**given, **user, "lookback_days": 0, "page_rows": 4, "tables": {"changes": {}}, **more}
    )


def read(simulator: Jira, table: str, day: date = DAY, **more: Any) -> list[dict[str, Any]]:
    """Rows by contract field."""
    deployment = "cloud" if simulator.is_cloud else "data_center"
    connector = JiraConnector(
        source(simulator.url, deployment, **{"tables": {table: {}}, **more}),
        retries=RetryPolicy(sleep=lambda _seconds: None),
    )
    found = []
    for batch in connector.batches(table, Window(day, day), lambda *_: False):
        assert isinstance(batch, Batch)
        names = batch.declaration.columns
        found += [{field: row[column] for field, column in names.items()} for row in batch.frame.to_pylist()]
    return found


def at(hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 3, 28, hour, minute, tzinfo=UTC)


def incident(simulator: Jira, **fields: Any) -> jira.Issue:
    """Opened at 8, resolved at 9, reopened at 10, handed over and resolved again at 11; created the day before read."""
    issue = simulator.put(
        "Incident",
        at(11),
        at(8),
        status={"name": "Completed", "id": "5"},
        priority={"name": "High", "id": "2"},
        assignee={"accountId": "2", "displayName": "Bo"},
        resolution={"name": "Done", "id": "1"},
        resolutiondate=simulator._time(at(11)),
        customfield_10050=[{"id": "ari:1", "name": "shop"}, {"id": "ari:2", "name": "till"}],
        **fields,
    )
    issue["history"] = [
        entry(1, at(9), ("status", "Open", "Completed"), ("resolution", None, "Done")),
        entry(2, at(10), ("status", "Completed", "Work in progress"), ("resolution", "Done", None)),
        entry(10, at(10, 30), ("assignee", "Al", "Bo"), ("priority", "Low", "High")),
        entry(11, at(11), ("status", "Work in progress", "Completed"), ("resolution", None, "Done")),
    ]
    return issue


@pytest.mark.parametrize("deployment", DEPLOYMENTS)
@pytest.mark.parametrize("shown", [100, 2])
def test_an_incident_comes_as_it_was_after_each_update(deployment: str, shown: int) -> None:
    """Also when the search gives the newest two entries only: the rest comes from the issue's own changelog."""
    with Jira(deployment=deployment) as simulator:
        simulator.most_entries = shown
        simulator.slas[incident(simulator)["key"]] = [
            {"name": "Time to first response", "completedCycles": [cycle(500, 10)]},
            {"name": "Time to resolution", "completedCycles": [cycle(60, 240), cycle(30, 240)]},
        ]
        rows = read(simulator, "incidents")
        asked = [question.path for question in simulator.questions]
    seen = [
        (row["event_sequence"], row["state"], row["priority"], row["reassignment_count"], row["reopen_count"])
        for row in rows
    ]
    assert seen == [
        ("0", "Open", "Low", "0", "0"),
        ("1", "Completed", "Low", "0", "0"),
        ("2", "Work in progress", "Low", "0", "1"),
        ("3", "Work in progress", "High", "1", "1"),
        ("4", "Completed", "High", "1", "1"),
    ]
    resolved = [row["resolved_at"] and datetime.fromisoformat(row["resolved_at"]) for row in rows]
    assert resolved == [None, at(9), None, None, at(11)]
    assert [row["source_made_sla"] for row in rows] == [None, "true", None, None, "true"]
    assert {(row["incident_id"], row["service_id"]) for row in rows} == {("ITSM-1", "shop")}
    assert sum(path.endswith("/sla") for path in asked) == 1
    assert sum(path.endswith("/changelog") for path in asked) == (
        2 if shown == 2 and simulator.is_cloud else 0
    )


@pytest.mark.parametrize("deployment", DEPLOYMENTS)
def test_every_cycle_of_an_sla_is_a_row(deployment: str) -> None:
    """A clock begun anew has two. Those that come as a field are not asked for; without a request there are none."""
    with Jira(deployment=deployment) as simulator:
        first, again = cycle(30, 60, at(8), at(8, 30)), cycle(90, 60, at(9), at(10, 30))
        going_on = cycle(15, 60, at(11), paused=True)
        clock = {
            "id": "7",
            "name": "Time to resolution",
            "completedCycles": [again, first],
            "ongoingCycle": going_on,
        }
        incident(simulator, customfield_10060=clock)
        asked = incident(simulator)
        simulator.slas[asked["key"]] = [{"id": "9", "name": "Time to close", "completedCycles": [first]}]
        incident(simulator)
        rows = read(simulator, "sla_cycles")
        questions = [question.path for question in simulator.questions if question.path.endswith("/sla")]
    shown = ("cycle_id", "measure", "state", "goal_minutes", "elapsed_minutes", "is_breached")
    resolution = "incident_resolution_minutes"
    assert [tuple(row[name] for name in shown) for row in rows] == [
        ("ITSM-1/7/1", resolution, "completed", "60.0", "30.0", "false"),
        ("ITSM-1/7/2", resolution, "completed", "60.0", "90.0", "true"),
        ("ITSM-1/7/3", resolution, "paused", "60.0", "15.0", "false"),
        ("ITSM-2/9/1", None, "completed", "60.0", "30.0", "false"),
    ]
    assert [row["started_at"] and datetime.fromisoformat(row["started_at"]) for row in rows[:3]] == [
        at(8),
        at(9),
        at(11),
    ]
    assert rows[2]["stopped_at"] is None
    assert len(questions) == 2


def censused(simulator: Jira, home: Path, number: int) -> dict[str, date]:
    """Cycles that are gone, after a day was landed with a census; days are counted from `DAY`."""
    deployment = "cloud" if simulator.is_cloud else "data_center"
    given = source(simulator.url, deployment, tables={"sla_cycles": {}}, census_every_days=1)
    connector = JiraConnector(given, spool=home / "spool", retries=RetryPolicy(sleep=lambda _seconds: None))
    day = DAY + timedelta(days=number)
    land_all(connector, home, Window(day, day), hour=6 + number)
    rows = landed_rows(home, "desk", "tombstones")
    assert {row["record_table"] for row in rows} <= {"sla_cycles"}
    return {row["record_key"]: row["deleted_known_date"] for row in rows}


@pytest.mark.parametrize("deployment", DEPLOYMENTS)
def test_cycles_are_in_the_census_by_their_incident(deployment: str, tmp_path: Path) -> None:
    """Those of a deleted incident are gone, and so is one that its SLA no longer has; missed ones are fetched.

    Of an incident whose SLAs do not come as fields nothing is asked, and nothing is taken for gone.
    """
    with Jira(deployment=deployment) as simulator:
        clock = {"id": "7", "name": "Time to resolution"}
        first, again = cycle(30, 60, at(8), at(8, 30)), cycle(90, 60, at(9), at(10, 30))
        deleted = incident(simulator, customfield_10060={**clock, "completedCycles": [first]})
        kept = incident(simulator, customfield_10060={**clock, "completedCycles": [first, again]})
        asked = incident(simulator)
        simulator.slas[asked["key"]] = [{**clock, "completedCycles": [first]}]
        assert censused(simulator, tmp_path, 0) == {}
        simulator.issues.remove(deleted)
        kept["fields"]["customfield_10060"] = {**clock, "completedCycles": [first]}
        late = incident(simulator, customfield_10060={**clock, "completedCycles": [again]})
        simulator.questions.clear()
        gone = censused(simulator, tmp_path, 1)
        questions = [question.path for question in simulator.questions if question.path.endswith("/sla")]
    known = DAY + timedelta(days=1)
    assert gone == {f"{deleted['key']}/7/1": known, f"{kept['key']}/7/2": known}
    landed = {row["cycle_id"] for row in landed_rows(tmp_path, "desk", "sla_cycles")}
    assert {f"{late['key']}/7/1", f"{asked['key']}/7/1"} <= landed
    assert len(questions) == 1  # as the day is read again, not for the census


@pytest.mark.parametrize("deployment", DEPLOYMENTS)
def test_a_problem_is_a_known_error_since_its_status_says_so(deployment: str) -> None:
    """From the changelog; a field that the user names goes before it, and no changelog is asked for then."""
    with Jira(deployment=deployment) as simulator:
        problem = simulator.put("Problem", at(11), status={"name": "Closed", "id": "6"})
        problem["history"] = [
            entry(1, at(9), ("status", "Open", "Known error")),
            entry(2, at(10), ("status", "Known error", "Open")),
            entry(3, at(11), ("status", "Open", "Closed")),
        ]
        never = simulator.put("Problem", at(11), customfield_10048=simulator._time(at(7)))
        rows = {row["problem_id"]: row["known_error_at"] for row in read(simulator, "problems")}
        tables = {"problems": {"columns": {"known_error_at": "Planned end"}}}
        simulator.questions.clear()
        (named,) = (
            row["known_error_at"]
            for row in read(simulator, "problems", tables=tables)
            if row["problem_id"] == never["key"]
        )
        assert not any("expand" in question.params for question in simulator.questions)
    assert rows[never["key"]] is None
    assert datetime.fromisoformat(str(rows[problem["key"]])) == at(9)
    assert datetime.fromisoformat(named) == at(7)


@pytest.mark.parametrize("deployment", DEPLOYMENTS)
def test_an_incident_has_its_problem_from_when_it_was_linked(deployment: str) -> None:
    """A link that was removed leaves nothing; one without an entry of the changelog was there from the beginning."""
    with Jira(deployment=deployment) as simulator:
        issue = incident(simulator)
        simulator.link(issue, "Problem/Incident", "CHG-7", "Change")
        simulator.link(issue, "Problem/Incident", "PRB-2", "Problem")
        issue["history"][1]["items"] += entry(0, at(8), linking("PRB-1", "is caused by"))["items"]
        issue["history"][2]["items"] += entry(0, at(8), linking("PRB-2", "is caused by"))["items"]
        made_with = incident(simulator)
        simulator.link(made_with, "Problem/Incident", "PRB-3", "Problem")
        rows = read(simulator, "incidents")
        by_any = {"incidents": {"columns": {"problem_id": "Linked Issues.Problem/Incident"}}}
        named = read(simulator, "incidents", tables=by_any)
    of: dict[str, list[str | None]] = {}
    for row in rows:
        of.setdefault(row["incident_id"], []).append(row["problem_id"])
    assert of == {issue["key"]: [None, None, None, "PRB-2", "PRB-2"], made_with["key"]: ["PRB-3"] * 5}
    assert {row["problem_id"] for row in named} == {"CHG-7", "PRB-3"}


def test_a_site_without_assets_says_so() -> None:
    """Which objects are configuration items only the user knows."""
    with pytest.raises(ValidationError, match="say in AQL which objects are"):
        source(tables={"configuration_items": {}})
    with Jira() as simulator, pytest.raises(SourceError, match="0 workspaces of Assets"):
        simulator.workspaces = []
        read(
            simulator,
            "configuration_items",
            tables={"configuration_items": {"filter": "objectType = Server"}},
        )


@pytest.mark.parametrize("deployment", DEPLOYMENTS)
def test_objects_come_page_by_page(deployment: str) -> None:
    """An attribute that an object lacks is empty; its own key stands for it where nothing else is named."""
    with Jira(deployment=deployment) as simulator:
        for number in range(9):
            site = {"Site": "Oslo"} if number else {}
            simulator.put_object("Server", f"web{number}", "2026-01-02T03:04:05.000Z", **site)
        chosen = {"filter": "objectType = Server", "columns": {"site": "Site"}}
        rows = read(simulator, "configuration_items", tables={"configuration_items": chosen})
    assert [(row["ci_id"], row["ci_name"], row["site"]) for row in rows] == [
        (f"ITSM-{number + 1}", f"web{number}", "Oslo" if number else None) for number in range(9)
    ]
    assert {(row["ci_kind"], row["valid_from"]) for row in rows} == {("Server", "2026-01-02")}


def test_an_incident_changed_after_the_window_has_its_events_in_it() -> None:
    """There is no upper bound: the issue's last change lies days later, and the days between are told from entries."""
    with Jira() as simulator:
        issue = incident(simulator)
        issue["history"].append(entry(12, at(8) + timedelta(days=5), ("status", "Completed", "Closed")))
        issue.update(updated=at(8) + timedelta(days=5))
        rows = read(simulator, "incidents")
        later = read(simulator, "incidents", DAY + timedelta(days=5))
    assert [row["state"] for row in rows] == [
        "Open",
        "Completed",
        "Work in progress",
        "Work in progress",
        "Completed",
    ]
    assert [(row["event_sequence"], row["state"]) for row in later] == [("5", "Closed")]
    assert later[0]["closed_at"] == later[0]["updated_at"]


@pytest.mark.parametrize(
    ("sla", "kept"),
    [
        ({"completedCycles": [cycle(60, 240), cycle(300, 240)]}, "false"),
        ({"completedCycles": [cycle(60, 240)]}, "true"),
        ({"completedCycles": [{**cycle(300, 240), "breached": None}]}, "false"),  # by the milliseconds left
        ({"completedCycles": [], "ongoingCycle": {"breached": False}}, None),
    ],
)
def test_the_sla_that_comes_as_a_field_is_not_asked_for(sla: dict[str, Any], kept: str | None) -> None:
    with Jira() as simulator:
        incident(simulator, customfield_10060={"name": "Time to resolution", **sla})
        assert read(simulator, "incidents")[-1]["source_made_sla"] == kept
        assert not any(question.path.endswith("/sla") for question in simulator.questions)


def test_slas_come_in_pages_and_an_issue_that_is_no_request_has_none() -> None:
    with Jira() as simulator:
        first, second = incident(simulator), incident(simulator)
        others = [{"name": f"SLA {number}"} for number in range(50)]
        simulator.slas[second["key"]] = [
            *others,
            {"name": "Time to resolution", "completedCycles": [cycle(9, 1)]},
        ]
        rows = read(simulator, "incidents")
    kept = {row["incident_id"]: row["source_made_sla"] for row in rows}
    assert kept == {first["key"]: None, second["key"]: "false"}


@pytest.mark.parametrize("deployment", DEPLOYMENTS)
@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "America/St_Johns", "Pacific/Pago_Pago"])
def test_days_are_of_utc_whatever_the_zone_of_the_account(deployment: str, zone: str) -> None:
    """The first and the last millisecond of a day belong to it, those around it do not."""
    midnight = datetime(2026, 3, 28, tzinfo=UTC)
    with Jira(deployment=deployment) as simulator:
        simulator.zone = jira.ZoneInfo(zone)
        for hours, shift in ((0, -1), (0, 0), (24, -1), (24, 0)):
            simulator.put("Change", midnight + timedelta(hours=hours, milliseconds=shift))
        assert [row["change_id"] for row in read(simulator, "changes")] == ["ITSM-2", "ITSM-3"]


@pytest.mark.parametrize("deployment", DEPLOYMENTS)
def test_an_hour_that_clocks_show_twice_loses_nothing(deployment: str) -> None:
    """St John's, 1 November: 1:30 comes at 4:00 and at 5:00 UTC, and nothing says which of them JQL means."""
    first = datetime(2026, 11, 1, 3, 20, tzinfo=UTC)
    with Jira(deployment=deployment) as simulator:
        for number in range(15):
            simulator.put("Change", first + timedelta(minutes=10 * number))
        rows = read(simulator, "changes", first.date())
    assert [row["change_id"] for row in rows] == [f"ITSM-{number + 1}" for number in range(15)]


@pytest.mark.parametrize("deployment", DEPLOYMENTS)
def test_more_issues_in_a_minute_than_a_page_holds(deployment: str) -> None:
    """A bulk change of 15 in one millisecond; Data Center has pages of 3 although 4 are asked for."""
    with Jira(deployment=deployment) as simulator:
        simulator.most_issues = 3
        for _ in range(15):
            simulator.put("Change", at(9))
        assert len(read(simulator, "changes")) == 15


def test_offsets_that_moved_within_a_minute_are_noticed() -> None:
    """Data Center: whenever an issue leaves the minute between two pages, those that moved up are still read."""
    for number in range(4, 9):
        with Jira(deployment="data_center") as simulator:
            for _ in range(12):
                simulator.put("Change", at(9))
            simulator.acts[number] = [lambda: simulator.remove(0), lambda: simulator.remove(0)]
            found = {row["change_id"] for row in read(simulator, "changes")}
            assert found >= simulator.held().keys()


@pytest.mark.parametrize("deployment", DEPLOYMENTS)
def test_fields_are_found_by_name_and_by_path(deployment: str) -> None:
    with Jira(deployment=deployment) as simulator:
        cause = {
            "type": "doc",
            "content": [{"type": "paragraph", "content": [{"type": "text", "text": "Disk full"}]}],
        }
        simulator.put("Problem", at(9), customfield_10070=cause, components=[{"name": "till"}])
        kind = {"requestType": {"id": "7", "name": "New laptop"}}
        simulator.put("Service request", at(9), customfield_10080=kind)
        (problem,) = read(simulator, "problems")
        (request,) = read(simulator, "service_requests")
        (by_id,) = read(
            simulator,
            "service_requests",
            tables={"service_requests": {"columns": {"request_kind": "customfield_10080.requestType.id"}}},
        )
    assert (problem["root_cause"], problem["service_id"], problem["workaround"]) == (
        "Disk full",
        "till",
        None,
    )
    assert (request["request_kind"], by_id["request_kind"]) == ("New laptop", "7")


def test_a_field_that_the_site_lacks_is_a_mistake_of_the_configuration() -> None:
    with (
        Jira(1) as simulator,
        pytest.raises(SourceError, match=r"tables.changes.columns.ci_id: the site has no field 'Server'"),
    ):
        read(simulator, "changes", tables={"changes": {"columns": {"ci_id": "Server"}}})


def test_an_account_without_a_known_zone_is_not_read() -> None:
    """Guessing UTC would lose hours of issues."""
    with Jira(1) as simulator:
        simulator.script[0] = lambda handler, _reply: handler.send(
            200, b'{"timeZone": null}', "application/json"
        )
        with pytest.raises(SourceError, match="names no known time zone"):
            read(simulator, "changes")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"user": None}, "needs a way to sign in"),
        ({"token_env": None}, "needs a way to sign in"),
        ({"tables": {"changes": {"filter": "project = A ORDER  BY key"}}}, "leave ORDER BY out"),
        ({"tables": {"teams": {}}}, "not read from here"),
    ],
)
def test_mistakes_of_the_configuration_are_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        source(**changes)


def test_data_center_calls_its_issue_types_otherwise() -> None:
    assert source().mapped("changes").filter == 'issuetype = "[System] Change"'
    assert source(deployment="data_center").mapped("changes").filter == 'issuetype = "Change"'
    own = source(deployment="data_center", tables={"changes": {"filter": 'issuetype = "[System] Change"'}})
    assert own.mapped("changes").filter == 'issuetype = "[System] Change"'


def test_values_become_text() -> None:
    assert plain([]) is None
    assert plain({"value": "Normal", "id": "1"}) == "Normal"
    assert plain([{"displayName": "Bo", "accountId": "2"}]) == "Bo"
    assert plain({"requestType": 1}) == '{"requestType": 1}'
    assert plain(3.5) == "3.5"
