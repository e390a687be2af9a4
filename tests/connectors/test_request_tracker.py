"""Request Tracker: what the guarantees of all paged sources do not tell; tickets made through a real server's API."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from assets.connectors.base import Batch, Window
from assets.connectors.remote import RetryPolicy, SourceError
from assets.connectors.request_tracker import RequestTrackerConnector, RequestTrackerSource
from assets.connectors.request_tracker_history import AT, DERIVED, SEQUENCE, Ticket, Transaction, history
from orchestration.doctor import Finding, examine
from tests.connectors.landing import land_all, landed_rows
from tests.connectors.simulators.faults import WAY, Question, Reply, login_page
from tests.connectors.simulators.request_tracker import LAST_NUMBER, RequestTracker
from tests.servers import RequestTrackerServer

pytestmark = [pytest.mark.request_tracker, pytest.mark.xdist_group("request_tracker")]
DAY = date(2026, 3, 28)
WINDOW = Window(DAY, DAY)
START = datetime(2026, 3, 28, 8, tzinfo=UTC)
CI, SERVICE = "CF.{CI}", "CF.{Service}"


class Desk:
    """People who work on tickets, in March 2026 whatever the day: what they did just now is dated afterwards."""

    def __init__(self, server: RequestTrackerServer) -> None:
        self.server = server
        self._last = 0
        self._date("")

    def create(self, queue: str, subject: str = "Disk full", minute: int = 0, **fields: Any) -> str:
        """A new ticket."""
        number = self.server.create(queue, subject, **fields)
        self._date(number, minute, "Created")
        return number

    def update(self, number: str, minute: int, **fields: Any) -> None:
        """What one person does in one go."""
        self.server.update(number, **fields)
        self._date(number, minute, *(["Resolved"] if fields.get("Status") == "resolved" else []))

    def forget(self) -> None:
        """No ticket is found any more, and nothing is kept of what was asked before."""
        self.sql("update Tickets set Status = 'deleted'")
        RequestTracker.written = ""
        RequestTracker.answers.clear()

    def sql(self, statement: str, *values: Any) -> list[Any]:
        """Below RT."""
        with closing(sqlite3.connect(self.server.database, timeout=30)) as database, database:
            database.execute("pragma synchronous = off")
            return database.execute(statement, values).fetchall()

    def _date(self, number: str, minute: int = 0, *columns: str) -> None:
        at = (START + timedelta(minutes=minute)).strftime("%Y-%m-%d %H:%M:%S")
        self.sql("update Transactions set Created = ? where id > ?", at, self._last)
        ((self._last,),) = self.sql("select max(id) from Transactions")
        for column in ("LastUpdated", *columns):
            self.sql(f"update Tickets set {column} = ? where id = ?", at, number)


@pytest.fixture
def desk(tracker: RequestTrackerServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """A server without tickets, read as `reader`."""
    monkeypatch.setenv("RT_TOKEN", tracker.TOKENS["reader"])
    found = Desk(tracker)
    found.sql("insert or ignore into Tickets (id, Status) values (?, 'deleted')", LAST_NUMBER)
    found.forget()
    yield found
    found.forget()


def given_(url: str = "https://rt.example", **changes: Any) -> dict[str, Any]:
    return {
        "type": "request_tracker",
        "name": "desk",
        "url": url,
        "token_env": "RT_TOKEN",
        "page_rows": 3,
        "lookback_days": 0,
        "census_every_days": None,
        "queues": {"incidents": ["Incidents"]},
        "tables": {"incidents": {"columns": {"ci_id": CI, "service_id": SERVICE}}},
        **changes,
    }


def connector(url: str, spool: Path | None = None, **changes: Any) -> RequestTrackerConnector:
    source = RequestTrackerSource.model_validate(given_(url, **changes))
    return RequestTrackerConnector(source, spool=spool, retries=RetryPolicy(sleep=lambda _seconds: None))


def batches(found: RequestTrackerConnector, table: str, window: Window = WINDOW) -> list[Batch]:
    result = []
    for batch in found.batches(table, window, lambda *_: False):
        assert isinstance(batch, Batch)
        result.append(batch)
    return result


def rows(
    found: RequestTrackerConnector, table: str = "incidents", window: Window = WINDOW
) -> list[dict[str, Any]]:
    """Rows of all batches under the names of the contract."""
    return [
        {field: row[column] for field, column in batch.declaration.columns.items()}
        for batch in batches(found, table, window)
        for row in batch.frame.to_pylist()
    ]


def at(minute: int) -> str:
    return (START + timedelta(minutes=minute)).strftime("%Y-%m-%dT%H:%M:%SZ")


def worked_on(desk: Desk) -> str:
    """An incident that went through everything: queue, owner, priority, custom fields, statuses."""
    number = desk.create("Major", Priority="10", CustomFields={"CI": "db-1", "Service": ["shop", "till"]})
    desk.update(number, 10, Status="open", Owner="root", Priority="95", CustomFields={"CI": "db-2"})
    desk.update(number, 20, Queue="Incidents")
    desk.update(number, 30, Status="resolved")
    desk.update(number, 40, Status="open", CustomFields={"Service": ["till"]})
    desk.update(number, 50, Status="resolved")
    return number


def test_an_incident_has_a_row_for_each_second(desk: Desk) -> None:
    """Backwards from the ticket as it is: numbers of queues, owners and custom fields become their names again."""
    worked_on(desk)
    columns = {"ci_id": CI, "service_id": SERVICE, "category": "Owner.Name"}
    found = rows(connector(desk.server.url, tables={"incidents": {"columns": columns}}))
    names = ("updated_at", "state", "priority", "team_id", "category", "ci_id", "service_id", "resolved_at")
    assert [[row[name] for name in names] for row in found] == [
        [at(0), "new", "4", "Major", "Nobody", "db-1", "shop", None],
        [at(10), "open", "1", "Major", "root", "db-2", "shop", None],
        [at(20), "open", "1", "Incidents", "root", "db-2", "shop", None],
        [at(30), "resolved", "1", "Incidents", "root", "db-2", "shop", at(30)],
        [at(40), "open", "1", "Incidents", "root", "db-2", "till", None],
        [at(50), "resolved", "1", "Incidents", "root", "db-2", "till", at(50)],
    ]
    assert len({row["event_sequence"] for row in found}) == 6
    assert {row["is_derived"] for row in found} == {"false"}


def test_events_outside_the_window_are_left_to_their_day(desk: Desk) -> None:
    number = desk.create("Incidents", minute=-9 * 60)
    desk.update(number, 5, Status="open")
    desk.update(number, 17 * 60, Status="resolved")
    found = connector(desk.server.url)
    days = [DAY + timedelta(days=count) for count in (-1, 0, 1)]
    states = [[row["state"] for row in rows(found, window=Window(day, day))] for day in days]
    assert states == [["new"], ["open"], ["resolved"]]


def test_transactions_that_the_account_may_not_see_are_not_taken_for_the_end(desk: Desk) -> None:
    """RT leaves them out of a page and tells no total: a hundred comments in a row make an empty page."""
    number = desk.create("Incidents")
    for _ in range(120):
        desk.sql(
            "insert into Transactions (ObjectType, ObjectId, Type, Creator, Created) "
            "values ('RT::Ticket', ?, 'Comment', 14, '2026-03-28 08:05:00')",
            number,
        )
    desk.update(number, 10, Status="open")
    shown = desk.server.ask("GET", f"ticket/{number}/history?per_page=100&page=2", user="reader").json()
    assert (shown["total"], "next_page" in shown) == (None, False)
    assert [row["state"] for row in rows(connector(desk.server.url))] == ["new", "open"]


def test_a_queue_that_the_account_does_not_see_has_no_name(desk: Desk) -> None:
    """Where tickets came from; the receipt says which right is missing."""
    number = desk.create("Secret")
    desk.update(number, 10, Queue="Incidents")
    found = connector(desk.server.url)
    assert [row["team_id"] for row in rows(found)] == [None, "Incidents"]
    (batch,) = batches(found, "incidents")
    (warning,) = batch.warnings
    assert "the account does not see queue" in warning
    assert warning.endswith("fix: grant SeeQueue on it")


@pytest.mark.parametrize("fault", ["503", "reset", "truncated", "repeated page", "login page"])
def test_a_fault_on_the_way_costs_no_event(desk: Desk, fault: str) -> None:
    """At any question: queues, tickets, the search for the zone, transactions, names."""
    worked_on(desk)
    columns = {"category": "Owner.Name", "ci_id": CI}
    with RequestTracker() as simulator:
        source = {"tables": {"incidents": {"columns": columns}}}
        whole = rows(connector(simulator.url, **source))
        count = len(simulator.questions)
        assert (len(whole), {question.path.split("/")[3] for question in simulator.questions}) == (
            6,
            {"queue", "tickets", "transactions", "user"},
        )
        for number in range(count):
            simulator.questions.clear()
            simulator.last.clear()
            simulator.script = {number: {**WAY, "login page": login_page}[fault]}
            found = connector(simulator.url, **source)
            if fault == "login page":
                with pytest.raises(SourceError, match="login page"):
                    rows(found)
            assert rows(found) == whole
            assert not simulator.script


def test_a_merged_ticket_leaves_its_history_to_itself(desk: Desk) -> None:
    """RT answers with another ticket than asked for, and adds the transactions of the merged one to it."""
    target, merged = desk.create("Incidents"), desk.create("Incidents", minute=1)
    desk.update(merged, 2, Status="open")
    desk.update(merged, 3, MergeInto=target)
    asked = desk.server.ask("GET", f"ticket/{merged}", user="reader").json()
    assert str(asked["id"]) == target
    desk.sql("update Tickets set LastUpdated = '2026-03-28 08:03:00' where id = ?", target)
    found = rows(connector(desk.server.url))
    assert [(row["incident_id"], row["state"]) for row in found] == [(target, "new")]


def test_what_is_deleted_or_merged_becomes_a_tombstone_and_what_was_missed_is_fetched(
    desk: Desk, tmp_path: Path
) -> None:
    """A ticket that an import wrote with an old time of change is found by the census alone."""
    numbers = [desk.create("Incidents", minute=minute) for minute in range(4)]
    imported = ""
    for count in (0, 1):
        day = DAY + timedelta(days=count)
        found = connector(desk.server.url, tmp_path / "spool", census_every_days=1)
        land_all(found, tmp_path, Window(day, day), hour=6 + count)
        if count == 0:
            desk.update(numbers[1], 24 * 60, Status="deleted")
            desk.update(numbers[2], 24 * 60, MergeInto=numbers[0])
            imported = desk.create("Incidents", minute=2)
    gone = landed_rows(tmp_path, "desk", "tombstones")
    assert {row["record_key"] for row in gone} == {numbers[1], numbers[2]}
    landed = {row["incident_id"] for row in landed_rows(tmp_path, "desk", "incidents")}
    assert landed == {numbers[0], numbers[3], imported}


def test_tickets_land_by_their_queue(desk: Desk, tmp_path: Path) -> None:
    """All tables whole through landing, with the values of the contract; names with a quote, dates that are not set."""
    opened = desk.create("Bob's", Priority="50")
    desk.update(opened, 5, Status="resolved")
    desk.create("Requests", minute=6)
    change = desk.create("Changes", "Patch", 7, Starts="2026-03-29 20:00:00", CustomFields={"CI": "db-1"})
    desk.update(desk.create("Problems", "Firmware", 8), 9, Status="rejected")
    queues = {"incidents": ["Bob's"], "service_requests": ["Requests"], "changes": ["Changes"]}
    tables: dict[str, Any] = {name: {} for name in queues} | {"problems": {"filter": "Queue = 'Problems'"}}
    tables["changes"] = {"columns": {"ci_id": CI}}
    found = connector(desk.server.url, queues=queues, tables=tables)
    summaries = land_all(found, tmp_path, WINDOW)
    assert [(one.rows_landed, one.rows_quarantined) for one in summaries] == [(2, 0), (1, 0), (1, 0), (1, 0)]
    events = sorted(landed_rows(tmp_path, "desk", "incidents"), key=lambda row: row["event_sequence"])
    assert [(row["state"], row["priority"], row["team_id"]) for row in events] == [
        ("new", 3, "Bob's"),
        ("resolved", 3, "Bob's"),
    ]
    assert events[1]["resolved_at"] == (START + timedelta(minutes=5)).replace(tzinfo=None)
    (request,) = landed_rows(tmp_path, "desk", "service_requests")
    assert (request["state"], request["team_id"], request["fulfilled_at"]) == ("new", "Requests", None)
    (landed,) = landed_rows(tmp_path, "desk", "changes")
    assert (landed["change_id"], landed["ci_id"], landed["ended_at"]) == (change, "db-1", None)
    assert landed["planned_start_at"] == (START + timedelta(hours=36)).replace(tzinfo=None)
    (problem,) = landed_rows(tmp_path, "desk", "problems")
    assert (problem["state"], problem["title"]) == ("closed", "Firmware")


def test_more_tickets_in_a_second_than_a_page_holds(desk: Desk) -> None:
    """A bulk update gives all its tickets one time of change."""
    desk.create("Incidents")
    desk.sql(
        "with recursive n(i) as (select 101 union all select i + 1 from n where i < 130) "
        "insert into Tickets (id, EffectiveId, Queue, Type, Owner, Subject, Status, Created, LastUpdated) "
        "select i, i, Queue, Type, Owner, Subject, Status, Created, LastUpdated from Tickets, n where Status = 'new'"
    )
    found = rows(connector(desk.server.url))
    assert len({row["incident_id"] for row in found}) == len(found) == 31


def test_a_custom_field_that_is_not_shown_is_on_the_receipt_once(desk: Desk) -> None:
    """RT leaves it out without a word; a queue may lack the field, or the account the right."""
    for minute in range(4):
        desk.create("Incidents", minute=minute, CustomFields={"Service": ["shop", "till"]})
    tables = {"incidents": {"columns": {"ci_id": "CF.{Wrong}", "service_id": SERVICE}}}
    (batch,) = batches(connector(desk.server.url, tables=tables), "incidents")
    wrong, several = sorted(batch.warnings, reverse=True)
    assert "tickets of queue Incidents show no CF.{Wrong}; fix: correct the name" in wrong
    assert several == "incidents: some have several CF.{Service}; the first counts"


def test_an_account_in_another_zone_than_utc_is_refused(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """RT reads times in searches in it: rows would be missed, or come for ever."""
    desk.create("Incidents", minute=0)
    desk.create("Incidents", minute=-60 * 24 * 90)
    monkeypatch.setenv("RT_TOKEN", desk.server.TOKENS["berlin"])
    for days in (0, 30):  # with rows in the window, and without
        day = DAY + timedelta(days=days)
        with pytest.raises(
            SourceError, match=r"another zone than UTC.*set the time zone of the account to UTC"
        ):
            rows(connector(desk.server.url), window=Window(day, day))


def test_a_filter_that_rt_does_not_understand_is_named(desk: Desk) -> None:
    tables = {"incidents": {"filter": "Weather = 'fair'"}}
    with pytest.raises(SourceError, match=r"Unknown field: Weather.*fix: correct tables\.incidents\.filter"):
        rows(connector(desk.server.url, tables=tables))


def test_a_desk_that_tells_no_total_is_refused(desk: Desk) -> None:
    """Without $UseSQLForACLChecks short pages, empty pages and the end look alike."""

    class Unsure(RequestTracker):
        def answer(self, question: Question) -> Reply:
            reply = super().answer(question)
            body = reply.body | {"total": None, "pages": None} if "total" in reply.body else reply.body
            return Reply(body, reply.status)

    with Unsure(3) as simulator, pytest.raises(SourceError, match=r"turn \$UseSQLForACLChecks on"):
        rows(connector(simulator.url, queues={"changes": ["Changes"]}, tables={"changes": {}}), "changes")


# --- doctor ---


def findings(folder: Path, url: str, queue: str = "Incidents") -> Finding:
    config = folder / "ullage.yaml"
    source = given_(url, queues={"incidents": [queue]})
    estate = {"estate": "Test", "home": "home", "start_date": "2026-03-01", "sources": [source]}
    config.write_text(yaml.safe_dump(estate))
    now = datetime(2026, 3, 29, 6, tzinfo=UTC)
    return {one.subject: one for one in examine(config, folder / "manifest.json", now)}["source desk"]


def test_doctor_says_what_is_missing(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing to see, no right to a queue (RT says the same of one that is not there), an unknown token."""
    url = desk.server.url
    empty = findings(tmp_path, url)
    assert (empty.state, "see whether the account may see the rows" in empty.message) == ("warn", True)
    desk.create("Incidents")
    assert findings(tmp_path, url).state == "ok"
    for queue in ("Secret", "Nowhere"):
        refused = findings(tmp_path, url, queue)
        assert refused.state == "fail"
        missing = f"fix: grant the account SeeQueue and ShowTicket on queue '{queue}'"
        assert f"status 403: Forbidden); {missing}" in refused.message
    monkeypatch.setenv("RT_TOKEN", "1-27-00000000000000000000000000000000")
    assert "status 401: Unauthorized); fix: renew the secret in RT_TOKEN" in findings(tmp_path, url).message


