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

    def incident_frames(self) -> dict[str, pd.DataFrame]:
        """Frames of `capacity_incidents`; usable capacity by the estate's general thresholds of today."""
        self._connection.execute(f"""
            create or replace table used as
            select samples.ci_id, samples.resource, observed_at,
                value / thresholds.ratio / case when limits.limit_value is null then 1.0
                    else limits.limit_value * case unit when 'GiBy' then 1073741824.0 when 'TiBy' then 1099511627776.0
                        else 1.0 end end as usage_ratio
            from samples
            inner join (
                select resource, max_by(cast(target_value as double), valid_from) as ratio
                from read_csv('{self._home}/control/targets.csv', all_varchar = true)
                where measure = 'utilisation_ratio' and service_id is null group by resource
            ) as thresholds using (resource)
            left join limits on limits.ci_id = samples.ci_id and limits.resource = samples.resource
                and cast(observed_at as date) between limits.valid_from and limits.valid_to
            """)  # noqa: S608  paths of this process
        minutes = SimulationSettings().interval_seconds // 60
        return {
            "spells": self.frame(f"""
                with starts as (
                    select *, case when observed_at - lag(observed_at) over spells <= interval {minutes + 1} minute
                        then 0 else 1 end as is_start
                    from used where usage_ratio >= 1
                    window spells as (partition by ci_id, resource order by observed_at)
                ),
                numbered as (
                    select *, sum(is_start) over (partition by ci_id, resource order by observed_at) as spell
                    from starts
                )
                select ci_id, resource, min(observed_at) as started_at,
                    max(observed_at) + interval {minutes} minute as ended_at, max(usage_ratio) as peak_usage_ratio
                from numbered group by ci_id, resource, spell order by all
                """),  # noqa: S608
            "incidents": self.frame(f"""
                select Number as incident_id, Service as service_id, "Configuration item" as ci_id,
                    timezone('UTC', timezone('Europe/Berlin', strptime(min(Opened), '%d.%m.%Y %H:%M:%S'))) as opened_at
                from read_csv('{self._home}/sources/itsm/incidents_*.csv', all_varchar = true)
                where Service is not null group by 1, 2, 3 order by 1
                """),  # noqa: S608
            "members": self.frame("select service_id, ci_id, valid_from, valid_to from members order by all"),
            "measured": self.frame("""
                select ci_id, cast(min(observed_at) as date) as first_date, cast(max(observed_at) as date) as last_date
                from used group by ci_id order by ci_id
                """),
        }

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
