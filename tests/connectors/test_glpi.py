"""GLPI: what the guarantees of all paged sources do not tell; sessions, search options, histories, configuration."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from assets.connectors.base import Batch, Window
from assets.connectors.glpi import GlpiConnector, GlpiSource
from assets.connectors.remote import RetryPolicy, SourceError
from tests.connectors.landing import land_all, landed_rows
from tests.connectors.simulators.glpi import (
    APP_TOKEN,
    PASSWORD,
    START,
    USER,
    USER_TOKEN,
    ZONE,
    Glpi,
    item,
    local,
    log,
)

DAY = date(2026, 3, 28)
WINDOW = Window(DAY, DAY)


def at(minutes: int) -> datetime:
    return START + timedelta(minutes=minutes)


@pytest.fixture
def simulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[Glpi]:
    """An instance whose search options have other numbers than those of a fresh one."""
    monkeypatch.setenv("GLPI_TOKEN", USER_TOKEN)
    monkeypatch.setenv("GLPI_APP", APP_TOKEN)
    with Glpi(renumbered=100) as found:
        yield found


def given(url: str = "https://glpi.example", **changes: Any) -> dict[str, Any]:
    return {
        "type": "glpi",
        "name": "desk",
        "url": url,
        "zone": ZONE,
        "token_env": "GLPI_TOKEN",
        "app_token_env": "GLPI_APP",
        "page_rows": 3,
        "lookback_days": 0,
        "census_every_days": None,
        "tables": {"incidents": {}},
        **changes,
    }


def connector(simulator: Glpi, spool: Path | None = None, **changes: Any) -> GlpiConnector:
    source = GlpiSource.model_validate(given(simulator.url, **changes))
    return GlpiConnector(source, spool=spool, retries=RetryPolicy(sleep=lambda _seconds: None))


def rows(found: GlpiConnector, table: str = "incidents", window: Window = WINDOW) -> list[dict[str, Any]]:
    """Rows of all batches under the names of the contract."""
    result = []
    for batch in found.batches(table, window, lambda *_: False):
        assert isinstance(batch, Batch)
        columns = batch.declaration.columns
        result += [
            {field: row[column] for field, column in columns.items()} for row in batch.frame.to_pylist()
        ]
    return result


def ticket(number: int, changed: datetime, **fields: Any) -> dict[str, Any]:
    return item(number, changed, **{"status": 5, "solvedate": local(changed), "name": "Disk full", **fields})


def test_an_account_without_entities_is_told(simulator: Glpi) -> None:
    """Its session would find nothing, and that would look like an empty desk."""
    simulator.has_entity = False
    with pytest.raises(SourceError, match="changeActiveEntities was refused"):
        list(connector(simulator).batches("incidents", WINDOW, lambda *_: False))


def test_an_incident_has_a_row_for_each_logged_second(simulator: Glpi) -> None:
    """Backwards from the ticket as it is, by the numbers of this instance's options."""
    simulator.items["Ticket"] = [ticket(7, at(30), category="Storage > Disk", priority=6)]
    simulator.logs[7] = [
        log(41, START, action=20),
        log(42, at(10), option=112, old="1", new="2"),
        log(43, at(10), option=103, old="3", new="6"),
        log(44, at(20), option=107, old="Storage &#62; Tape (4)", new="Storage > Disk (5)"),
        log(45, at(30), option=112, old="2", new="5"),
        log(46, at(30), option=117, old="", new=local(at(30))),
        log(47, at(40), option=112, old="5", new="6"),  # newer than the ticket as read
    ]
    found = rows(connector(simulator))
    assert [
        [
            row[name]
            for name in ("event_sequence", "updated_at", "state", "priority", "category", "resolved_at")
        ]
        for row in found
    ] == [
        ["41", local(START), "1", "3", "Storage > Tape", None],
        ["43", local(at(10)), "2", "6", "Storage > Tape", None],
        ["44", local(at(20)), "2", "6", "Storage > Disk", None],
        ["46", local(at(30)), "5", "6", "Storage > Disk", local(at(30))],
    ]
    assert {row["is_derived"] for row in found} == {"false"}


def test_events_outside_the_window_are_left_to_their_day(simulator: Glpi) -> None:
    """The zone decides: half past midnight in Berlin is the day before in UTC."""
    midnight = datetime(2026, 3, 27, 23, 30, tzinfo=UTC)
    simulator.items["Ticket"] = [ticket(7, at(30 * 60), date=local(midnight))]
    simulator.logs[7] = [
        log(1, midnight, action=20),
        log(2, at(0), option=112, old="1", new="2"),
        log(3, at(30 * 60), option=112, old="2", new="5"),
    ]
    found = connector(simulator)
    days = [DAY + timedelta(days=number) for number in (-1, 0, 1)]
    assert [[row["event_sequence"] for row in rows(found, window=Window(day, day))] for day in days] == [
        ["1"],
        ["2"],
        ["3"],
    ]


def test_a_ticket_without_a_log_is_derived_and_the_receipt_says_so(simulator: Glpi) -> None:
    """The account may not read logs: GLPI says so in the rows' place, with status 200."""
    simulator.items["Ticket"] = [ticket(7, at(30))]
    simulator.logs[7] = [log(1, START, action=20), log(2, at(30), option=112, old="1", new="5")]
    simulator.sees_logs = False
    (batch,) = connector(simulator).batches("incidents", WINDOW, lambda *_: False)
    assert isinstance(batch, Batch)
    assert [(row["Ticket.status"], row["event.is_derived"]) for row in batch.frame.to_pylist()] == [
        ("1", "true"),
        ("5", "true"),
    ]
    assert any("let the profile read Logs" in warning for warning in batch.warnings)


