"""The whole project on DuckDB: everything builds and passes, and known inputs give known figures."""

import math
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from assets.warehouse.computed import computed_tables
from tests.dbt.dbt_project_runner import BUILD_ONLY, WAREHOUSE, DbtOutcome, DbtProjectRunner
from tests.dbt.landing_fixture import landing_tables, load_duckdb
from tests.dbt.small_estate import estate_rows
from tests.dbt.tables import built_tables, differences, read_duckdb

pytestmark = pytest.mark.slow

Built = tuple[Path, DbtOutcome]


def one(warehouse: Path, query: str) -> tuple[Any, ...]:
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        rows = connection.execute(query).fetchall()
    assert len(rows) == 1, rows
    return rows[0]


def test_everything_builds_and_passes(built: Built) -> None:
    """Every model, data test and unit test; warnings name what the small estate does wrong on purpose."""
    _, outcome = built
    assert outcome.failed() == {}
    warned = {name for name, status in outcome.statuses.items() if status == "warn"}
    assert warned == {
        "assert_a_service_is_billed_in_one_currency",
        "assert_metrics_are_planned",
        "charge_periods_have_a_length",
    }


def test_every_mart_has_rows(built: Built) -> None:
    """A parity or reconciliation over empty tables would prove nothing.

    Only reliability has no rows: it needs forecasts of 30 days ago, and the small estate has four days. Its
    unit test has rows.
    """
    warehouse, _ = built
    empty = [table for table in built_tables(warehouse) if read_duckdb(warehouse, table).num_rows == 0]
    assert empty == ["marts.fct_saturation_reliability"]


def test_headroom_of_a_shared_pool_with_one_loss(built: Built) -> None:
    """Three equal hosts of which one may be lost: usable = 2 × 0.65, demand = p95 of the daily highest hourly sums."""
    warehouse, _ = built
    member_count, usable, demand, headroom = one(
        warehouse,
        "select member_count, usable_value, demand_value, headroom_ratio from marts.fct_pool_capacity "
        "where pool_id = 'shop/web/cpu'",
    )
    (expected,) = one(
        warehouse,
        "select quantile_cont(busiest, 0.95) from (select max(total) as busiest from (select hour_at, observed_date, "
        "sum(demand_avg) as total from marts.fct_resource_utilisation_hourly where resource = 'cpu' and ci_id like "
        "'web-%' group by all) group by observed_date)",
    )
    assert member_count == 3
    assert usable == pytest.approx(1.3)
    assert demand == pytest.approx(expected)
    assert headroom == pytest.approx(1 - expected / 1.3)


def test_agreed_time_over_the_clock_change(built: Built) -> None:
    """Office hours in Berlin, Friday 14:00 UTC to Monday 4 May: weekends (one of the change), 1 May and the
    hour (8 to 9 UTC on 30 March) in which it was resolved do not count."""
    warehouse, _ = built
    minutes, state, stopped = one(
        warehouse,
        "select business_minutes, state, stopped_at from marts.fct_incident_sla "
        "where incident_id = 'inc-1' and clock = 'resolution'",
    )
    # Fri 27 March 15:00-17:30 local; 24 whole days from 30 March to 30 April less Sat/Sun; Mon 4 May 09:00-10:00 local.
    whole_days = sum(
        1
        for day in range(date(2026, 3, 30).toordinal(), date(2026, 5, 1).toordinal())
        if day % 7 not in (0, 6)
    )
    assert minutes == pytest.approx(2.5 * 60 + whole_days * 8.5 * 60 + 60 - 60)
    assert (state, stopped) == ("missed", datetime(2026, 5, 4, 8))  # noqa: DTZ001


def test_costs_follow_the_service_map(built: Built) -> None:
    """A database of two services is split; what no service follows stands apart; currencies are not mixed."""
    warehouse, _ = built
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        rows = connection.execute(
            "select service_id, billing_currency, sum(billed_cost) from marts.fct_service_cost "
            "where month_start_date = '2026-06-01' group by all order by all"
        ).fetchall()
    cost = {(service, currency): amount for service, currency, amount in rows}
    assert cost["(unallocated)", "EUR"] == Decimal("69.18")  # unknown resource, tax, adjustment
    assert cost["mail", "USD"] == Decimal("7.77")
    assert cost["mail", "EUR"] == Decimal("3.33")
    licence = Decimal(1000 * 14) / 365
    expected = Decimal("303.03") + Decimal("333.33") - Decimal("20.5") + licence
    assert float(cost["shop", "EUR"] + cost["wiki", "EUR"]) == pytest.approx(float(expected), abs=1e-6)
    assert Decimal(0) < cost["wiki", "EUR"] < Decimal("333.33")