# --- settings and history, without a server ---


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"queues": {}},
            "RT does not tell kinds of tickets apart; fix: name their queues under queues.incidents",
        ),
        ({"queues": {"changes": ["Changes"]}}, "queues.changes: this table is not read"),
        ({"priority_from": [10, 40, 70, 90]}, "must fall from priority 1 to 4"),
        ({"page_rows": 101}, "less than or equal to 100"),
        ({"tables": {"incidents": {"columns": {"ci_id": "Host"}}}}, "RT's tickets have no 'Host'"),
        ({"tables": {"costs": {}}}, "not read from here"),
    ],
)
def test_mistakes_are_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        RequestTrackerSource.model_validate(given_(**changes))


STATUSES = ("new", "open", "resolved")
STEPS = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from(["Status", "Priority"]), st.sampled_from(STATUSES)),
    max_size=12,
)


@given(steps=STEPS)
def test_history_goes_back_over_what_happened(steps: list[tuple[int, str, str]]) -> None:
    """Whatever was changed in whichever second: the states found backwards are those gone through forwards."""
    now: dict[str, str | None] = {"id": "1", "Created": at(0), "Status": "new", "Priority": "new"}
    minute, found, log = 0, {0: dict(now)}, [Transaction(1, "Create", at(0))]
    for number, (later, field, value) in enumerate(steps, 2):
        minute += later
        log.append(Transaction(number, "Set", at(minute), field, old=now[field], new=value))
        now[field] = value
        found[minute] = dict(now)
    ticket = Ticket({**now, "LastUpdated": at(minute), "Resolved": None}, {})
    events = history(ticket, log, frozenset({"resolved"}))
    assert [(one[AT], one["Status"], one["Priority"]) for one in events] == [
        (at(when), one["Status"], one["Priority"]) for when, one in found.items()
    ]
    assert all((one["Resolved"] is not None) == (one["Status"] == "resolved") for one in events)
    assert all((one["Resolved"] or "") <= (one[AT] or "") for one in events)


