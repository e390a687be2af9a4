"""The analyses that Python makes of the marts, as data: what each reads, which function it calls, what it gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Protocol

from assets.capacity import change_impact_queries
from assets.capacity.what_if_queries import READS, warehouse_queries

if TYPE_CHECKING:
    import pandas as pd


class Compute(Protocol):
    """A pure function from frames (one a query, by name) to frames (one a computed table, by name)."""

    def __call__(
        self, frames: Mapping[str, pd.DataFrame], as_of: date, seed: int
    ) -> dict[str, pd.DataFrame]: ...


@dataclass(frozen=True)
class Analysis:
    """One analysis.

    `function` is `module:name` of a `Compute`, imported when it runs: scientific libraries stay out of definition
    loading. `queries` are SQL on the warehouse by frame name, with `landing.run_window` for the as-of day. `reads`
    names the models behind them, `tables` the computed tables (`computed_tables.yaml`) that it gives.
    """

    name: str
    title: str
    function: str
    queries: Mapping[str, str]
    reads: tuple[str, ...]
    tables: tuple[str, ...]
    kinds: frozenset[str] = field(default=frozenset({"python", "parquet"}))


# Hours since the service's CIs last changed, at most the demand window: another estate has another curve.
_SERVICE_HOURS = """
with changes as (
    select mine.service_id, changed.changed_date
    from marts.bridge_service_ci mine
    join (
        select ci_id, valid_from as changed_date from marts.bridge_service_ci
        union all
        select ci_id, valid_to + 1 from marts.bridge_service_ci where valid_to is not null
    ) changed using (ci_id)
    cross join landing.run_window w
    where changed.changed_date <= w.as_of_date
),
since as (select service_id, max(changed_date) as since_date from changes group by service_id)
select h.service_id, h.observed_date, h.throughput_per_second, h.latency_objective_seconds, h.concurrent_requests
from marts.fct_service_performance_hourly h
left join since using (service_id)
cross join landing.run_window w
where h.observed_date between w.demand_window_start_date and w.as_of_date
    and h.observed_date >= coalesce(since.since_date, w.demand_window_start_date)
order by h.service_id, h.hour_at
"""
_LATENCY_TARGETS = """
select service_id, max_by(latency_target_seconds, hour_at) as latency_target_seconds
from marts.fct_service_performance_hourly
cross join landing.run_window w
where latency_target_seconds is not null and observed_date between w.demand_window_start_date and w.as_of_date
group by service_id
order by service_id
"""
_NEWEST_LOAD_TESTS = """
select service_id, tested_at, load, load_unit, throughput_per_second, latency_p95_seconds
from staging.stg_load_tests
qualify tested_at = max(tested_at) over (partition by service_id)
order by service_id, load
"""
_DRIVERS = """
select driver_id, driver_name, service_id, unit, demand_date, value
from staging.stg_business_demand
cross join landing.run_window w
where demand_date between w.as_of_date - 90 and w.as_of_date
order by driver_id, demand_date
"""
_DAILY_REQUESTS = """
select service_id, observed_date, request_count
from marts.fct_service_performance_daily
cross join landing.run_window w
where observed_date between w.as_of_date - 90 and w.as_of_date and request_count is not null and coverage_ratio >= 0.8
order by service_id, observed_date
"""
# What each member carries by itself changes with their number, so only days with today's count; a shared load does not.
_POOL_DAYS = """
with days as (
    select p.*, max_by(p.member_count, p.observed_date) over (partition by p.pool_id) as count_today
    from marts.fct_pool_demand_daily p
    cross join landing.run_window w
    where p.observed_date between w.as_of_date - 90 and w.as_of_date
),
since as (
    select pool_id, max(observed_date) as changed_date
    from days
    where pooling = 'own' and member_count <> count_today
    group by pool_id
)
select days.pool_id, days.service_id, days.resource, days.observed_date, days.demand_value
from days
left join since using (pool_id)
where days.observed_date > since.changed_date or since.changed_date is null
order by days.pool_id, days.observed_date
"""
_POOLS_TODAY = """
select pool_id, usable_value, demand_value
from marts.fct_pool_capacity
join landing.run_window using (as_of_date)
order by pool_id
"""

_SHARED_DEMAND = """
select h.ci_id, h.resource, h.hour_at, h.demand_avg as demand_value
from marts.fct_resource_utilisation_hourly h
join (select distinct ci_id, resource from marts.fct_resource_shares join landing.run_window using (as_of_date))
    using (ci_id, resource)
