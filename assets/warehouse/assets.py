"""The step from landing to warehouse, and the dbt models, as Dagster assets.

`landing/*` are the tables that dbt reads as sources. When nothing has changed since the served version was published,
they are not materialised and everything downstream is skipped.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import (
    DagsterDbtTranslator,
    DagsterDbtTranslatorSettings,
    DbtProject,
    dbt_assets,
)

from assets.estate import Estate, run_days
from assets.home import Home
from assets.landing.contracts import contracts
from assets.landing.receipts import Receipt, all_receipts, current_receipts
from assets.warehouse.dbt_build import NodeResult, build
from assets.warehouse.landing_schema import RunWindow, load_landing, open_warehouse
from assets.warehouse.rebuild import RebuildPlan, plan_rebuild, version_of
from checks.record import write_results
from checks.results import CheckResult

POOL = "warehouse"
LANDING = "landing"
#: The dbt models of a run are built in three stages: those before any forecast, the scores of earlier forecasts, and
#: what reads today's. A model without either tag belongs to the first.
FIRST_STAGE = "models"
STAGES = {"models_of_track_record": "tag:track_record", "models_after_forecast": "tag:after_forecast"}
OWNER = "team:data-engineering"
RUN_TABLES = (
    "run_window",
    "run_days",
    "run_incidents",
    "run_service_requests",
    "receipts",
    "sample_parts",
    "unit_conversions",
)


class UllageTranslator(DagsterDbtTranslator):
    """Names dbt models after their tables, and groups them by the folder that they stand in."""

    def __init__(self) -> None:
        super().__init__(DagsterDbtTranslatorSettings(enable_asset_checks=True))

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        """`landing/<table>` for sources, the table's name for everything else."""
        if dbt_resource_props["resource_type"] == "source":
            return dg.AssetKey([LANDING, dbt_resource_props["name"]])
        return dg.AssetKey(dbt_resource_props["name"])

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        """The model's folder: staging, intermediate, or the subject of a mart."""
        parts = [part for part in dbt_resource_props["fqn"][1:-1] if part != "marts"]
        return (parts[0] if parts else dbt_resource_props["resource_type"]).replace("-", "_")

    def get_owners(self, dbt_resource_props: Mapping[str, Any]) -> list[str]:
        """The mart's owning team, from `meta.owner`."""
        owner = dbt_resource_props.get("config", {}).get("meta", {}).get("owner")
        return [f"team:{owner.removeprefix('team:')}"] if owner else [OWNER]


def served_version(home: Home) -> str | None:
    """Name of the version that readers are given now, if any."""
    return home.current.resolve().name if home.current.exists() else None


def rebuild_of(estate: Estate, context: dg.AssetExecutionContext) -> tuple[RebuildPlan, str, list[Receipt]]:
    """The run's rebuild plan, the version it will publish, and the receipts that it is made of."""
    as_of = run_days(context)[1]
    receipts = current_receipts(estate.home.root)
    # What daily models read of the configuration: a change judges all days anew.
    settings = [f"{name}={getattr(estate, name)}" for name in ("default_threshold_ratio", "warning_ratio")]
    plan = plan_rebuild(estate.home, as_of, estate.code_version, receipts, settings)
    return plan, version_of(estate.name, as_of, estate.code_version, estate.config_hash, receipts), receipts


def landing_schema_asset(
    upstream: Mapping[str, list[dg.AssetKey]],
) -> dg.AssetsDefinition:
    """The `landing` schema as one asset of many tables; `upstream` gives the source assets behind each table."""
    everything = [key for keys in upstream.values() for key in keys]
    specs = [
        dg.AssetSpec(
            [LANDING, table],
            deps=upstream.get(table, []) if table in contracts() else everything,
            group_name=LANDING,
            owners=[OWNER],
            kinds={"duckdb"},
            description=_description(table),
            skippable=True,
        )
        for table in [*contracts(), *RUN_TABLES]
    ]

    @dg.multi_asset(
        name="landing_schema",
        specs=specs,
        pool=POOL,
    )
    def landing_schema(context: dg.AssetExecutionContext, estate: Estate) -> Iterator[dg.MaterializeResult]:
        home = estate.home
        plan, version, receipts = rebuild_of(estate, context)
        if served_version(home) == version:
            context.log.info(f"Nothing new: {version} is already served.")
            return
        as_of = run_days(context)[1]
        current = {r.receipt_id for r in receipts}
        superseded = [r for r in all_receipts(home.root) if r.receipt_id not in current]
        dated = [f.date for r in receipts for f in r.landed if f.date is not None]
        window = RunWindow(
            as_of=as_of,
            demand_window_days=estate.demand_window_days,
            horizon_days=estate.horizon_days,
            history_start=min([as_of, *dated]),
            default_threshold_ratio=estate.default_threshold_ratio,
            default_lead_time_days=estate.default_lead_time_days,
            warning_ratio=estate.warning_ratio,
            forecast_seed=estate.forecast_seed,
        )
        with open_warehouse(home.warehouse) as connection:
            load_landing(connection, home, receipts, superseded, window, plan.days, plan.builds)
        rows = {table: sum(r.rows_landed for r in receipts if r.table == table) for table in contracts()}
        context.log.info(f"{len(plan.days)} days to rebuild for version {version}")
        for spec in specs:
            table = spec.key.path[-1]
            metadata = {"dagster/row_count": rows[table]} if table in rows else {"days": len(plan.days)}
            yield dg.MaterializeResult(asset_key=spec.key, metadata=metadata)

    return landing_schema


