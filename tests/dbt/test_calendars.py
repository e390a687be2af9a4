# ruff: noqa: DTZ001 - timestamps are naive UTC, as in the warehouse
"""Agreed time against a minute counter that knows nothing of intervals: random calendars, zones and years."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.dbt.dbt_project_runner import compiled_queries

pytestmark = pytest.mark.slow

MODELS = ("int_calendar_open_intervals", "int_calendar_segments", "int_incident_clocks")
#: Clock changes of an hour in both hemispheres, at 01:00 and 02:00, of half an hour, and none.
ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Europe/London", "Asia/Kolkata")
INPUTS = """
create table stg_calendars (calendar_id text, zone text, weekday int, opens text, closes text,
    valid_from date, valid_to date);
create table stg_holidays (calendar_id text, holiday_date date);
create table stg_calendar_exceptions (calendar_id text, exception_date date, opens text, closes text);
create table int_incident_events (opened_at timestamp, updated_at timestamp);
create table stg_service_requests (opened_at timestamp);
create table int_service_requests (opened_at timestamp);
create table stg_run_window (history_start_date date, as_of_date date, as_of_at timestamp);
create table int_incident_clock_spans (incident_id text, clock text, span_number int, cycle_key int, effect text,
    agreement_number bigint, calendar_id text, starts_at timestamp, ends_at timestamp, is_current boolean);
create table int_incident_agreements (agreement_number bigint, service_id text, priority int, target_id text,
    target_minutes double);
insert into int_incident_agreements values (1, 's', 1, 't', 60);
"""


@dataclass
class Agreed:
    """One calendar and one clock on it. A shift: weekday (1 to 7), opens, closes (minutes), valid from, to."""

    zone: str
    starts_at: datetime
    ends_at: datetime
    shifts: list[tuple[int, int, int, date, date]]
    holidays: set[date] = field(default_factory=set)
    exceptions: dict[date, list[tuple[int, int]]] = field(default_factory=dict)


@pytest.fixture(scope="module")
def queries(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The models as dbt compiles them, on tables without schema."""
    return compiled_queries(tmp_path_factory.mktemp("calendars"), MODELS)


@pytest.fixture
def connection() -> Iterator[Any]:
    with duckdb.connect() as opened:
        yield opened


