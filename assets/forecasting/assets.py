"""Forecasts and saturation dates as Dagster assets: daily demand out of the warehouse, quantiles into Parquet."""

import hashlib
from collections.abc import Iterator
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
import duckdb

from assets.capacity.what_if_queries import warehouse_queries
from assets.estate import Estate, run_days
from assets.forecasting.change_queries import READS as KNOWN
from assets.forecasting.change_queries import read_known
from assets.home import Home
from assets.warehouse.assets import LANDING, POOL, rebuild_of
from assets.warehouse.computed import computed_tables, load_computed, load_past, write_computed
from assets.warehouse.landing_schema import open_warehouse
from checks.record import write_results

if TYPE_CHECKING:
    import pandas as pd

SERIES = """
with history as (
    select 'ci/' || ci_id || '/' || resource as series_id, observed_date, demand_value
    from marts.fct_resource_utilisation_daily
    union all
    select 'pool/' || pool_id, observed_date, demand_value
    from marts.fct_pool_demand_daily
)
select h.series_id, h.observed_date, h.demand_value, s.usable_value, s.unit, s.lead_time_days,
       0.0 as lower,
       -- A ratio of one resource cannot pass 1; the members of a pool add up to more.
       case when s.level = 'resource' and s.unit = '1' then 1.0 end as upper
from history h
join intermediate.int_forecast_series s using (series_id)
cross join landing.run_window w
where h.observed_date <= w.as_of_date and h.observed_date > w.as_of_date - cast($history_days as integer)
order by h.series_id, h.observed_date
"""
TABLES = (
    "forecast_quantiles",
    "forecast_saturation",
    "forecast_scores",
    "forecast_models",
    "forecast_importances",
)
DEMAND = (
    "fct_resource_utilisation_daily",
    "fct_pool_demand_daily",
    "int_forecast_series",
    "fct_pool_members",
    "dim_planned_purchase",
)
READS = (*DEMAND, *KNOWN, "fct_resource_capacity")
PAST = {
    "past_forecasts": "Quantiles of every forecast made as of an earlier day: what can be scored.",
    "past_saturation": "Saturation dates of every forecast made as of an earlier day.",
}
# Published before this run: made again afterwards, a forecast is none.
PUBLISHED = """
select 1 from landing.forecast_quantiles, landing.run_window w
where forecast_quantiles.as_of_date < w.as_of_date and not coalesce(is_replayed, false)
limit 1
"""
RECORD = """
select series_id, own_day_count as day_count, own_wql as wql, own_naive_wql as naive_wql
from marts.fct_forecast_track_record
where as_of_date = (select as_of_date from landing.run_window) and is_fallback_due
order by series_id
"""
# How much of the error the pools of a service have in common: the mean product of the normal scores of two of them on
# one day of one forecast, over their mean square. Σ_i≠j z_i·z_j = (Σz)² − Σz². Summed as decimals: whatever the order.
SERVICE_SHARE = """
with errors as (
    select
        service_id, forecast_date, observed_date,
        cast(greatest(-4, least(4,
            (actual_value - p50_value) * 2.563 / nullif(p90_value - p10_value, 0))) as decimal(18, 9)) as score
    from marts.fct_forecast_outcomes
    join intermediate.int_forecast_series using (series_id)
    where level = 'pool' and forecast_date < (select as_of_date from landing.run_window)
        and observed_date > (select as_of_date from landing.run_window) - 91
),
days as (
    select sum(score) as total, sum(score * score) as square, count(score) as pools
    from errors
    group by service_id, forecast_date, observed_date
),
sums as (
    select
        sum(total * total - square) as products, sum(square) as squares,
        sum(pools * (pools - 1)) as pairs, sum(pools) as n
    from days
)
select products / pairs / (squares / n) from sums where pairs >= 1000 and squares > 0
"""
RESOURCES = """
select ci_id, resource, limit_value, usable_value
from marts.fct_resource_capacity
where as_of_date = (select as_of_date from landing.run_window)
order by all
"""
MEMBERSHIP = """
select distinct service_id, series_id
from intermediate.int_forecast_series
where level = 'pool'
order by all
"""


def read_demand(
    connection: duckdb.DuckDBPyConnection, history_days: int
) -> tuple["pd.DataFrame", "pd.DataFrame"]:
    """Daily demand of every resource and pool, and which pools each service stands on (see `forecast_estate`)."""
    daily = connection.execute(SERIES, {"history_days": history_days}).df()
    membership = connection.execute(MEMBERSHIP).df()
    return daily, membership


def read_planned(connection: duckdb.DuckDBPyConnection) -> "pd.DataFrame | None":
    """Usable capacity from planned purchases (see `planned_usable`); None when none is counted on."""
    from assets.capacity.planned import FRAMES, planned_usable

    queries = warehouse_queries()
    if not connection.execute("select 1 from marts.dim_planned_purchase where is_counted limit 1").fetchone():
        return None
    frames = {name: connection.execute(queries[name]).df() for name in FRAMES}
    return planned_usable(frames | {"resources": connection.execute(RESOURCES).df()})


