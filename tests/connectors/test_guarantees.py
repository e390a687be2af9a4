"""What every connector to a paging source guarantees, tried on its simulator. A connector joins by a `Case`.

After any fault every row that the source holds is landed once or quarantined with a reason; a killed run goes on
from its last durable page; secrets show nowhere.
"""

from __future__ import annotations

import logging
import os
import random
import signal
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from assets.connectors.base import Batch, RejectedInput, Window
from assets.connectors.glpi import GlpiConnector, GlpiSource
from assets.connectors.jira import JiraConnector, JiraSource
from assets.connectors.paged import Counted, PagedConnector
from assets.connectors.remote import RetryPolicy, SourceError
from assets.connectors.request_tracker import RequestTrackerConnector, RequestTrackerSource
from assets.connectors.servicenow import ServiceNowConnector, ServiceNowSource
from assets.connectors.tape import Tape
from assets.connectors.zabbix import ZabbixConnector, ZabbixSource
from tests.conftest import ROOT
from tests.connectors.landing import files_that_show, land_all, landed_bytes, landed_rows, quarantined_rows
from tests.connectors.simulators import glpi, jira, request_tracker, servicenow, zabbix
from tests.connectors.simulators.faults import SPOILT, WAY, Fault, Question, Simulator, hang, login_page

DAY = date(2026, 3, 28)
WINDOW = Window(DAY, DAY)
PAGE_ROWS = 4


@dataclass(frozen=True)
class Case:
    """One connector: its simulator with a number of rows, its connector, and the table tried.

    `key` names the contract's fields of identity, `updated` that of time. `secrets` are planted in `environment`.
    The first page is the answer to question `first_page`; only questions for pages have the parameter `page_parameter`
    (of the address, or of JSON-RPC).
    `announces`: the source says how many rows there are. `renews`: a sign-in that ended is renewed within the run.
    `server` is the fixture of a real server behind the simulator, `examples` how many mixes of faults are tried.
    """

    simulator: Callable[[int], Simulator]
    connector: Callable[[str, Path | None, RetryPolicy, dict[str, Any]], PagedConnector]
    table: str
    key: str
    environment: dict[str, str]
    secrets: tuple[str, ...]
    first_page: int
    page_parameter: str
    updated: str = "updated_at"
    announces: bool = True
    renews: bool = True
    server: str | None = None
    examples: int = 25


def service_now(
    url: str, spool: Path | None, retries: RetryPolicy, changes: dict[str, Any]
) -> PagedConnector:
    given = {
        "type": "servicenow",
        "name": "desk",
        "url": url,
        "client_id": servicenow.CLIENT,
        "client_secret_env": "SNOW_SECRET",
        "page_rows": PAGE_ROWS,
        "lookback_days": 0,
        "census_every_days": None,
        "timeout_seconds": 5,
        "tables": {"changes": {}},
        **changes,
    }
    return ServiceNowConnector(ServiceNowSource.model_validate(given), spool=spool, retries=retries)


def glpi_(url: str, spool: Path | None, retries: RetryPolicy, changes: dict[str, Any]) -> PagedConnector:
    given = {
        "type": "glpi",
        "name": "desk",
        "url": url,
        "zone": glpi.ZONE,
        "token_env": "GLPI_TOKEN",
        "app_token_env": "GLPI_APP",
        "page_rows": PAGE_ROWS,
        "lookback_days": 0,
        "census_every_days": None,
        "timeout_seconds": 5,
        "tables": {"changes": {}},
        **changes,
    }
    return GlpiConnector(GlpiSource.model_validate(given), spool=spool, retries=retries)


def tracker_(url: str, spool: Path | None, retries: RetryPolicy, changes: dict[str, Any]) -> PagedConnector:
    given = {
        "type": "request_tracker",
        "name": "desk",
        "url": url,
        "token_env": request_tracker.VARIABLE,
        "page_rows": PAGE_ROWS,
        "lookback_days": 0,
        "census_every_days": None,
        "timeout_seconds": 5,
        "queues": {"changes": [request_tracker.QUEUE]},
        "tables": {"changes": {}},
        **changes,
    }
    return RequestTrackerConnector(RequestTrackerSource.model_validate(given), spool=spool, retries=retries)