def test_incidents_known_later_are_not_known_yet(built: Built) -> None:
    """An update after the as-of day is invisible, so is an incident that has only such updates."""
    warehouse, _ = built
    assert one(warehouse, "select count(*) from marts.fct_incidents where incident_id = 'inc-5'") == (0,)


def test_days_run_from_the_first_incident_to_the_end_of_the_horizon(built: Built) -> None:
    """Whole years around history, incidents and forecasts."""
    warehouse, _ = built
    bounds = one(warehouse, "select min(calendar_date), max(calendar_date) from marts.dim_date")
    assert bounds == (date(2026, 1, 1), date(2026, 12, 31))


def test_the_agreed_share_is_interpolated_along_a_power_law(built: Built) -> None:
    """In the odds of being slower, between the bounds around the rank."""
    warehouse, _ = built
    seconds, ratio = one(
        warehouse,
        "select latency_objective_seconds, latency_objective_ratio from marts.fct_service_performance_hourly "
        "where service_id = 'shop' and hour_at = '2026-06-30 10:00:00'",
    )
    counts = {
        bound: 100.0 * n + 70.0 * n**2 + 30
        for n, bound in enumerate((0.05, 0.1, 0.25, 0.5, 1.0, 2.5, math.inf), 1)
    }
    total = counts[math.inf]
    upper = next(bound for bound, count in counts.items() if count >= ratio * total)
    lower = max(bound for bound in counts if bound < upper)

    def odds(count: float) -> float:
        return math.log(count / (total - count))

    share = (odds(ratio * total) - odds(counts[lower])) / (odds(counts[upper]) - odds(counts[lower]))
    assert seconds == pytest.approx(lower * (upper / lower) ** share)


def test_models_build_without_forecasts(dbt_project: DbtProjectRunner, tmp_path: Path) -> None:
    """Forecasts are made from the marts, so everything not tagged after_forecast builds before any exist."""
    rows = {table: values for table, values in estate_rows().items() if table not in computed_tables()}
    warehouse = tmp_path / WAREHOUSE
    load_duckdb(warehouse, landing_tables(rows))
    with duckdb.connect(str(warehouse)) as connection:
        for table in computed_tables():
            connection.execute(f"drop table landing.{table}")
    outcome = dbt_project.run([*BUILD_ONLY, "--exclude", "tag:after_forecast"], warehouse)
    assert outcome.failed() == {}
    assert "fct_service_levels" in outcome.statuses
    assert "fct_saturation" not in outcome.statuses


def test_an_estate_without_anything_builds(dbt_project: DbtProjectRunner, tmp_path: Path) -> None:
    """Empty landing tables give empty marts, not errors."""
    window = {table: rows for table, rows in estate_rows().items() if table in ("run_window", "run_days")}
    warehouse = tmp_path / WAREHOUSE
    load_duckdb(warehouse, landing_tables(window))
    outcome = dbt_project.run(BUILD_ONLY, warehouse)
    assert outcome.failed() == {}


def test_the_same_landing_gives_the_same_tables(
    built: Built, dbt_project: DbtProjectRunner, tmp_path: Path
) -> None:
    """Bit for bit, with rows landed in another order: no result depends on threads, ties or file order."""
    warehouse, _ = built
    again = tmp_path / WAREHOUSE
    tables = landing_tables(estate_rows())
    shuffled = {
        name: table.take(pa.array(range(table.num_rows - 1, -1, -1), pa.int64()))
        for name, table in tables.items()
    }
    load_duckdb(again, shuffled)
    dbt_project.run(BUILD_ONLY, again)
    for table in built_tables(warehouse):
        assert differences(read_duckdb(warehouse, table), read_duckdb(again, table), tolerance=0) == [], table