def test_a_ticket_purged_before_its_log_is_read_costs_no_other(simulator: Glpi) -> None:
    """One that is gone makes GLPI refuse the question for all of them."""
    simulator.items["Ticket"] = [ticket(number, START) for number in (1, 2, 3)]
    simulator.logs = {number: [log(number, START, action=20)] for number in (1, 2, 3)}
    simulator.acts[5] = [lambda: simulator.items["Ticket"].pop(1)]  # when the logs are asked for
    assert [row["incident_id"] for row in rows(connector(simulator))] == ["1", "2", "3"]
    assert sum("getMultipleItems" in question.path for question in simulator.questions) > 1


def test_more_rows_in_a_second_than_a_page_holds(simulator: Glpi) -> None:
    """A massive action gives hundreds of tickets one time of change."""
    simulator.items["Change"] = [item(number, at(number // 9)) for number in range(1, 30)]
    found = rows(connector(simulator, tables={"changes": {}}), "changes")
    assert sorted(int(row["change_id"]) for row in found) == list(range(1, 30))


def test_tickets_land_by_their_type(simulator: Glpi, tmp_path: Path) -> None:
    """All tables whole through landing, with the values of the contract."""
    simulator.items["Ticket"] = [
        ticket(1, at(5), groups=["Root &gt; Storage", "Watchers"], priority=6),
        ticket(2, at(6), type=2, status=4, solvedate=None),
        ticket(21, at(7), status=1),
    ]
    simulator.items["Problem"] = [ticket(3, at(8), causecontent="Firmware", groups=["Storage"])]
    simulator.items["Change"] = [ticket(4, at(9), status=11)]
    simulator.items["Group"] = [
        {"id": 9, "name": "Storage", "completename": "Root > Storage", "date_mod": "x"}
    ]
    tables = {name: {} for name in ("incidents", "service_requests", "problems", "changes", "teams")}
    summaries = land_all(connector(simulator, tables=tables), tmp_path, WINDOW)
    assert [(summary.rows_landed, summary.rows_quarantined) for summary in summaries] == [
        (4, 0),
        (1, 0),
        (1, 0),
        (1, 0),
        (1, 0),
    ]
    opened, resolved, *_ = sorted(
        landed_rows(tmp_path, "desk", "incidents"),
        key=lambda row: (row["incident_id"], row["event_sequence"]),
    )
    assert (opened["state"], opened["resolved_at"]) == ("new", None)
    assert (resolved["state"], resolved["priority"], resolved["is_major"]) == ("resolved", 1, True)
    assert resolved["team_id"] == "Root > Storage"
    assert resolved["updated_at"] == at(5).replace(tzinfo=None)
    (request,) = landed_rows(tmp_path, "desk", "service_requests")
    assert (request["request_id"], request["state"]) == ("2", "on_hold")
    (problem,) = landed_rows(tmp_path, "desk", "problems")
    assert (problem["state"], problem["root_cause"]) == ("resolved", "Firmware")
    assert landed_rows(tmp_path, "desk", "changes")[0]["state"] == "implementing"
    assert landed_rows(tmp_path, "desk", "teams")[0]["team_id"] == "Root > Storage"


def test_what_is_purged_becomes_a_tombstone_and_what_was_missed_is_fetched(
    simulator: Glpi, tmp_path: Path
) -> None:
    """One that an import wrote with an old time of change is found by the census alone."""
    simulator.items["Change"] = [item(number, at(number)) for number in (1, 2, 3, 4)]
    for number in (0, 1):
        day = DAY + timedelta(days=number)
        desk = connector(simulator, tmp_path / "spool", census_every_days=1, tables={"changes": {}})
        land_all(desk, tmp_path, Window(day, day), hour=6 + number)
        if number == 0:
            simulator.items["Change"][1:2] = [item(9, at(1))]
    (gone,) = landed_rows(tmp_path, "desk", "tombstones")
    assert (gone["record_key"], gone["deleted_known_date"]) == ("2", DAY + timedelta(days=1))
    assert {row["change_id"] for row in landed_rows(tmp_path, "desk", "changes")} >= {"1", "3", "4", "9"}


def test_sessions_are_ended_whatever_happens(simulator: Glpi) -> None:
    simulator.items["Ticket"] = [ticket(1, START)]
    assert len(rows(connector(simulator))) == 1
    wrong = connector(simulator, tables={"incidents": {"columns": {"ci_id": "Ticket.nothing"}}})
    with pytest.raises(SourceError, match=r"0 search options 'Ticket\.nothing'.*tables\.incidents\.columns"):
        rows(wrong)
    assert simulator.begun == 2
    assert simulator.sessions == {}


def test_user_and_password_open_a_session_too(simulator: Glpi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLPI_PASSWORD", PASSWORD)
    simulator.items["Ticket"] = [ticket(1, START)]
    found = connector(simulator, token_env=None, user=USER, password_env="GLPI_PASSWORD")
    assert [row["incident_id"] for row in rows(found)] == ["1"]


def test_a_wrong_token_is_an_error_that_names_the_variables(
    simulator: Glpi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GLPI_TOKEN", "planted-other")
    with pytest.raises(SourceError, match="GLPI_TOKEN") as caught:
        rows(connector(simulator))
    assert "planted" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"zone": "Berlin"}, "no IANA time zone"),
        ({"token_env": None}, "needs one way to sign in"),
        ({"user": "ullage"}, "user and password_env belong together"),
        ({"user": "ullage", "password_env": "P"}, "needs one way to sign in"),
        ({"tables": {"incidents": {"filter": "type=1"}}}, "is no condition; fix: write one such as"),
        ({"tables": {"costs": {}}}, "not read from here"),
    ],
)
def test_mistakes_are_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        GlpiSource.model_validate(given(**changes))
