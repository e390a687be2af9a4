"""Every analysis of `analyses.py` as a Dagster asset: frames out of the warehouse, computed tables into Parquet."""

from collections.abc import Iterator
from datetime import date
from importlib import import_module

import dagster as dg

from assets.capacity.analyses import ANALYSES, Analysis
from assets.estate import Estate, run_days
from assets.warehouse.assets import LANDING, POOL
from assets.warehouse.computed import computed_tables, load_computed, write_computed
from assets.warehouse.landing_schema import open_warehouse


def analysis_assets() -> list[dg.AssetsDefinition]:
    """One asset of one or more tables for each analysis."""
    return [_analysis_asset(analysis) for analysis in ANALYSES]


def _analysis_asset(analysis: Analysis) -> dg.AssetsDefinition:
    keys = [dg.AssetKey([LANDING, table]) for table in analysis.tables]
    computed = set(computed_tables())
    reads = [dg.AssetKey([LANDING, name] if name in computed else name) for name in analysis.reads]

    @dg.multi_asset(
        name=analysis.name,
        specs=[
            dg.AssetSpec(
                key,
                deps=reads,
                group_name="capacity",
                owners=["team:capacity-management"],
                kinds=set(analysis.kinds),
                description=f"{computed_tables()[key.path[-1]].description} Kept for every as-of day.",
            )
            for key in keys
        ],
        pool=POOL,
    )
    def analysed(context: dg.AssetExecutionContext, estate: Estate) -> Iterator[dg.MaterializeResult]:
        as_of: date = run_days(context)[1]
        module, function = analysis.function.split(":")
        compute = getattr(import_module(module), function)
        with open_warehouse(estate.home.warehouse) as connection:
            frames = {name: connection.execute(sql).df() for name, sql in analysis.queries.items()}
            results = compute(frames, as_of, estate.forecast_seed)
            write_computed(estate.home, as_of, {name: results[name] for name in analysis.tables})
            load_computed(connection, estate.home)
        counts = [f"{len(results[name])} {name.replace('_', ' ')}" for name in analysis.tables]
        context.log.info(", ".join(counts))
        for key in keys:
            yield dg.MaterializeResult(
                asset_key=key, metadata={"dagster/row_count": len(results[key.path[-1]])}
            )

    return analysed
