"""One Dagster asset a source table: extract what is new, check it, land it."""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg
import pyarrow.parquet as pq

from assets.clock import Clock
from assets.connectors.base import Connector, Window
from assets.connectors.census import TOMBSTONES
from assets.connectors.freshness import Freshness
from assets.connectors.traffic import CountingConnector
from assets.estate import Estate, run_days
from assets.home import Home
from assets.landing.contracts import contract
from assets.landing.land import land
from assets.landing.plan import MeasurementPlan
from assets.landing.receipts import current_receipts
from assets.landing.store import Store
from assets.landing.summary import LandingSummary
from checks.record import write_results

PLAN = "measurement_plan"
PLANNED = ("metric_samples", "metric_histograms")
CHECK = "landed_as_declared"
#: Places and receipts that one event repeats at most.
SHOWN = 100
RETRIES = dg.RetryPolicy(max_retries=2, delay=5, backoff=dg.Backoff.EXPONENTIAL)


def source_assets(
    connectors: Sequence[Connector],
    partitions: dg.PartitionsDefinition[str] | None,
    freshness: Mapping[str, Freshness] | None = None,
) -> list[dg.AssetsDefinition]:
    """An asset `<source>/<table>` for every table of every source, by day where its rows are dated.

    `freshness` says by source how old the last extraction may become (`freshness:` of its configuration).

    Metrics wait for the measurement plan, tombstones for the tables of their source, whose censuses they tell.
    """
    tables = [(connector, table) for connector in connectors for table in connector.tables()]
    plans = [dg.AssetKey([connector.name, table]) for connector, table in tables if table == PLAN]
    return [
        _source_asset(
            connector,
            table,
            _upstream(connector, table, plans),
            partitions,
            _policy((freshness or {}).get(connector.name), table),
        )
        for connector, table in tables
    ]


def _policy(freshness: Freshness | None, table: str) -> dg.FreshnessPolicy | None:
    oldest = None if freshness is None else freshness.oldest(table)
    return None if oldest is None else dg.FreshnessPolicy.time_window(fail_window=oldest)


def _upstream(connector: Connector, table: str, plans: list[dg.AssetKey]) -> list[dg.AssetKey]:
    if table == TOMBSTONES:
        return [dg.AssetKey([connector.name, other]) for other in connector.tables() if other != TOMBSTONES]
    return plans if table in PLANNED else []


def landed_plan(home: Home) -> MeasurementPlan:
    """The measurement plan as it has landed, from whichever source delivers it."""
    rows = [
        row
        for receipt in current_receipts(home.root, table=PLAN)
        for file in receipt.landed
        for row in pq.read_table(home.root / file.path).to_pylist()
    ]
    return MeasurementPlan.from_rows(rows)


def _source_asset(
    connector: Connector,
    table: str,
    plans: list[dg.AssetKey],
    partitions: dg.PartitionsDefinition[str] | None,
    policy: dg.FreshnessPolicy | None,
) -> dg.AssetsDefinition:
    key = dg.AssetKey([connector.name, table])
    by_day = partitions if contract(table).is_dated else None

    @dg.asset(
        key=key,
        deps=plans,
        partitions_def=by_day,
        backfill_policy=dg.BackfillPolicy.single_run() if by_day else None,
        group_name=connector.name,
        owners=["team:data-engineering"],
        kinds={"parquet"},
        retry_policy=RETRIES,
        freshness_policy=policy,
        description=f"{contract(table).description.strip()} As extracted from {connector.name}, with receipts.",
        check_specs=[
            dg.AssetCheckSpec(
                CHECK,
                asset=key,
                blocking=True,
                description="Inputs are as declared, rows meet the record contract (Great Expectations), none is lost.",
            )
        ],
    )
    def source_asset(context: dg.AssetExecutionContext, estate: Estate, clock: Clock) -> dg.MaterializeResult:
        first, last = run_days(context)
        store = Store(estate.home.root)
        plan = landed_plan(estate.home) if table in PLANNED else None
        is_landed = store.is_landed(connector.name, contract(table), plan)
        summary = land(
            connector.batches(table, Window(first, last), is_landed),
            contract(table),
            store,
            source=connector.name,
            plan=plan,
            extracted_at=clock.system_time(),
            code_version=estate.code_version,
            config_hash=estate.config_hash,
            max_quarantined_ratio=estate.max_quarantined_ratio,
        )
        write_results(estate.home.checks(last), f"landing.{connector.name}.{table}", summary.checks)
        context.log.info(_line(summary))
        traffic = connector.traffic if isinstance(connector, CountingConnector) else None
        traffic = traffic if traffic is not None and traffic.pages else None
        if traffic is not None:
            context.log.info(f"source {connector.name}: {table}: {traffic.line()}")
        for warning in summary.warnings:
            context.log.warning(warning)
        for outcome in summary.checks:
            if outcome.stops_publishing:
                context.log.error(outcome.message)
        exchanged = {} if traffic is None else {f"source_{k}": v for k, v in traffic.to_dict().items()}
        return dg.MaterializeResult(
            metadata={**_metadata(summary), **exchanged}, check_results=[_check(summary)]
        )

    return source_asset


def _check(summary: LandingSummary) -> dg.AssetCheckResult:
    """All outcomes of the batches as one asset check: an error when one of them must stop publishing."""
    failed = [outcome for outcome in summary.checks if not outcome.passed]
    stopping = any(outcome.stops_publishing for outcome in failed)
    return dg.AssetCheckResult(
        check_name=CHECK,
        passed=not failed,
        severity=dg.AssetCheckSeverity.ERROR if stopping else dg.AssetCheckSeverity.WARN,
        metadata={f"{outcome.name}": outcome.message or "failed" for outcome in failed},
    )


def _line(summary: LandingSummary) -> str:
    """What happened, in one line."""
    done = (
        f"{summary.batches_written} new, {summary.batches_skipped} unchanged"
        if summary.batches_current
        else "no input"
    )
    refused = f", {len(summary.rejections)} refused" if summary.rejections else ""
    return (
        f"{done}{refused}; {summary.rows_received:,} rows = {summary.rows_landed:,} landed "
        f"+ {summary.rows_quarantined:,} quarantined"
    )


def _metadata(summary: LandingSummary) -> dict[str, Any]:
    """Where the rows come from (as on the receipts, without secrets), the receipts of this run, and the counts."""
    places = summary.inputs
    is_one_page = len(places) == 1 and places[0].startswith("https://")
    shown = [*places[:SHOWN], *([f"… {len(places) - SHOWN} more"] if len(places) > SHOWN else [])]
    return {
        "read_from": dg.MetadataValue.url(places[0]) if is_one_page else "\n".join(shown) or "nothing",
        "receipts": dg.MetadataValue.json(list(summary.receipts_written[-SHOWN:])),
        "receipts_written": len(summary.receipts_written),
        "receipts_folder": f"landing/{summary.source}/{summary.table}/receipts",
        "rows_received": summary.rows_received,
        "rows_landed": summary.rows_landed,
        "rows_quarantined": summary.rows_quarantined,
    }