def replay_asset() -> dg.AssetsDefinition:
    """Forecasts of earlier as-of days as the models of the track record see them.

    Before the first forecast of an estate is published, a few earlier ones are made from what had been measured by
    then, and marked `is_replayed`: an estate that starts with a history starts with a record.
    """
    keys = {table: dg.AssetKey([LANDING, table]) for table in PAST}

    @dg.multi_asset(
        name="forecast_replays",
        specs=[
            dg.AssetSpec(
                keys[table],
                deps=[dg.AssetKey(name) for name in READS],
                group_name="forecasting",
                owners=["team:capacity-management"],
                kinds={"scikitlearn", "duckdb"},
                description=text,
            )
            for table, text in PAST.items()
        ],
        pool=POOL,
    )
    def forecast_replays(context: dg.AssetExecutionContext, estate: Estate) -> Iterator[dg.MaterializeResult]:
        from assets.forecasting.forecast import MANY_SERIES
        from assets.forecasting.record import REPLAY_DAYS_BACK, replay_days
        from assets.forecasting.run import forecast_estate
        from assets.processes import side_by_side

        as_of = run_days(context)[1]
        is_new_code = rebuild_of(estate, context)[0].full_refresh
        made: list[date] = []
        with open_warehouse(estate.home.warehouse) as connection:
            load_computed(connection, estate.home)
            if not connection.execute(PUBLISHED).fetchone():
                daily, membership = read_demand(connection, estate.history_days + max(REPLAY_DAYS_BACK))
                first = daily["observed_date"].min() if len(daily) else None
                wanted = [] if first is None else list(replay_days(as_of, first.date()))
                made = [
                    day
                    for day in wanted
                    if is_new_code or not (estate.home.computed(day) / "forecast_quantiles.parquet").exists()
                ]
                replay = partial(
                    forecast_estate,
                    horizon_days=estate.horizon_days,
                    seed=estate.forecast_seed,
                    is_replayed=True,
                    known=read_known(connection).of_the_past(),
                )
                known = daily["observed_date"].dt.date
                windows = (
                    daily[(known <= day) & (known > day - timedelta(days=estate.history_days))]
                    for day in made
                )
                calls = [(window, membership, day) for window, day in zip(windows, made, strict=True)]
                is_small = daily["series_id"].nunique() < MANY_SERIES
                for day, result in zip(made, side_by_side(replay, calls, is_small=is_small), strict=True):
                    tables = {
                        "forecast_quantiles": result.quantiles,
                        "forecast_saturation": result.saturation,
                    }
                    write_computed(estate.home, day, tables)
            load_computed(connection, estate.home)
            load_past(connection, as_of)
        context.log.info(f"{len(made)} earlier as-of days" if made else "none needed")
        for key in keys.values():
            yield dg.MaterializeResult(
                asset_key=key, metadata={"replayed": [day.isoformat() for day in made]}
            )

    return forecast_replays


def write_artefact(home: Home, content: bytes) -> Path:
    """Keep a trained model under the hash of its content; the same model is kept once."""
    path = home.artefact(hashlib.sha256(content).hexdigest())
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.write_bytes(content)
    temporary.replace(path)
    return path


def forecast_asset() -> dg.AssetsDefinition:
    """Quantiles, saturation dates, backtest scores and the model of one as-of day; every day ever forecast is kept."""
    demand = [dg.AssetKey(name) for name in (*READS, "fct_forecast_track_record")]
    keys = [dg.AssetKey([LANDING, table]) for table in TABLES]

    @dg.multi_asset(
        name="forecasts",
        specs=[
            dg.AssetSpec(
                key,
                deps=demand,
                group_name="forecasting",
                owners=["team:capacity-management"],
                kinds={"scikitlearn", "parquet"},
                description=f"{computed_tables()[key.path[-1]].description} Kept for every as-of day.",
            )
            for key in keys
        ],
        check_specs=[
            dg.AssetCheckSpec(
                "expectations",
                asset=keys[0],
                blocking=True,
                description="Quantiles finite, ordered, complete; dates ordered; scores sane (Great Expectations).",
            )
        ],
        pool=POOL,
    )
    def forecasts(
        context: dg.AssetExecutionContext, estate: Estate
    ) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        # Heavy imports stay out of definition loading.
        from assets.forecasting.governance import training_tables
        from assets.forecasting.run import forecast_estate
        from checks.forecasts import check_quantiles, check_saturation, check_scores

        as_of: date = run_days(context)[1]
        with open_warehouse(estate.home.warehouse) as connection:
            daily, membership = read_demand(connection, estate.history_days)
            result = forecast_estate(
                daily,
                membership,
                as_of=as_of,
                horizon_days=estate.horizon_days,
                seed=estate.forecast_seed,
                planned_usable=read_planned(connection),
                record=connection.execute(RECORD).df(),
                known=read_known(connection),
                service_share=(connection.execute(SERVICE_SHARE).fetchone() or [None])[0],
            )
            assert result.made is not None
            training, artefact = training_tables(result.made, estate.forecast_seed, as_of)
            tables = {
                "forecast_quantiles": result.quantiles,
                "forecast_saturation": result.saturation,
                "forecast_scores": result.scores,
                **training,
            }
            if artefact is not None:
                write_artefact(estate.home, artefact)
            write_computed(estate.home, as_of, tables)
            load_computed(connection, estate.home)
        outcomes = [
            *check_quantiles(result.quantiles),
            *check_saturation(result.saturation),
            *check_scores(result.scores),
        ]
        write_results(estate.home.checks(as_of), "forecasts", outcomes)
        context.log.info(f"{daily['series_id'].nunique()} series, {estate.horizon_days} days ahead")
        for key, frame in zip(keys, tables.values(), strict=True):
            yield dg.MaterializeResult(asset_key=key, metadata={"dagster/row_count": len(frame)})
        failed = [outcome for outcome in outcomes if not outcome.passed]
        yield dg.AssetCheckResult(
            asset_key=keys[0],
            check_name="expectations",
            passed=not failed,
            metadata={outcome.name: outcome.message or "passed" for outcome in outcomes},
        )

    return forecasts
