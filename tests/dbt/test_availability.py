# ruff: noqa: DTZ001 - timestamps are naive UTC, as in the warehouse
"""Availability against a minute counter that knows nothing of intervals: random outages, shifts and maintenance."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import duckdb
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.dbt.dbt_project_runner import compiled_queries

pytestmark = pytest.mark.slow

MODELS = ("int_maintenance_windows", "int_agreed_intervals", "int_availability_intervals", "fct_availability")
START = datetime(2026, 6, 29)
DAYS = 4
MINUTES = DAYS * 1440
INPUTS = """
create table stg_service_cis (service_id text, ci_id text, valid_from date, valid_to date);
create table stg_configuration_items (ci_id text, supplier_team_id text, valid_from date, valid_to date);
create table int_incidents (incident_id text, ci_id text);
create table stg_services (service_id text);
create table stg_teams (team_id text, is_supplier boolean);
create table stg_run_window (as_of_at timestamp);
create table int_incident_spans (incident_id text, team_id text, state text, starts_at timestamp, ends_at timestamp);
create table stg_changes (service_id text, ci_id text, change_kind text, state text, planned_start_at timestamp,
    planned_end_at timestamp);
create table stg_outages (service_id text, ci_id text, is_planned boolean, started_at timestamp, ended_at timestamp,
    incident_id text);
create table int_availability_agreements (service_id text, observed_date date, target_rank int, calendar_id text,
    excludes_maintenance boolean);
create table int_calendar_open_intervals (calendar_id text, open_date date, opens_at timestamp, closes_at timestamp);
create table int_check_intervals (service_id text, ci_id text, metric text, observed_date date, state text,
    starts_at timestamp, ends_at timestamp);
insert into stg_services values ('s');
insert into stg_teams values ('own', false), ('supplier', true);
insert into stg_run_window values ('2026-07-03');
insert into stg_service_cis values ('s', 'e', '2020-01-01', null);
insert into int_incidents values ('i', null), ('j', 'e');
"""
Span = tuple[int, int]


@dataclass
class Case:
    """Everything in minutes from START on. `shifts` are of a day, all else may run over midnight.

    Checks look at the endpoint e. Incident i belongs to the first record, which names the service, incident j to e.
    """

    shifts: list[Span]
    excludes: bool
    changes: list[tuple[int, int, str]]
    planned: list[Span]
    recorded: list[Span]
    measured: list[Span]
    supplier: list[Span]
    supplier_of_endpoint: list[Span]
    has_contract: bool


@pytest.fixture(scope="module")
def queries(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The models as dbt compiles them, on tables without schema."""
    return compiled_queries(tmp_path_factory.mktemp("availability"), MODELS)


@pytest.fixture
def connection() -> Iterator[Any]:
    with duckdb.connect() as opened:
        yield opened


def at(minute: int) -> datetime:
    return START + timedelta(minutes=minute)


def days_of(span: Span) -> list[Span]:
    """A span cut at midnight."""
    cuts = [span[0], *(c for c in range(1440, MINUTES, 1440) if span[0] < c < span[1]), span[1]]
    return list(itertools.pairwise(cuts))


