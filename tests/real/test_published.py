"""The three real estates through the whole pipeline: from their sources to published tables and report."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from assets.home import Home
from orchestration.run import run_pipeline
from orchestration.summary import Summary, summarise
from tests.real.estates import LandedEstate

pytestmark = [pytest.mark.real, pytest.mark.slow]


# Counted from the raw log, event by event, without the models; updates are missing where some are in quarantine.
FINDINGS = {
    "back_to_new": 1,
    "closed_without_resolution": 13,
    "left_closed": 12,
    "missing_updates": 2,
    "no_resolution_time": 1_556,
    "reassignments_differ": 3_531,
    "reopenings_differ": 1,
    "updated_before_opening": 5,
}


def publish(estate: LandedEstate) -> tuple[Path, Summary]:
    """Run the pipeline on what has landed already; gives the served database and its summary."""
    outcome = run_pipeline(estate.settings, estate.config, as_of=estate.window.end, first=estate.window.start)
    assert outcome.success, outcome.failures
    home = Home(estate.home)
    assert (home.reports / "current" / "index.html").exists()
    summary = summarise(home)
    assert summary.rows_received == summary.rows_landed + summary.rows_quarantined
    assert summary.checks_failed == 0
    return home.current / "ullage.duckdb", summary


def ask(database: Path, query: str) -> tuple[object, ...]:
    with duckdb.connect(str(database), read_only=True) as connection:
        row = connection.execute(query).fetchone()
    assert row is not None
    return row


@pytest.fixture(scope="module")
def curc(curc_estate: LandedEstate) -> Path:
    return publish(curc_estate)[0]


@pytest.fixture(scope="module")
def servicedesk(servicedesk_estate: LandedEstate) -> Path:
    return publish(servicedesk_estate)[0]


def test_curc_availability_comes_from_checks_of_ten_services(curc: Path) -> None:
    services, checks, low, high = ask(
        curc,
        "select count(distinct service_id), sum(check_count), min(availability_ratio), max(availability_ratio) "
        "from marts.fct_service_performance_daily where check_count > 0",
    )
    assert services == 10
    # 13,617 checks less those of items without a service: 906 utilisation thresholds, 2 early items.
    assert checks == 13_617 - 906 - 2
    assert isinstance(low, float)
    assert isinstance(high, float)
    assert 0 <= low < high == 1


def test_curc_derived_outages_are_incidents_and_say_so(curc: Path) -> None:
    assert ask(curc, "select count(*), count(*) filter (where is_derived) from marts.fct_incidents") == (
        277,
        277,
    )


@pytest.mark.prometheus
def test_online_boutique_has_headroom_for_pods_and_no_invented_forecast(
    boutique_estate: LandedEstate,
) -> None:
    database, summary = publish(boutique_estate)
    resources, with_headroom = ask(
        database,
        "select count(*), count(headroom_ratio) from marts.fct_resource_capacity where resource = 'cpu'",
    )
    assert (resources, with_headroom) == (10, 10)
    assert ask(database, "select count(*) from marts.fct_incidents") == (32,)
    # Half a day is no history: nothing is forecast, and the report says so instead of guessing.
    assert ask(database, "select count(*) from marts.fct_forecasts where value is not null") == (0,)
    assert {line.p50_date for line in summary.services} <= {None, "2022-08-24"}


def test_servicedesk_rebuilds_every_incident_from_its_events(servicedesk: Path) -> None:
    incidents, events = ask(servicedesk, "select count(*), sum(event_count) from marts.fct_incidents")
    assert incidents == 24_918
    assert events == 141_712 - 5  # five updates in the unknown state -100 are in quarantine


def test_servicedesk_made_sla_at_the_last_event(servicedesk: Path) -> None:
    [made] = ask(servicedesk, "select round(avg(source_made_sla::int), 3) from marts.fct_incidents")
    assert made == 0.634


def test_servicedesk_clock_runs_for_every_incident_with_a_target(servicedesk: Path) -> None:
    clocks, judged = ask(servicedesk, "select count(*), count(is_met) from marts.fct_incident_sla")
    assert clocks == 24_918
    assert judged == clocks


def test_servicedesk_lifecycles_and_backlog_agree(servicedesk: Path) -> None:
    """Time in the backlog by incident, and the area under the work in progress of all teams and days; all ends at 0."""
    minutes, still_open = ask(
        servicedesk, "select sum(open_minutes), count(*) filter (where is_open) from marts.fct_incidents"
    )
    days, arrivals, completions, reopenings, left = ask(
        servicedesk,
        "select sum(ticket_days), sum(arrivals), sum(completions), sum(reopenings),"
        " sum(work_in_progress) filter (where backlog_date = date '2017-02-18') from marts.fct_backlog_daily",
    )
    assert isinstance(minutes, float)
    assert days == pytest.approx(minutes / 1440, rel=1e-9)
    assert (arrivals, still_open, left) == (24_918, 0, 0)
    assert isinstance(completions, int)
    assert isinstance(reopenings, int)
    assert completions == 24_918 + reopenings


def test_servicedesk_lists_what_cannot_be(servicedesk: Path) -> None:
    """Impossible and inconsistent sequences are counted, incident by incident, and not repaired."""
    with duckdb.connect(str(servicedesk), read_only=True) as connection:
        rows = connection.execute(
            "select finding, count(*) from marts.fct_incident_sequence_findings group by 1 order by 1"
        ).fetchall()
    assert dict(rows) == FINDINGS