def test_history_without_transactions_is_made_up_and_says_so() -> None:
    cells = {"id": "1", "Created": at(0), "LastUpdated": at(9), "Status": "resolved", "Resolved": at(8)}
    ended = frozenset({"resolved"})
    opened, last = history(Ticket(cells, {}), [], ended)
    assert (opened["Status"], opened["Resolved"], opened[AT], opened[DERIVED]) == ("new", None, at(0), "true")
    assert (last["Status"], last["Resolved"], last[AT], last[DERIVED]) == ("resolved", at(8), at(9), "true")
    (only,) = history(Ticket({**cells, "LastUpdated": at(0)}, {}), [], ended)
    assert (only[SEQUENCE], only[DERIVED]) == ("0", "false")


def test_history_leaves_out_what_is_newer_than_the_ticket_and_opens_what_has_no_making() -> None:
    cells = {"id": "1", "Created": at(0), "LastUpdated": at(5), "Status": "open", "Resolved": None}
    log = [
        Transaction(7, "Status", at(5), "Status", old="new", new="open"),
        Transaction(8, "Status", at(6), "Status", old="open", new="resolved"),
    ]
    found = history(Ticket(cells, {}), log, frozenset({"resolved"}))
    assert [(one[SEQUENCE], one[AT], one["Status"]) for one in found] == [
        ("0", at(0), "new"),
        ("7", at(5), "open"),
    ]