def measured_rows(connection: Any, queries: dict[str, str], case: Case) -> list[dict[str, Any]]:
    """What the models say, a row a month of the endpoint and of the service."""
    for (table,) in connection.execute("select table_name from duckdb_tables()").fetchall():
        connection.execute(f"drop table {table}")
    connection.execute(INPUTS)

    def add(table: str, *values: Any) -> None:
        connection.execute(f"insert into {table} values ({', '.join('?' * len(values))})", list(values))

    for day in range(DAYS):
        date = at(day * 1440).date()
        add("int_availability_agreements", "s", date, 1, "c", case.excludes)
        for opens, closes in case.shifts:
            opens_at, closes_at = at(day * 1440 + opens), at(day * 1440 + closes)
            add("int_calendar_open_intervals", "c", date, opens_at, closes_at)
    for start, end, state in case.changes:
        add("stg_changes", "s", None, "normal", state, at(start), at(end))
    for start, end in case.planned:
        add("stg_outages", "s", None, True, at(start), at(end), None)
    for number, (start, end) in enumerate(case.recorded):
        add("stg_outages", "s", None, False, at(start), at(end), "i" if number == 0 else None)
    for start, end in case.supplier:
        add("int_incident_spans", "i", "supplier", "in_progress", at(start), at(end))
    for start, end in case.supplier_of_endpoint:
        add("int_incident_spans", "j", "supplier", "in_progress", at(start), at(end))
    add("int_incident_spans", "i", "own", "new", at(0), at(MINUTES))
    add("stg_configuration_items", "e", "supplier", at(0).date(), at(MINUTES).date())
    if not case.has_contract:  # the version that began last counts
        add("stg_configuration_items", "e", None, at(0).date(), None)
        connection.execute(
            "update stg_configuration_items set valid_from = '2026-01-01' where valid_to is not null"
        )
    for span in case.measured:
        for start, end in days_of(span):
            add("int_check_intervals", "s", "e", "m", at(start).date(), "down", at(start), at(end))
    for name in MODELS:
        connection.execute(f"create table {name} as {queries[name]}")
    cursor = connection.execute("select * from fct_availability order by subject_kind, month_start_date")
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def counted(case: Case) -> list[dict[str, Any]]:
    """Every minute is looked at: agreed or not, down by whom, with whom."""

    def marked(spans: list[Span]) -> np.ndarray:
        minutes = np.zeros(MINUTES, dtype=bool)
        for start, end in spans:
            minutes[start:end] = True
        return minutes

    is_open = marked([(d * 1440 + a, d * 1440 + b) for d in range(DAYS) for a, b in case.shifts])
    windows = [(a, b) for a, b, state in case.changes if state != "new"] + case.planned
    maintenance = is_open & marked(windows) & case.excludes
    agreed = is_open & ~maintenance
    recorded = marked([*case.recorded, *case.planned])
    measured = marked(case.measured)
    down = recorded | measured
    nothing = np.zeros(MINUTES, dtype=bool)
    of_record = marked(case.supplier) if case.recorded else nothing
    of_endpoint = marked(case.supplier_of_endpoint) if case.measured else nothing
    contract = measured & case.has_contract

    def rows_of(
        subject: str,
        wanted: np.ndarray,
        left_out: np.ndarray,
        down: np.ndarray,
        recorded: np.ndarray,
        assigned: np.ndarray,
    ) -> Iterator[dict[str, Any]]:
        edges = np.flatnonzero(np.diff(np.concatenate([[False], down, [False]]).astype(int)))
        outages = list(zip(edges[::2], edges[1::2], strict=True))
        firsts = [s + hurt[0] for s, e in outages if (hurt := np.flatnonzero(agreed[s:e])).size]
        for first, last in ((0, 2 * 1440), (2 * 1440, MINUTES)):
            here = slice(first, last)
            if wanted[here].any():
                yield {
                    "subject_id": subject,
                    "agreed_minutes": agreed[here].sum(),
                    "excluded_minutes": left_out[here].sum(),
                    "downtime_minutes": (agreed & down)[here].sum(),
                    "uptime_minutes": (agreed & ~down)[here].sum(),
                    "measured_downtime_minutes": (agreed & measured)[here].sum(),
                    "recorded_downtime_minutes": (agreed & recorded)[here].sum(),
                    "supplier_downtime_minutes": (agreed & down & (assigned | contract))[here].sum(),
                    "assigned_supplier_downtime_minutes": (agreed & down & assigned)[here].sum(),
                    "contract_supplier_downtime_minutes": (agreed & down & contract)[here].sum(),
                    "failure_count": sum(first <= minute < last for minute in firsts),
                }

    # What lies with a supplier for one of the two does so for the other while they are down together.
    rows = list(rows_of("s", is_open, maintenance, down, recorded, of_record | (of_endpoint & measured)))
    if case.measured:
        rows = [
            *rows_of("e", agreed, nothing, measured, nothing, of_endpoint | (of_record & measured)),
            *rows,
        ]
    return rows


spans = st.tuples(st.integers(0, MINUTES - 2), st.integers(1, 2000)).map(
    lambda s: (s[0], min(s[0] + s[1], MINUTES))
)
some = st.lists(spans, max_size=4)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    cuts = sorted(draw(st.lists(st.integers(0, 1440), min_size=2, max_size=6, unique=True)))
    shifts = [(a, b) for a, b in zip(cuts[::2], cuts[1::2], strict=False)]
    changes = [(*span, draw(st.sampled_from(["new", "scheduled", "closed"]))) for span in draw(some)]
    planned, recorded, measured = draw(st.lists(spans, max_size=2)), draw(some), draw(some)
    return Case(
        shifts,
        draw(st.booleans()),
        changes,
        planned,
        recorded,
        measured,
        draw(some),
        draw(some),
        draw(st.booleans()),
    )


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(case=cases())
def test_every_minute_counts_once(connection: Any, queries: dict[str, str], case: Case) -> None:
    """Uptime and downtime make up agreed time, outages that overlap count once, MTBSI = MTBF + MTRS."""
    rows, expected = measured_rows(connection, queries, case), counted(case)
    if not (case.planned or case.recorded or case.measured):
        assert rows == []
        return
    assert [{name: row[name] for name in wanted} for row, wanted in zip(rows, expected, strict=True)] == [
        pytest.approx(wanted) for wanted in expected
    ]
    for row in rows:
        total = row["uptime_minutes"] + row["downtime_minutes"]
        assert total == pytest.approx(row["agreed_minutes"])
        assert (
            row["downtime_minutes"]
            <= row["measured_downtime_minutes"] + row["recorded_downtime_minutes"] + 1e-9
        )
        if row["failure_count"]:
            assert row["mtbsi_minutes"] == pytest.approx(row["mtbf_minutes"] + row["mtrs_minutes"])