def jira_of(deployment: str) -> Case:
    def connector(
        url: str, spool: Path | None, retries: RetryPolicy, changes: dict[str, Any]
    ) -> PagedConnector:
        given = {
            "type": "jira",
            "deployment": deployment,
            "name": "desk",
            "url": url,
            "token_env": jira.VARIABLE,
            "page_rows": PAGE_ROWS,
            "lookback_days": 0,
            "census_every_days": None,
            "timeout_seconds": 5,
            "tables": {"changes": {}},
            **({"user": jira.USER} if deployment == "cloud" else {}),
            **changes,
        }
        return JiraConnector(JiraSource.model_validate(given), spool=spool, retries=retries)

    coded = b64encode(f"{jira.USER}:{jira.TOKEN}".encode()).decode()
    return Case(
        lambda rows: jira.Jira(rows, deployment),
        connector,
        "changes",
        "change_id",
        {jira.VARIABLE: jira.TOKEN},
        ("planted-api-token", coded),
        first_page=2 if deployment == "cloud" else 3,
        page_parameter="jql",
        announces=deployment != "cloud",
        renews=False,
    )


def zabbix_of(version: str) -> Case:
    """7.x with a token, 6.0 with a session: its proof stands in the body."""
    is_old = version.startswith("6.0")

    def connector(
        url: str, spool: Path | None, retries: RetryPolicy, changes: dict[str, Any]
    ) -> PagedConnector:
        proof = (
            {"user": zabbix.USER, "password_env": "ZABBIX_PASSWORD"}
            if is_old
            else {"token_env": zabbix.VARIABLE}
        )
        given = {
            "type": "zabbix",
            "name": "desk",
            "url": url,
            "page_rows": PAGE_ROWS,
            "lookback_days": 0,
            "timeout_seconds": 5,
            "queries": [{"metric": "system.cpu.utilization", "item_key": zabbix.KEY}],
            **proof,
            **changes,
        }
        return ZabbixConnector(ZabbixSource.model_validate(given), spool=spool, retries=retries)

    return Case(
        lambda rows: zabbix.Zabbix(rows, version),
        connector,
        "metric_samples",
        "ci_id observed_at",
        {"ZABBIX_PASSWORD": zabbix.PASSWORD} if is_old else {zabbix.VARIABLE: zabbix.TOKEN},
        (zabbix.PASSWORD, "planted-session") if is_old else ("planted-zabbix-token",),
        first_page=3 if is_old else 2,
        page_parameter="time_from",
        updated="observed_at",
        announces=False,
        renews=is_old,
    )


CASES = {
    "glpi": Case(
        glpi.Glpi,
        glpi_,
        "changes",
        "change_id",
        {"GLPI_TOKEN": glpi.USER_TOKEN, "GLPI_APP": glpi.APP_TOKEN},
        (glpi.USER_TOKEN, glpi.APP_TOKEN, "planted-session"),
        first_page=3,
        page_parameter="range",
    ),
    "jira": jira_of("cloud"),
    "jira data center": jira_of("data_center"),
    "request_tracker": Case(
        request_tracker.RequestTracker,
        tracker_,
        "changes",
        "change_id",
        {request_tracker.VARIABLE: request_tracker.TOKEN},
        (request_tracker.TOKEN,),
        first_page=3,
        page_parameter="page",
        renews=False,
        server="tracker",
        examples=12,
    ),
    "servicenow": Case(
        servicenow.ServiceNow,
        service_now,
        "changes",
        "change_id",
        {"SNOW_SECRET": servicenow.CLIENT_SECRET},
        (servicenow.CLIENT_SECRET, "planted-token"),
        first_page=1,
        page_parameter="sysparm_limit",
    ),
    "zabbix": zabbix_of("7.4.2"),
    "zabbix 6.0": zabbix_of("6.0.14"),
}


#: Cases with a server of their own run in one process, as the server starts once in each.
MARKS = {"request_tracker": [pytest.mark.request_tracker, pytest.mark.xdist_group("request_tracker")]}


@pytest.fixture(params=[pytest.param(name, marks=MARKS.get(name, ())) for name in CASES], scope="module")
def case(request: pytest.FixtureRequest) -> Iterator[Case]:
    """Each connector in turn, its secrets in the environment."""
    found = CASES[request.param]
    if found.server is not None:
        request.getfixturevalue(found.server)
    os.environ.update(found.environment)
    yield found
    for name in found.environment:
        os.environ.pop(name, None)


