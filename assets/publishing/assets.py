"""Publishing as Dagster assets: the audited version, and the report that is rendered from it."""

import json
from pathlib import Path
from typing import Any

import dagster as dg

from assets.estate import Estate, run_days
from assets.landing.receipts import Receipt
from assets.publishing.lineage import computed_from
from assets.publishing.publish import AuditError, audit, prune, publish, published_tables
from assets.warehouse.assets import OWNER, POOL, rebuild_of
from assets.warehouse.rebuild import record_built
from checks.record import read_results


def published_version_asset(manifest_path: Path, marts: list[dg.AssetKey]) -> dg.AssetsDefinition:
    """The version that BI and reports read, published only when every blocking check has passed."""

    @dg.asset(
        name="published_version",
        deps=marts,
        group_name="publishing",
        owners=[OWNER],
        kinds={"duckdb", "parquet"},
        pool=POOL,
        description="Audited marts as read-only DuckDB and Parquet under published/current. Consumers: BI, reports.",
    )
    def published_version(context: dg.AssetExecutionContext, estate: Estate) -> dg.MaterializeResult:
        as_of = run_days(context)[1]
        plan, version, receipts = rebuild_of(estate, context)
        outcomes = read_results(estate.home.checks(as_of))
        try:
            audit(outcomes)
        except AuditError as error:
            raise dg.Failure(str(error), allow_retries=False) from error
        facts = {
            "estate": estate.name,
            "code_version": estate.code_version,
            "config_hash": estate.config_hash,
            "checks": [outcome.to_dict() for outcome in outcomes],
            "inputs": inputs_of(receipts),
        }
        tables = published_tables(json.loads(manifest_path.read_text(encoding="utf-8")), computed_from())
        folder = publish(estate.home.warehouse, estate.home.published, version, as_of, tables, facts)
        record_built(estate.home, plan)
        prune(estate.home.published, estate.keep_versions)
        return dg.MaterializeResult(
            metadata={
                "as_of": as_of.isoformat(),
                "version": version,
                "path": dg.MetadataValue.path(str(folder)),
                "tables": len(tables),
            }
        )

    return published_version


def inputs_of(receipts: list[Receipt]) -> list[dict[str, Any]]:
    """For each source table: receipts and rows that the version is made of (received = landed + quarantined)."""
    totals: dict[tuple[str, str], dict[str, Any]] = {}
    for r in receipts:
        row = totals.setdefault(
            (r.source, r.table),
            {
                "source": r.source,
                "table": r.table,
                "receipts": 0,
                "rows_received": 0,
                "rows_landed": 0,
                "rows_quarantined": 0,
            },
        )
        row["receipts"] += 1
        row["rows_received"] += r.rows_received
        row["rows_landed"] += r.rows_landed
        row["rows_quarantined"] += r.rows_quarantined
    return [totals[key] for key in sorted(totals)]
