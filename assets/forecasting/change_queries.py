"""SQL that says which fact of `assets.forecasting.changes` touches which forecast series, on the warehouse of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

    from assets.forecasting.changes import Known

#: Models that the queries read, for the graph of assets.
READS = ("fct_changes", "int_service_availability_daily", "stg_business_events", "stg_forecast_overrides")
_SERIES = """
with series as (
    select series_id, service_id, ci_id, pool_id, resource, level
    from intermediate.int_forecast_series
    where level in ('resource', 'pool')
),
elastic as (
    select distinct resource from marts.fct_pool_capacity join landing.run_window using (as_of_date)
    where statistic = 'busy_hour'
),
day as (select as_of_date from landing.run_window)
"""
QUERIES = {
    # A quarter of a day and more of maintenance, two hours and more of outage: the busy hour is not what it would be.
    "masked": f"""{_SERIES}
    , work as (
        select service_id, ci_id, 'maintenance' as reason,
            unnest(generate_series(cast(started_at as date), cast(ended_at as date), interval 1 day)) as observed_date
        from marts.fct_changes
        where duration_minutes between 360 and 4320
    )
    select distinct series_id, cast(observed_date as date) as observed_date, reason
    from work join series on series.ci_id = work.ci_id
        or (work.ci_id is null and series.service_id = work.service_id)
    where series.resource in (from elastic)
    union
    select series_id, observed_date, 'outage'
    from intermediate.int_service_availability_daily join series using (service_id)
    where downtime_minutes >= 120 and series.resource in (from elastic)
    order by all
    """,  # noqa: S608  the series above, nothing from outside
    "changes": f"""{_SERIES}
    select series_id, cast(ended_at as date) as change_date, min('change ' || change_id) as title
    from marts.fct_changes c join series on series.ci_id = c.ci_id
        or series.service_id = c.service_id
    where ended_at is not null and outcome = 'successful'
    group by all
    union
    select series_id, valid_from, 'new limit of ' || l.ci_id
    from staging.stg_resource_limits l join series using (ci_id, resource), day
    where valid_from <= as_of_date
    order by all
    """,  # noqa: S608
    "events": f"""{_SERIES}
    select series_id, first_date, last_date, expected_factor as factor, title
    from staging.stg_business_events e join series using (service_id)
    where series.resource = e.resource or (e.resource is null and series.resource in (from elastic))
    order by all
    """,  # noqa: S608
    "overrides": """
    select series_id, first_date, last_date, factor, value, author, reason
    from staging.stg_forecast_overrides, landing.run_window
    where valid_from <= as_of_date and (valid_to is null or valid_to >= as_of_date)
    order by series_id, valid_from, override_id
    """,
}


def read_known(connection: duckdb.DuckDBPyConnection) -> Known:
    """What people know of the estate's series as of the run."""
    from assets.forecasting.changes import Known

    return Known(**{name: connection.execute(query).df() for name, query in QUERIES.items()})