def patient() -> RetryPolicy:
    """Waits for nothing."""
    return RetryPolicy(sleep=lambda _seconds: None)


def connect(case: Case, simulator: Simulator, spool: Path | None = None, **changes: Any) -> PagedConnector:
    return case.connector(simulator.url, spool, patient(), changes)


def read(case: Case, connector: PagedConnector) -> tuple[dict[str, datetime], list[RejectedInput]]:
    """Rows of all batches by key, each of which must occur once, with its time of change."""
    found: dict[str, datetime] = {}
    refused = []
    for batch in connector.batches(case.table, WINDOW, lambda *_: False):
        if isinstance(batch, RejectedInput):
            refused.append(batch)
            continue
        columns = batch.declaration.columns
        for row in batch.frame.to_pylist():
            key = identity(row, [columns[name] for name in case.key.split()])
            assert key not in found
            updated = datetime.fromisoformat(row[columns[case.updated]])
            if updated.tzinfo is None:
                updated = updated.replace(tzinfo=ZoneInfo(batch.declaration.zone))
            found[key] = updated
        batch.landed()
    return found, refused


def identity(row: dict[str, Any], names: list[str]) -> str:
    """The cells that name a row; landed times are naive UTC."""
    cells = [row[name] for name in names]
    return " ".join(
        one.astimezone(UTC).isoformat() if isinstance(one, datetime) else str(one) for one in cells
    )


def read_to_the_end(
    case: Case, connector: PagedConnector, tries: int = 8
) -> tuple[dict[str, datetime], list[RejectedInput]]:
    """As a data engineer would: after an error that says what to do, run again."""
    for _ in range(tries):
        try:
            return read(case, connector)
        except SourceError as error:
            assert error.fix
    raise AssertionError("the source never answered")


def test_every_row_comes_once_whatever_the_page_borders(case: Case) -> None:
    """Ties on the time of change across page borders, and as many rows as pages hold, or one more or less."""
    for count in (0, 1, PAGE_ROWS, PAGE_ROWS + 1, 3 * PAGE_ROWS):
        with case.simulator(count) as simulator:
            assert read(case, connect(case, simulator)) == (simulator.held(), [])
            assert len(simulator.held()) == count


@pytest.mark.parametrize("fault", WAY)
def test_a_fault_on_the_way_costs_no_row(case: Case, fault: str) -> None:
    for number in range(case.first_page, case.first_page + 3):
        with case.simulator(11) as simulator:
            simulator.script[number] = WAY[fault]
            assert read(case, connect(case, simulator)) == (simulator.held(), [])
            assert not simulator.script


def test_a_source_that_hangs_is_asked_again(case: Case) -> None:
    with case.simulator(3) as simulator:
        simulator.script[1] = hang
        assert read(case, connect(case, simulator, timeout_seconds=0.3)) == (simulator.held(), [])


def test_a_login_page_is_an_error_that_says_so_and_the_next_run_is_whole(case: Case) -> None:
    with case.simulator(9) as simulator:
        simulator.script |= {2: login_page, 3: login_page, 4: login_page}
        connector = connect(case, simulator)
        with pytest.raises(SourceError, match="login page"):
            read(case, connector)
        assert read_to_the_end(case, connector) == (simulator.held(), [])


def test_an_expired_sign_in_costs_no_row(case: Case) -> None:
    """It is renewed, or, where only a person can renew it, the run says which secret and the next one goes on."""
    with case.simulator(9) as simulator:
        simulator.acts[case.first_page + 1] = [simulator.expire]
        connector = connect(case, simulator)
        if not case.renews:
            with pytest.raises(SourceError, match=f"renew the secret in {next(iter(case.environment))}"):
                read(case, connector)
        assert read(case, connector) == (simulator.held(), [])


@pytest.mark.parametrize("act", ["add", "change", "remove"])
def test_rows_that_move_between_pages_are_neither_lost_nor_doubled(case: Case, act: str) -> None:
    """What the source holds at the end has landed, in its last version."""
    for number in (case.first_page + 1, case.first_page + 2):
        for position in (0, 5, 10):
            with case.simulator(11) as simulator:
                does = getattr(simulator, act)
                simulator.acts[number] = [does if act == "add" else lambda: does(position)]  # noqa: B023
                found, refused = read(case, connect(case, simulator))
                assert refused == []
                assert simulator.held().items() <= found.items()