cross join landing.run_window w
where h.observed_date between w.demand_window_start_date and w.as_of_date
order by h.ci_id, h.resource, h.hour_at
"""
_SHARING_REQUESTS = """
select s.ci_id, s.service_id, h.hour_at, h.throughput_per_second
from (select distinct ci_id, service_id from marts.fct_resource_shares join landing.run_window using (as_of_date)) s
join marts.fct_service_performance_hourly h using (service_id)
cross join landing.run_window w
where h.observed_date between w.demand_window_start_date and w.as_of_date and h.throughput_per_second is not null
order by s.ci_id, s.service_id, h.hour_at
"""


def _of_series(query: str) -> str:
    """`query` with `numbered`: the series of the last 182 days (140 that are reported, six weeks before)."""
    return f"""
    with recent as (
        select ci_id, resource, hour_at, demand_avg, unit
        from marts.fct_resource_utilisation_hourly
        where observed_date <= (select as_of_date from landing.run_window)
            and observed_date > (select as_of_date from landing.run_window) - 182
    ),

    numbered as (
        select
            ci_id,
            resource,
            min(unit) as unit,
            cast(row_number() over (order by ci_id, resource) - 1 as bigint) as series
        from recent
        group by ci_id, resource
    )
    {query}
    """  # noqa: S608  the queries below, nothing from outside


EVENTS = Analysis(
    name="events",
    title="Baselines, anomalies and events",
    function="assets.capacity.events:find_events",
    queries={
        "hours": _of_series(
            """
        select series, cast(epoch(hour_at) // 3600 as bigint) as hour, demand_avg as value
        from recent inner join numbered using (ci_id, resource)
        """
        ),
        # A CI of several services lives in the zone of the first of them.
        "series": _of_series(
            """
        , zones as (
            select map.ci_id, min_by(calendars.zone, (map.service_id, calendars.valid_from)) as zone
            from marts.bridge_service_ci as map
            inner join marts.dim_service using (service_id)
            inner join staging.stg_calendars as calendars using (calendar_id)
            group by map.ci_id
        )
        select series, ci_id, resource, unit, coalesce(zone, 'UTC') as zone
        from numbered left join zones using (ci_id)
        order by series
        """
        ),
        "usable": _of_series(
            """
        select series, cast(date_diff('day', date '1970-01-01', observed_date) as bigint) as day, usable_value
        from marts.fct_resource_utilisation_daily inner join numbered using (ci_id, resource)
        where usable_value is not null
            and observed_date <= (select as_of_date from landing.run_window)
            and observed_date > (select as_of_date from landing.run_window) - 182
        """
        ),
        "holidays": """
        select distinct zone, holiday_date
        from staging.stg_holidays inner join staging.stg_calendars using (calendar_id)
        order by zone, holiday_date
        """,
        "episodes": "select * from intermediate.int_threshold_episodes order by all",
        "forecasts": """
        select
            pool_id, pools.deciding_ci_id as ci_id, pools.resource, pools.unit, pools.usable_value,
            pools.as_of_date, forecasts.probability_within_lead_time,
            cast(forecasts.p50_date - cast(forecasts.lead_time_days as int) as date) as decision_date
        from landing.forecast_saturation as forecasts
        inner join marts.fct_pool_capacity as pools
            on forecasts.series_id = 'pool/' || pools.pool_id and forecasts.as_of_date = pools.as_of_date
        where forecasts.probability_within_lead_time is not null
            and pools.as_of_date <= (select as_of_date from landing.run_window)
        order by pool_id, as_of_date
        """,
        # Of a pool and its members the pool is enough.
        "drifts": """
        select
            as_of_date, pool_id, ci_id, resource, recent_wql, promised_wql,
            coalesce(is_drifting, false) as is_drifting
        from marts.fct_forecast_track_record
        where level = 'pool' and horizon_band = 'all' and as_of_date <= (select as_of_date from landing.run_window)
            and pool_id in (select pool_id from marts.fct_forecast_track_record where is_drifting)
        order by pool_id, as_of_date
        """,
        "members": """
        select service_id, ci_id, redundancy_group, valid_from, valid_to from marts.bridge_service_ci order by all
        """,
        "services": "select service_id, criticality from marts.dim_service order by service_id",
    },
    reads=(
        "fct_resource_utilisation_hourly",
        "fct_resource_utilisation_daily",
        "int_threshold_episodes",
        "fct_pool_capacity",
        "bridge_service_ci",
        "dim_service",
        "stg_calendars",
        "stg_holidays",
        "forecast_saturation",
        "fct_forecast_track_record",
    ),
    tables=("resource_baselines", "capacity_events", "capacity_event_detections"),
)

_RECENT_INCIDENTS = """
select incident_id, service_id, ci_id, opened_at
from marts.fct_incidents
cross join landing.run_window as w
where opened_date between w.as_of_date - 119 and w.as_of_date and service_id is not null
order by incident_id
"""
_SPELLS = """
select ci_id, resource, started_at, ended_at, peak_usage_ratio
from intermediate.int_saturation_spells
cross join landing.run_window as w
where observed_date between w.as_of_date - 119 and w.as_of_date
order by ci_id, resource, started_at
"""
_MEASURED_CIS = """
select ci_id, min(observed_date) as first_date, max(observed_date) as last_date
from marts.fct_resource_utilisation_daily
cross join landing.run_window as w
where observed_date between w.as_of_date - 119 and w.as_of_date and usable_value is not null
group by ci_id
order by ci_id
"""
_SIZING_DEMAND = """
select ci_id, resource, observed_date, statistic, required_value, is_cut_off
from intermediate.int_sizing_demand_daily
order by all
"""
_SIZES = """
select ci_id, ladder_id, size_name, resource, limit_value, monthly_cost, currency, lead_time_days, is_present,
       agrees_with_limits
from intermediate.int_size_candidates
order by all
"""

# Tickets of the last 26 weeks, and older ones that are still open.
_TICKETS = """
select
    t.team_id, t.ticket_kind, i.priority, t.opened_at, t.done_at, t.hours_per_ticket,
    i.in_progress_minutes as agent_minutes
from intermediate.int_team_tickets t
left join marts.fct_incidents i on t.ticket_kind = 'incident' and t.ticket_id = i.incident_id
where t.weeks_ago < 26 or t.done_at is null
order by t.team_id, t.ticket_kind, t.ticket_id
"""
_TEAMS = (
    "select team_id, calendar_id, headcount, ticket_hours_per_week from staging.stg_teams order by team_id"
)
_SHIFTS = """
select calendar_id, zone, weekday, opens, closes
from staging.stg_calendars
cross join landing.run_window w
where valid_from <= w.as_of_date and (valid_to is null or valid_to >= w.as_of_date)
order by calendar_id, weekday, opens
"""
_STAFFING_TARGETS = "select * from staging.stg_staffing_targets order by target_id"

ANALYSES: tuple[Analysis, ...] = (
    Analysis(
        name="scalability",
        title="Fit throughput and latency against load",
        function="assets.capacity.scalability:scalability",
        queries={"hours": _SERVICE_HOURS, "targets": _LATENCY_TARGETS, "load_tests": _NEWEST_LOAD_TESTS},
        reads=("fct_service_performance_hourly", "bridge_service_ci", "stg_load_tests"),
        tables=("scalability_fits", "scalability_points"),
    ),
    EVENTS,
    Analysis(
        name="what_if",
        title="What-if scenarios",
        function="assets.capacity.whatif:compute",
        queries=warehouse_queries(),
        reads=READS,
        tables=("what_if_services", "what_if_pools"),
    ),
    Analysis(
        name="business_capacity",
        title="Relate business drivers to requests and resources",
        function="assets.capacity.drivers:business_capacity",
        queries={
            "demand": _DRIVERS,
            "requests": _DAILY_REQUESTS,
            "pools": _POOL_DAYS,
            "capacity": _POOLS_TODAY,
        },
        reads=(
            "stg_business_demand",
            "fct_service_performance_daily",
            "fct_pool_demand_daily",
            "fct_pool_capacity",
        ),
        tables=("business_capacity_fits",),
    ),
    Analysis(
        name="rightsizing",
        title="Back-test sizes",
        function="assets.capacity.rightsizing:rightsize",
        queries={"demand": _SIZING_DEMAND, "candidates": _SIZES},
        reads=("int_sizing_demand_daily", "int_size_candidates"),
        tables=("rightsizing", "rightsizing_backtest"),
    ),
    Analysis(
        name="shared_use",
        title="Tell who uses shared resources",
        function="assets.capacity.shared_use:shared_use",
        queries={"demand": _SHARED_DEMAND, "requests": _SHARING_REQUESTS},
        reads=("fct_resource_shares", "fct_resource_utilisation_hourly", "fct_service_performance_hourly"),
        tables=("shared_use",),
    ),
    Analysis(
        name="staffing",
        title="People that support teams need",
        function="assets.capacity.staffing:staffing",
        queries={"tickets": _TICKETS, "teams": _TEAMS, "shifts": _SHIFTS, "targets": _STAFFING_TARGETS},
        reads=("int_team_tickets", "fct_incidents", "stg_teams", "stg_calendars", "stg_staffing_targets"),
        tables=("staffing_needs",),
    ),
    Analysis(
        name="change_impact",
        title="Tell what changes moved",
        function="assets.capacity.change_impact:change_impact",
        queries=change_impact_queries.QUERIES,
        reads=change_impact_queries.READS,
        tables=("change_impact",),
    ),
    Analysis(
        name="capacity_incidents",
        title="Tell which incidents capacity caused",
        function="assets.capacity.capacity_incidents:capacity_incidents",
        queries={
            "incidents": _RECENT_INCIDENTS,
            "spells": _SPELLS,
            "members": change_impact_queries.QUERIES["members"],
            "measured": _MEASURED_CIS,
        },
        reads=(
            "fct_incidents",
            "int_saturation_spells",
            "bridge_service_ci",
            "fct_resource_utilisation_daily",
        ),
        tables=("capacity_incidents", "capacity_incident_evidence"),
    ),
)