def hhmm(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


def agreed_minutes(connection: Any, queries: dict[str, str], case: Agreed) -> float:
    """What the models say."""
    for (table,) in connection.execute("select table_name from duckdb_tables()").fetchall():
        connection.execute(f"drop table {table}")
    connection.execute(INPUTS)
    for weekday, opens, closes, first, last in case.shifts:
        row = ["c", case.zone, weekday, hhmm(opens), hhmm(closes), first, last]
        connection.execute("insert into stg_calendars values (?, ?, ?, ?, ?, ?, ?)", row)
    for day in case.holidays:
        connection.execute("insert into stg_holidays values ('c', ?)", [day])
    for day, hours in case.exceptions.items():
        for opens, closes in hours:
            row = ["c", day, hhmm(opens), hhmm(closes)]
            connection.execute("insert into stg_calendar_exceptions values (?, ?, ?, ?)", row)
    connection.execute("insert into int_incident_events values (?, ?)", [case.starts_at, case.starts_at])
    as_of = case.ends_at.date()
    connection.execute(
        "insert into stg_run_window values (?, ?, ?)",
        [as_of, as_of, datetime.combine(as_of, datetime.max.time())],
    )
    row = ["i", "k", 1, 0, "run", 1, "c", case.starts_at, case.ends_at, False]
    connection.execute("insert into int_incident_clock_spans values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
    for name in MODELS:
        connection.execute(f"create table {name} as {queries[name]}")
    row = connection.execute("select business_minutes from int_incident_clocks").fetchone()
    return float(row[0])


def counted_minutes(case: Agreed) -> int:
    """Every minute is looked at on the wall clock of the zone: is some shift open then?"""
    minutes = pd.date_range(case.starts_at, case.ends_at, freq="min", inclusive="left", tz="UTC")
    local = minutes.tz_convert(case.zone)
    minute = np.asarray(local.hour * 60 + local.minute)
    days = [stamp.date() for stamp in local.normalize().unique()]
    number = local.tz_localize(None).normalize().factorize()[0]
    is_open = np.zeros(len(minutes), dtype=bool)
    for position, day in enumerate(days):
        here = number == position
        if day in case.holidays and day not in case.exceptions:
            continue
        for opens, closes in hours_of(case, day):
            is_open |= here & (minute >= opens) & (minute < (closes if closes > opens else 1440))
        for opens, closes in hours_of(case, day - timedelta(days=1)):
            is_open |= here & (closes <= opens) & (minute < closes)
    return int(is_open.sum())


def hours_of(case: Agreed, day: date) -> list[tuple[int, int]]:
    """Shifts that begin on a date; of two versions of one opening time the one that began last."""
    if day in case.exceptions:
        return case.exceptions[day]
    holding = sorted(
        (first, opens, closes)
        for weekday, opens, closes, first, last in case.shifts
        if weekday == day.isoweekday() and first <= day <= last
    )
    return list({opens: closes for _, opens, closes in holding}.items())


# Times that a clock change skips or repeats are left to the unit tests: on a wall clock they are ambiguous.
quarters = st.integers(16, 95).map(lambda quarter: quarter * 15)


@st.composite
def cases(draw: st.DrawFn) -> Agreed:
    first = draw(st.dates(date(2019, 1, 1), date(2027, 6, 1)))
    length = draw(st.integers(1, 45) | st.integers(300, 800))
    starts_at = datetime.combine(first, datetime.min.time()) + timedelta(minutes=draw(st.integers(0, 1439)))
    ends_at = starts_at + timedelta(days=length, minutes=draw(st.integers(0, 1439)))
    dates = st.integers(0, length).map(lambda offset: first + timedelta(days=offset))
    shifts = {}
    for weekday in draw(st.lists(st.integers(1, 7), min_size=1, max_size=7)):
        opens, closes = draw(quarters), draw(quarters | st.just(1440))
        valid_from, valid_to = first - timedelta(days=3), first + timedelta(days=length + 3)
        if draw(st.booleans()):
            valid_from = draw(dates)
        shifts[weekday, opens, valid_from] = (weekday, opens, closes, valid_from, valid_to)
    exceptions = {
        day: [(draw(quarters), draw(quarters))] for day in draw(st.lists(dates, max_size=3, unique=True))
    }
    return Agreed(
        draw(st.sampled_from(ZONES)),
        starts_at,
        ends_at,
        list(shifts.values()),
        set(draw(st.lists(dates, max_size=5))),
        exceptions,
    )


ALL_YEAR = (date(2019, 12, 1), date(2022, 1, 31))
DESK = [(weekday, 9 * 60, 17 * 60 + 30, *ALL_YEAR) for weekday in range(1, 6)]
NIGHTS = [(weekday, 22 * 60, 6 * 60, *ALL_YEAR) for weekday in range(1, 8)]
ROUND_THE_CLOCK = [(weekday, 0, 1440, *ALL_YEAR) for weekday in range(1, 8)]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(case=cases())
# From the issues and change log of fivetran/dbt_zendesk (numbers in the published list of bugs).
@example(
    Agreed("Europe/Berlin", datetime(2020, 12, 21, 8), datetime(2021, 1, 4, 9), DESK, {date(2020, 12, 25)})
)  # 92
@example(  # 117: a shift whose UTC end is the next day
    Agreed("America/New_York", datetime(2020, 7, 1), datetime(2020, 7, 6), DESK + NIGHTS, {date(2020, 7, 3)})
)
@example(
    Agreed("America/New_York", datetime(2020, 10, 30), datetime(2020, 11, 4), NIGHTS)
)  # 86: after daylight saving ended
@example(
    Agreed("Europe/Berlin", datetime(2020, 3, 27, 12), datetime(2020, 3, 31, 12), NIGHTS)
)  # pull request 154
@example(
    Agreed("Europe/London", datetime(2020, 1, 6, 9), datetime(2021, 12, 20, 9), DESK)
)  # longer than 52 weeks
@example(
    Agreed("Australia/Lord_Howe", datetime(2020, 4, 1), datetime(2020, 10, 10), ROUND_THE_CLOCK)
)  # pull request 218
def test_agreed_time_is_that_of_a_minute_counter(
    connection: Any, queries: dict[str, str], case: Agreed
) -> None:
    assert agreed_minutes(connection, queries, case) == counted_minutes(case)


def test_round_the_clock_has_no_gap(connection: Any, queries: dict[str, str]) -> None:
    """Seven shifts of 24 hours over two clock changes: all time counts."""
    case = Agreed("Europe/Berlin", datetime(2020, 1, 1), datetime(2021, 1, 1), ROUND_THE_CLOCK)
    assert agreed_minutes(connection, queries, case) == 366 * 1440