def test_hidden_rows_are_announced_and_never_silently_missing(case: Case) -> None:
    """A page of nothing but hidden rows is not the end, and the outcome says how many are missing."""
    with case.simulator(3 * PAGE_ROWS) as simulator:
        simulator.hide(PAGE_ROWS + 1)
        if not case.announces:
            assert read(case, connect(case, simulator)) == (simulator.held(), [])
            return
        found, (refused,) = read(case, connect(case, simulator))
        assert found == simulator.held()
        assert f"announced {3 * PAGE_ROWS} records and gave {2 * PAGE_ROWS - 1}" in refused.reason
        assert "accept_hidden_rows" in refused.fix
        assert read(case, connect(case, simulator, accept_hidden_rows=True)) == (simulator.held(), [])


def test_a_clock_that_differs_by_minutes_costs_no_row(case: Case) -> None:
    with case.simulator(7) as simulator:
        simulator.skew = timedelta(minutes=4)
        assert read(case, connect(case, simulator)) == (simulator.held(), [])


def test_spoilt_rows_are_landed_or_quarantined_with_a_reason(case: Case, tmp_path: Path) -> None:
    with case.simulator(2 * len(SPOILT)) as simulator:
        for position, fault in enumerate(SPOILT):
            simulator.spoil(2 * position, fault)
        keys = sorted(simulator.held())
        (summary,) = land_all(connect(case, simulator), tmp_path, WINDOW)
    assert summary.is_conserved
    assert summary.rows_received == len(keys)
    landed = [identity(row, case.key.split()) for row in landed_rows(tmp_path, "desk", case.table)]
    quarantined = quarantined_rows(tmp_path, "desk", case.table)
    assert all(row["reason"] and row["fix"] for row in quarantined)
    assert len(landed) + len({row["source_row"] for row in quarantined}) == len(keys)
    assert len(quarantined) == 5  # an extra field and a value in an object are read
    assert sorted(set(landed)) == sorted(landed)


ACTS = st.sampled_from(["add", "change", "remove"])


FAULTS = st.dictionaries(st.integers(1, 12), st.sampled_from([*WAY, "login page", "expired"]), max_size=5)
MOVES = st.dictionaries(st.integers(1, 8), st.tuples(ACTS, st.integers(0, 13)), max_size=3)


def test_any_mix_of_faults_costs_no_row(case: Case) -> None:
    """Faults of the way, an ended session and moving rows together: what the source holds has come, once."""

    @given(rows=st.integers(0, 14), faults=FAULTS, moves=MOVES)
    @example(rows=6, faults={1: "429", 3: "429"}, moves={3: ("remove", 4), 4: ("add", 0)})
    @example(rows=1, faults={5: "repeated page"}, moves={3: ("remove", 0)})
    @settings(max_examples=case.examples)
    def mixed(rows: int, faults: dict[int, str], moves: dict[int, tuple[str, int]]) -> None:
        a_mix_of_faults_costs_no_row(case, rows, faults, moves)

    mixed()


def a_mix_of_faults_costs_no_row(
    case: Case, rows: int, faults: dict[int, str], moves: dict[int, tuple[str, int]]
) -> None:
    with case.simulator(rows) as simulator:
        for number, name in faults.items():
            if name == "expired":
                simulator.acts.setdefault(number, []).append(simulator.expire)
            else:
                simulator.script[number] = {**WAY, "login page": login_page}[name]
        for number, (act, position) in moves.items():
            does = getattr(simulator, act)
            simulator.acts.setdefault(number, []).append(
                does if act == "add" else lambda does=does, position=position: does(position)
            )
        connector = connect(case, simulator)
        checked = connector._shortfall

        def shortfall(*given: Any) -> int | None:
            # All pages have come: what changes from now on is for the next run.
            simulator.acts.clear()
            return checked(*given)

        with mock.patch.object(connector, "_shortfall", shortfall):
            found, refused = read_to_the_end(case, connector)
        assert refused == []
        assert simulator.held().items() <= found.items()


# --- resume ---

