"""The analyses that Python makes of the marts, as data: what each reads, which function it calls, what it gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Protocol

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

ANALYSES: tuple[Analysis, ...] = (
    Analysis(
        name="scalability",
        title="Fit throughput and latency against load",
        function="assets.capacity.scalability:scalability",
        queries={"hours": _SERVICE_HOURS, "targets": _LATENCY_TARGETS, "load_tests": _NEWEST_LOAD_TESTS},
        reads=("fct_service_performance_hourly", "bridge_service_ci", "stg_load_tests"),
        tables=("scalability_fits", "scalability_points"),
    ),
)
