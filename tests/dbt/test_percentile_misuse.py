"""Percentiles are never averaged, summed or compared for their maximum, in any model; longer periods merge sketches."""

from pathlib import Path

import pytest

from tests.dbt.dbt_project_runner import DbtOutcome, DbtProjectRunner
from tests.dbt.percentile_misuse import percentile_misuses

# A percentile over the daily busy hours of a window: the busy hour is a mean, so it may be put together.
# A date from which decision dates follow: the earliest of a service's resources is picked, none are put together.
ALLOWED = {"busy_hours_p95", "p50_date"}


@pytest.mark.parametrize(
    "sql",
    [
        "select avg(demand_p95) as demand from daily",
        "select ci_id, max(latency_p95_seconds) as worst from daily group by ci_id",
        "select cast(sum(try_cast(d.demand_p95 as decimal(38, 15))) as double) from daily as d",
        "with a as (select demand_p95 as demand from daily), b as (select demand as x from a) select avg(x) from b",
        "select sum(demand_p99) over (partition by ci_id) from daily",
        "select avg(typical) from renamed",
        "select quantile_cont(demand_p95, 0.95) from daily",
        "select avg(case when is_busy then demand_p95 end) from daily",
    ],
)
def test_a_misuse_is_found(sql: str) -> None:
    """The check fails on bad models: plain, dressed up, renamed, and renamed in another model."""
    misuses, _ = percentile_misuses(sql, {"renamed": {"typical"}}, ALLOWED)
    assert len(misuses) == 1


@pytest.mark.parametrize(
    "sql",
    [
        "select quantile_cont(value, 0.95) as demand_p95, max(value) as demand_max from samples",
        "select max(demand_value) from daily where demand_p95 > 1",
        "select max(busy_hours_p95) from picked",
        "select sum(weight) from sketches group by p_95th_street",
    ],
)
def test_a_sound_statement_passes(sql: str) -> None:
    """Percentiles of samples, extremes of other columns, and what is allowed with a reason."""
    assert percentile_misuses(sql, {}, ALLOWED)[0] == []


@pytest.mark.slow
def test_no_model_puts_percentiles_together(
    built: tuple[Path, DbtOutcome], dbt_project: DbtProjectRunner
) -> None:
    """Every compiled model, after those that it reads."""
    manifest = dbt_project.manifest().to_dict()
    compiled = {path.stem: path.read_text("utf-8") for path in dbt_project.compiled("models")}
    percentiles_of: dict[str, set[str]] = {}
    misuses: dict[str, list[str]] = {}
    waiting = {name: node for name, node in manifest["nodes"].items() if node["resource_type"] == "model"}
    assert {node["name"] for node in waiting.values()} <= set(compiled)
    while waiting:
        ready = {n for n, node in waiting.items() if not set(node["depends_on"]["nodes"]) & set(waiting)}
        for name in ready:
            model = waiting.pop(name)["name"]
            found, percentiles_of[model] = percentile_misuses(compiled[model], percentiles_of, ALLOWED)
            if found:
                misuses[model] = found
    assert misuses == {}