CHILD = """
import sys
from pathlib import Path
from tests.connectors import test_guarantees as here
from tests.connectors.landing import land_all
case = here.CASES[sys.argv[1]]
connector = case.connector(sys.argv[2], Path(sys.argv[3]) / "spool", here.patient(), {})
land_all(connector, Path(sys.argv[3]), here.WINDOW)
"""


@contextmanager
def killed_at(simulator: Simulator, number: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    """The process in the list dies by SIGKILL when it asks question `number`, before it is answered."""
    children: list[subprocess.Popen[bytes]] = []
    simulator.acts[number] = [lambda: (children[0].send_signal(signal.SIGKILL), children[0].wait())[0]]
    yield children


def pages_asked(case: Case, simulator: Simulator) -> list[Question]:
    return [question for question in simulator.questions if case.page_parameter in parameters(question)]


def parameters(question: Question) -> Mapping[str, Any]:
    """Of the address, or of JSON-RPC."""
    return (
        question.body["params"]
        if isinstance(question.body, dict) and "params" in question.body
        else question.params
    )


@pytest.mark.parametrize("draw", [1, 2])
def test_a_killed_run_goes_on_from_its_last_page_and_lands_the_same(
    case: Case, draw: int, tmp_path: Path
) -> None:
    """SIGKILL to a real process before a drawn page: no page is fetched again, and the landing is the same."""
    with case.simulator(19) as simulator:
        undisturbed = tmp_path / "undisturbed"
        land_all(connect(case, simulator, undisturbed / "spool"), undisturbed, WINDOW)
        pages = pages_asked(case, simulator)
        name = next(name for name, one in CASES.items() if one is case)
        unasked = pages[random.Random(f"{name} {draw}").randrange(1, len(pages)) :]
        simulator.questions.clear()

        home = tmp_path / "killed"
        with killed_at(simulator, unasked[0].number) as children:
            children.append(
                subprocess.Popen([sys.executable, "-c", CHILD, name, simulator.url, str(home)], cwd=ROOT)
            )
            assert children[0].wait(60) == -signal.SIGKILL
        assert landed_bytes(home) == {}
        simulator.questions.clear()
        connector = connect(case, simulator, home / "spool")
        land_all(connector, home, WINDOW)
        again = [parameters(question) for question in pages_asked(case, simulator)]
        assert again == [parameters(question) for question in unasked]
        assert "kept from a run before" in connector.traffic.line()
        assert landed_bytes(home) == landed_bytes(undisturbed)
        assert not list((home / "spool").rglob("*.page"))


def test_a_run_that_dies_after_its_last_page_asks_nothing_again(case: Case, tmp_path: Path) -> None:
    """All pages are durable but nothing has landed: the next run lands them."""
    with case.simulator(9) as simulator:
        connector = connect(case, simulator, tmp_path)
        batches = connector.batches(case.table, WINDOW, lambda *_: False)
        first = next(batches)
        assert isinstance(first, Batch)
        batches.close()  # type: ignore[attr-defined]
        simulator.questions.clear()
        assert read(case, connect(case, simulator, tmp_path))[0] == simulator.held()
        assert simulator.questions == []


def test_a_page_cut_off_by_a_power_cut_counts_for_nothing(case: Case, tmp_path: Path) -> None:
    with case.simulator(9) as simulator:
        connector = connect(case, simulator, tmp_path)
        next(connector.batches(case.table, WINDOW, lambda *_: False))
        page = sorted(tmp_path.rglob("*.page"))[-1]
        page.rename(page.with_name(".writing-x"))
        simulator.questions.clear()
        assert read(case, connect(case, simulator, tmp_path))[0] == simulator.held()
        assert len(pages_asked(case, simulator)) == 1


# --- secrets and manners ---


def test_secrets_show_nowhere(
    case: Case, tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not in files, logs, output, exceptions or the settings' own text, even when the source quotes them."""
    caplog.set_level(logging.DEBUG)
    with case.simulator(9) as simulator:
        quoting: Fault = lambda handler, reply: handler.send(  # noqa: E731
            400, f'{{"error": "bad {handler.headers}"}}'.replace("\n", " ").encode(), "application/json"
        )
        connector = connect(case, simulator, tmp_path / "spool")
        simulator.script[3] = quoting
        with pytest.raises(SourceError) as caught:
            read(case, connector)
        assert files_that_show(tmp_path, case.secrets) == []
        land_all(connector, tmp_path, WINDOW)
        shown = "".join([str(caught.value), repr(caught.value), caplog.text, *capsys.readouterr()])
        shown += repr(connector.__dict__) + connector.traffic.line()
    assert [secret for secret in case.secrets if secret in shown] == []
    assert files_that_show(tmp_path, case.secrets) == []


def test_a_recording_plays_without_the_source_and_holds_no_secret(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same rows, faults included, with the server gone and the secret's variable unset."""
    with case.simulator(9) as simulator:
        simulator.script[2] = WAY["429"]
        connector = connect(case, simulator)
        connector.link.tape = Tape.new(tmp_path, "desk")
        recorded = read(case, connector)
        assert recorded == (simulator.held(), [])
        asked = len(simulator.questions)
    for name in case.environment:
        monkeypatch.delenv(name)
    connector = connect(case, simulator)
    connector.link.tape = Tape.of(tmp_path, "desk")
    assert read(case, connector) == recorded
    assert len(simulator.questions) == asked
    text = (tmp_path / "desk.jsonl").read_text(encoding="utf-8")
    assert [secret for secret in (*case.secrets, simulator.url) if secret in text] == []
    with pytest.raises(SourceError, match="the recording holds no answer"):
        read(case, connector)


def test_a_source_that_stays_down_is_given_up_soon(case: Case) -> None:
    """After three questions in a row without an answer nothing is asked any more, whatever the table."""
    with case.simulator(3) as simulator:
        simulator.script |= dict.fromkeys(range(100), WAY["503"])
        connector = connect(case, simulator)
        messages = []
        for _ in range(5):
            with pytest.raises(SourceError) as caught:
                read(case, connector)
            messages.append(str(caught.value))
        assert "no answer after 5 tries" in messages[0]
        assert ["given up for this run" in message for message in messages] == [
            False,
            False,
            False,
            True,
            True,
        ]
        assert len(simulator.questions) == 15


def test_the_way_without_verified_certificates_is_on_every_receipt(case: Case) -> None:
    with case.simulator(1) as simulator:
        (batch,) = connect(case, simulator, verify_tls=False).batches(case.table, WINDOW, lambda *_: False)
        assert isinstance(batch, Batch)
        assert any("verify_tls: false" in warning for warning in batch.warnings)


def test_late_and_corrected_rows_supersede_within_the_lookback(case: Case, tmp_path: Path) -> None:
    """A row that appears late on a day already read lands with the next run, and only that day is new."""
    with case.simulator(5) as simulator:
        land_all(connect(case, simulator), tmp_path, WINDOW)
        simulator.add()
        later = Window(DAY + timedelta(days=1), DAY + timedelta(days=1))
        (summary,) = land_all(connect(case, simulator, lookback_days=1), tmp_path, later, hour=7)
        assert summary.batches_written == 2  # the day that changed, and the new, empty one
        landed = {identity(row, case.key.split()) for row in landed_rows(tmp_path, "desk", case.table)}
        assert landed == set(simulator.held())


def test_a_census_finds_what_is_gone_and_fetches_what_was_missed(case: Case, tmp_path: Path) -> None:
    """Deleted rows become tombstones with the day on which that was known; a row that a read day lacks is fetched."""
    known = DAY + timedelta(days=1)
    with case.simulator(9) as simulator:
        if not isinstance(connect(case, simulator), Counted):
            pytest.skip("no census of this source")
        for day in (DAY, known):
            connector = connect(case, simulator, tmp_path / "spool", census_every_days=1)
            land_all(connector, tmp_path, Window(day, day), hour=6 + (day - DAY).days)
            if day == DAY:
                assert landed_rows(tmp_path, "desk", "tombstones") == []
                before = set(simulator.held())
                simulator.add()  # on a day that has been read
                simulator.remove(2)
        tombstones = landed_rows(tmp_path, "desk", "tombstones")
        gone = {(row["record_table"], row["record_key"]): row["deleted_known_date"] for row in tombstones}
        assert gone == {(case.table, key): known for key in before - set(simulator.held())}
        landed = {row[case.key] for row in landed_rows(tmp_path, "desk", case.table)}
        assert set(simulator.held()) <= landed
        assert not list((tmp_path / "spool").rglob("*.page"))
