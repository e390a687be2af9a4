"""Which tables hold what the what-if analysis starts from: in the warehouse of a run, and in a published version."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

#: Days behind the share of demand that follows load, and what it takes to believe it.
LOAD_WINDOW_DAYS, LOAD_MIN_DAYS, LOAD_MIN_FIT = 56, 14, 0.5
#: Demand accumulates when its rise over the window is nearly all of its movement.
ACCUMULATING_RATIO = 0.8

MEMBERS = """
with shares as (
    select service_id, ci_id, max(share_ratio) as share_ratio
    from marts.fct_pool_members
    where as_of_date = {as_of}
    group by service_id, ci_id
),
traffic as (
    select service_id, observed_date,
        throughput_peak_per_second / nullif(avg(throughput_peak_per_second) over (partition by service_id), 0) as load
    from marts.fct_service_performance_daily
    where observed_date between {as_of} - {window} + 1 and {as_of}
),
loads as (
    select s.ci_id, t.observed_date, sum(s.share_ratio * t.load) as load
    from shares s join traffic t using (service_id)
    group by s.ci_id, t.observed_date
),
daily as (
    select ci_id, resource, observed_date, demand_value,
        demand_value - lag(demand_value) over (partition by ci_id, resource order by observed_date) as step_value
    from marts.fct_resource_utilisation_daily
    where observed_date between {as_of} - {window} + 1 and {as_of}
),
fits as (
    select d.ci_id, d.resource,
        max_by(d.demand_value, d.observed_date) - min_by(d.demand_value, d.observed_date) as rise,
        sum(abs(d.step_value)) as movement,
        regr_count(d.demand_value, l.load) as days,
        regr_r2(d.demand_value, l.load) as fit,
        regr_slope(d.demand_value, l.load) * regr_avgx(d.demand_value, l.load) / nullif(avg(d.demand_value), 0) as ratio
    from daily d left join loads l using (ci_id, observed_date)
    group by d.ci_id, d.resource
)
select m.*,
    -- Rounded: sums of doubles in parallel differ in the last digits from run to run.
    case when f.days >= {min_days} and f.fit >= {min_fit} then round(greatest(0, least(1, f.ratio)), 6) end
        as load_ratio,
    coalesce(m.statistic = 'maximum' and round(f.rise / nullif(f.movement, 0), 6) >= {accumulating}, false)
        as is_accumulating
from marts.fct_pool_members m
left join fits f using (ci_id, resource)
where m.as_of_date = {as_of}
order by m.pool_id, m.ci_id
"""
QUERIES = {
    "members": MEMBERS,
    "pools": "select * from marts.fct_pool_capacity where as_of_date = {as_of} order by pool_id",
    "services": "select service_id from marts.dim_service order by all",
    "sites": "select ci_id, site, ci_kind from marts.dim_ci order by ci_id",
    "service_map": """
        select b.ci_id, b.service_id, b.redundancy_group,
            coalesce(max(m.share_ratio), max(b.share_ratio)) as share_ratio
        from marts.bridge_service_ci b
        left join marts.fct_pool_members m
            on m.service_id = b.service_id and m.ci_id = b.ci_id and m.as_of_date = {as_of}
        where b.valid_from <= {as_of} and (b.valid_to is null or b.valid_to >= {as_of})
        group by all order by all
    """,
    "purchases": "select * from marts.dim_planned_purchase order by purchase_id",
    "scenarios": "select * from marts.dim_scenario order by scenario_id, step",
    "quantiles": """
        select series_id, target_date, quantile, value from {quantiles}
        where as_of_date = {as_of} and (series_id like 'pool/%' or series_id in (
            select 'ci/' || ci_id || '/' || resource from marts.fct_pool_members
            where as_of_date = {as_of} and pooling = 'own'))
        order by series_id, target_date, quantile
    """,
    "dependence": """
        select series_id, error_shared_ratio, error_rho, error_service_ratio, spike_chance_ratio, spike_height_ratio
        from {scores} where as_of_date = {as_of} and series_id like 'pool/%' order by series_id
    """,
    "leads": """
        select series_id, max(lead_time_days) as lead_time_days from {saturation}
        where as_of_date = {as_of} and series_id like 'pool/%' group by all order by all
    """,
    "latest": """
        select 'pool/' || pool_id as series_id, demand_value from marts.fct_pool_demand_daily
        where observed_date = {as_of} order by all
    """,
    # The last whole month: what a CI costs a month.
    "costs": """
        with months as (
            select ci_id, billing_currency as currency, month_start_date, sum(effective_cost)::double as monthly_cost
            from marts.fct_ci_cost
            where last_day(month_start_date) <= {as_of}
            group by all
        )
        select ci_id, currency, max_by(monthly_cost, month_start_date) as monthly_cost
        from months
        where month_start_date = (select max(month_start_date) from months)
        group by all order by all
    """,
}
#: Models that the queries read, for the graph of assets.
READS = (
    "fct_pool_members",
    "fct_pool_capacity",
    "fct_pool_demand_daily",
    "fct_resource_utilisation_daily",
    "fct_service_performance_daily",
    "fct_ci_cost",
    "dim_service",
    "dim_ci",
    "bridge_service_ci",
    "dim_planned_purchase",
    "dim_scenario",
    "forecast_quantiles",
    "forecast_saturation",
    "forecast_scores",
)


def warehouse_queries() -> dict[str, str]:
    """`QUERIES` on the warehouse of a run: forecasts are read where Python has just left them."""
    tables = {name: f"landing.forecast_{name}" for name in ("quantiles", "scores", "saturation")}
    return _filled("(select as_of_date from landing.run_window)", tables)


def published_queries(as_of: date) -> dict[str, str]:
    """`QUERIES` on a published version."""
    tables = {
        "quantiles": "marts.fct_forecasts",
        "scores": "marts.fct_forecast_scores",
        "saturation": "marts.fct_saturation",
    }
    return _filled(f"date '{as_of.isoformat()}'", tables)


def _filled(as_of: str, tables: Mapping[str, str]) -> dict[str, str]:
    numbers = {
        "window": LOAD_WINDOW_DAYS,
        "min_days": LOAD_MIN_DAYS,
        "min_fit": LOAD_MIN_FIT,
        "accumulating": ACCUMULATING_RATIO,
    }
    return {name: query.format(as_of=as_of, **tables, **numbers) for name, query in QUERIES.items()}