def dbt_models(project: DbtProject, stage: str) -> dg.AssetsDefinition:
    """The dbt models of one stage (`FIRST_STAGE` or one of `STAGES`), with their tests as asset checks."""
    tag = STAGES.get(stage)

    @dbt_assets(
        manifest=project.manifest_path,
        project=project,
        name=stage,
        dagster_dbt_translator=UllageTranslator(),
        pool=POOL,
        select=tag or "fqn:*",
        exclude=None if tag else " ".join(STAGES.values()),
    )
    def models(context: dg.AssetExecutionContext, estate: Estate) -> Iterator[Any]:
        plan, _, _ = rebuild_of(estate, context)
        arguments = ["--exclude-resource-type", "unit_test", *_selection(context, tag)]
        arguments += ["--full-refresh"] if plan.full_refresh else []
        target = estate.home.root / "dbt" / stage
        results = build(Path(project.project_dir), estate.home.warehouse, target, arguments)
        outcomes = check_results(results)
        write_results(estate.home.checks(run_days(context)[1]), stage, outcomes)
        failed = [outcome for outcome in outcomes if not outcome.passed]
        context.log.info(f"{len(outcomes)} tests, {len(failed)} failed")
        yield from _events(context, results)
        blocked = [
            f"{outcome.table}: {outcome.name}: {outcome.message}" for outcome in failed if outcome.blocking
        ]
        if blocked:
            raise dg.Failure("; ".join(blocked), allow_retries=False)

    return models


def _selection(context: dg.AssetExecutionContext, tag: str | None) -> list[str]:
    """dbt's selection of one stage's models, or of the models that a run was asked for."""
    if context.is_subset:
        return ["--select", *sorted(key.path[-1] for key in context.selected_asset_keys)]
    return ["--select", tag] if tag else ["--exclude", *STAGES.values()]


def _events(
    context: dg.AssetExecutionContext, results: Sequence[NodeResult]
) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
    """What Dagster records: models that were built, and every test as the asset check that stands for it."""
    checks = {key.name: key for key in context.selected_asset_check_keys}
    for result in results:
        name = result.node["name"]
        if result.node["resource_type"] == "test":
            if name in checks:
                yield dg.AssetCheckResult(
                    asset_key=checks[name].asset_key,
                    check_name=name,
                    passed=result.status == "pass",
                    severity=dg.AssetCheckSeverity.WARN
                    if result.status == "warn"
                    else dg.AssetCheckSeverity.ERROR,
                    metadata={"rows_failed": result.failures},
                )
        elif result.status == "success" and dg.AssetKey(name) in context.selected_asset_keys:
            yield dg.MaterializeResult(asset_key=name, metadata={"seconds": round(result.seconds, 3)})


def check_results(results: Sequence[NodeResult]) -> list[CheckResult]:
    """Outcomes of the dbt tests of one build, and every model that failed or was skipped, as check results."""
    outcomes = []
    for result in results:
        node = result.node
        if node["resource_type"] == "test":
            attached = node.get("attached_node") or next(iter(node["depends_on"]["nodes"]), "")
            blocking = node["config"]["severity"].lower() == "error"
            passed = result.status == "pass"
            outcomes.append(
                CheckResult(
                    name=node["name"],
                    table=attached.rsplit(".", 1)[-1],
                    stage="dbt",
                    passed=passed,
                    severity="error" if blocking else "warn",
                    blocking=blocking,
                    rows_failed=result.failures,
                    message="" if passed else (node.get("description") or result.message or result.status),
                )
            )
        elif result.status in {"error", "skipped"}:
            outcomes.append(
                CheckResult(
                    name="model_built",
                    table=node["name"],
                    stage="dbt",
                    passed=False,
                    blocking=True,
                    message=f"{result.status}: {result.message or 'an upstream model or test failed'}",
                )
            )
    return outcomes


def _description(table: str) -> str:
    if table in contracts():
        return contracts()[table].description
    return {
        "run_window": "One row: the run's as-of day and settings. Models read it instead of a clock.",
        "run_days": "The days that this run rebuilds.",
        "run_incidents": "The incidents that this run rebuilds, unless it rebuilds all.",
        "run_service_requests": "The service requests that this run rebuilds, unless it rebuilds all.",
        "receipts": "Every receipt: what was extracted when, and rows received = landed + quarantined.",
        "sample_parts": "Metric, unit, kind, day and receipt of the samples that the run reads, one row a combination.",
        "unit_conversions": "Factor and offset from each unit as delivered to the unit of the measurement plan.",
    }[table]
