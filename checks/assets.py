"""Asset checks that span stages: reconciliations of one measure by two paths, and the age of the newest day."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import dagster as dg
import duckdb

from assets.estate import Estate, run_days
from assets.home import Home
from assets.landing.receipts import Receipt, current_receipts
from assets.warehouse.assets import LANDING
from assets.warehouse.landing_schema import open_warehouse
from assets.warehouse.rebuild import DAILY_TABLES
from checks.reconciliation import compare, newest_day
from checks.record import write_results
from checks.results import CheckResult

SAMPLES_LANDED = """
select cast(s.observed_at as date)::varchar as day, count(distinct (s.ci_id, s.metric, s.observed_at))
from landing.metric_samples s
join landing.measurement_plan p on p.metric = s.metric and p.level = 'resource'
join landing.run_days d on d.observed_date = cast(s.observed_at as date)
where s.kind = 'gauge'
group by day
"""
SAMPLES_IN_MART = """
select u.observed_date::varchar as day, sum(u.sample_count)::bigint
from marts.fct_resource_utilisation_hourly u
join landing.run_days d using (observed_date)
where u.resource in (
    select p.resource from landing.measurement_plan p
    where p.metric in (select distinct metric from landing.metric_samples where kind = 'gauge')
)
group by day
"""
# A run's views of incidents and of their source's clocks hold what it rebuilds; what the warehouse keeps of all landed
# rows tells that no file is forgotten.
READ_AS = {"incidents": "incidents_rows", "sla_cycles": "sla_cycles_rows"}
Check = Callable[[duckdb.DuckDBPyConnection, list[Receipt], date], CheckResult]


def landed_rows_are_read(
    connection: duckdb.DuckDBPyConnection, receipts: list[Receipt], _as_of: date
) -> CheckResult:
    """Rows by receipts equal rows that the warehouse reads, for every table that is read whole."""
    by_receipts: dict[str, int] = {}
    for receipt in receipts:
        if receipt.table not in DAILY_TABLES:
            by_receipts[receipt.table] = by_receipts.get(receipt.table, 0) + receipt.rows_landed
    read = {}
    for table in by_receipts:
        query = f"select '{table}', count(*) from landing.{READ_AS.get(table, table)}"  # noqa: S608
        read[table] = _counted(connection, query).get(table, 0)
    return compare("landed_rows_are_read", "receipts", by_receipts, read)


def samples_reach_the_mart(
    connection: duckdb.DuckDBPyConnection, _receipts: list[Receipt], _as_of: date
) -> CheckResult:
    """Distinct landed gauge samples a day equal the samples that the hourly mart counted, day by day."""
    landed = _counted(connection, SAMPLES_LANDED)
    return compare(
        "samples_reach_the_mart",
        "fct_resource_utilisation_hourly",
        landed,
        _counted(connection, SAMPLES_IN_MART),
        "samples",
    )


def newest_day_is_fresh(
    _connection: duckdb.DuckDBPyConnection, receipts: list[Receipt], as_of: date
) -> CheckResult:
    """The newest landed day is the as-of day. (A freshness policy would be content with any old backfilled day.)"""
    days = [file.date for receipt in receipts for file in receipt.landed if file.date is not None]
    return newest_day("receipts", days, as_of)


CHECKS: dict[str, tuple[dg.AssetKey, Check]] = {
    "landed_rows_are_read": (dg.AssetKey([LANDING, "receipts"]), landed_rows_are_read),
    "newest_day_is_fresh": (dg.AssetKey([LANDING, "run_days"]), newest_day_is_fresh),
    "samples_reach_the_mart": (dg.AssetKey("fct_resource_utilisation_hourly"), samples_reach_the_mart),
}


def run_check(home: Home, as_of: date, name: str, warehouse: Path | None = None) -> CheckResult:
    """Run one of `CHECKS` against the warehouse and record its outcome for the audit."""
    with open_warehouse(warehouse or home.warehouse) as connection:
        outcome = CHECKS[name][1](connection, current_receipts(home.root), as_of)
    write_results(home.checks(as_of), f"reconciliation.{name}", [outcome])
    return outcome


def pipeline_checks() -> list[dg.AssetChecksDefinition]:
    """All checks of this module, blocking where a failure must stop publishing."""
    return [_asset_check(name, key, check) for name, (key, check) in CHECKS.items()]


def _asset_check(name: str, key: dg.AssetKey, check: Check) -> dg.AssetChecksDefinition:
    blocking = name != "newest_day_is_fresh"
    description = " ".join((check.__doc__ or "").split())

    @dg.asset_check(asset=key, name=name, blocking=blocking, description=description, pool="warehouse")
    def asset_check(context: dg.AssetCheckExecutionContext, estate: Estate) -> dg.AssetCheckResult:
        outcome = run_check(estate.home, run_days(context)[1], name)
        return dg.AssetCheckResult(
            passed=outcome.passed,
            severity=dg.AssetCheckSeverity.ERROR if outcome.blocking else dg.AssetCheckSeverity.WARN,
            metadata={"message": outcome.message, "rows_checked": outcome.rows_checked},
        )

    return asset_check


def _counted(connection: duckdb.DuckDBPyConnection, query: str) -> dict[str, int]:
    return {str(key): int(count) for key, count in connection.execute(query).fetchall()}
