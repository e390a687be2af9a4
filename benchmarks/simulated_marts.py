"""What the marts would hold of a simulated estate, read straight from its files."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pandas as pd

from assets.simulation import SimulationSettings, Truth, simulate
from assets.simulation.resources import METRICS

#: Counters would have to become rates first.
RESOURCES = tuple(sorted(resource for resource, (_, _, kind) in METRICS.items() if kind == "gauge"))


class SimulatedMarts:
    """Frames of a simulated estate of the demo's size."""

    def __init__(self, home: Path, seed: int) -> None:
        self.truth: Truth = simulate(SimulationSettings(seed=seed), home)
        self.as_of = self.truth_settings().end_date
        self._home = home
        self._connection = duckdb.connect()
        self._load()

    @staticmethod
    def truth_settings() -> SimulationSettings:
        """The settings but for their seed."""
        return SimulationSettings()

    def frame(self, query: str) -> pd.DataFrame:
        """A query on the tables that `_load` makes."""
        return self._connection.execute(query).df()

    def _load(self) -> None:
        sources = self._home / "sources"
        names = ", ".join(f"('{METRICS[resource][0]}', '{resource}')" for resource in RESOURCES)
        self._connection.execute(f"""
            create table metrics as select * from (values {names}) as named(metric_name, resource);
            create table samples as
            select entity as ci_id, resource, cast(time as timestamp) as observed_at,
                any_value(try_cast(value as double)) as value
            from read_parquet('{sources}/monitoring/metric_samples_infrastructure_*.parquet')
            inner join metrics using (metric_name)
            where isfinite(value) and value >= 0
            group by all;
            create table changes as
            select * exclude (started_at, ended_at), started_at, ended_at,
                cast(started_at as date) as started_date, cast(ended_at as date) as ended_date
            from (
                select change_id, change_kind, service_id, nullif(ci_id, '') as ci_id,
                    try_cast(started_at as timestamp) as started_at, try_cast(ended_at as timestamp) as ended_at
                from read_csv('{sources}/itsm/changes_*.csv', all_varchar = true)
                qualify row_number() over (partition by change_id order by updated_at desc) = 1
            ) where ended_at is not null;
            create table members as
            select service_id, ci_id, coalesce(nullif(redundancy_group, ''), ci_id) as redundancy_group,
                try_cast(valid_from as date) as valid_from, try_cast(valid_to as date) as valid_to
            from read_csv('{sources}/cmdb/service_cis.csv', all_varchar = true);
            create table cis as select name as ci_id, class as ci_kind
            from read_csv('{sources}/cmdb/configuration_items.csv', all_varchar = true);
            create table limits as
            select ci_id, resource, cast(limit_value as double) as limit_value, unit,
                cast(valid_from as date) as valid_from,
                coalesce(try_cast(valid_to as date), date '2200-01-01') as valid_to
            from read_csv('{sources}/cmdb/resource_limits.csv', all_varchar = true);
            create table holidays as select distinct cast(holiday_date as date) as holiday_date
            from read_csv('{self._home}/control/holidays.csv', all_varchar = true);
            """)  # noqa: S608  paths of this process

    def change_frames(self) -> dict[str, pd.DataFrame]:
        """Frames of `change_impact`: CIs alone (latency histograms need the pipeline)."""
        self._connection.execute("""
            create or replace table series as
            select row_number() over (order by ci_id, resource) - 1 as series, 'ci' as subject_kind,
                ci_id as subject_id,
                resource || '_utilisation' as metric, '1' as unit, any_value(ci_kind) as ci_kind
            from (select distinct ci_id, resource from samples) left join cis using (ci_id) group by ci_id, resource
            """)
        return {
            "series": self.frame("select *, series as profile_series from series order by series"),
            "hours": self.frame("""
                select series.series, cast(epoch(observed_at) // 3600 as bigint) as hour,
                    avg(value / coalesce(limits.limit_value, 1)) as value
                from samples
                inner join series on series.subject_id = ci_id and series.metric = resource || '_utilisation'
                left join limits on limits.ci_id = samples.ci_id and limits.resource = samples.resource
                    and cast(observed_at as date) between limits.valid_from and limits.valid_to
                group by all
                """),
            "changes": self.frame("select * from changes order by change_id"),
            "members": self.frame("select * from members order by all"),
            "holidays": self.frame("select * from holidays order by all"),
        }
