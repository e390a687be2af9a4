"""The assets that extract: what each event tells a data engineer, and how a failing source is retried."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from assets.clock import Clock
from assets.connectors.sql import SqlConnector
from assets.estate import Estate
from assets.landing.assets import RETRIES, source_assets
from assets.landing.receipts import current_receipts
from tests.connectors.test_sql import CHANGES, DAY, SECRET, source


def resources(home: Path) -> dict[str, object]:
    estate = Estate(
        name="Test",
        home_path=str(home),
        config_hash="test",
        code_version="test",
        max_quarantined_ratio=0.05,
        demand_window_days=28,
        default_threshold_ratio=0.8,
        default_lead_time_days=30,
        warning_ratio=0.9,
        horizon_days=90,
        history_days=730,
        forecast_seed=1,
        keep_versions=1,
    )
    return {"estate": estate, "clock": Clock(frozen_at="2026-04-01T00:00:00+00:00")}


def test_each_event_says_where_rows_come_from_and_which_receipts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The place as the receipts have it, without the address' secrets; pages and retries; the check beside it."""
    import sqlite3

    with sqlite3.connect(tmp_path / f"{SECRET}.db") as database:
        database.execute("create table c (change_id text, updated_at timestamp, state text)")
        database.execute("insert into c values ('c1', '2026-03-28 12:00:00', 'closed')")
    monkeypatch.setenv("DESK_URL", f"sqlite:///{tmp_path / SECRET}.db")
    config = source(changes={**CHANGES, "table": "c"}).model_copy(
        update={"freshness": {"default": timedelta(hours=26)}}
    )
    home = tmp_path / "home"
    (asset,) = source_assets([SqlConnector(config, spool=home / "spool")], None, {"desk": config})
    done = dg.materialize([asset], resources=resources(home), tags={"dagster/partition": DAY.isoformat()})
    (event,) = done.asset_materializations_for_node(asset.op.name)
    told = {name: value.value for name, value in event.metadata.items()}
    written = [receipt.receipt_id for receipt in current_receipts(home, "desk", "changes")]
    assert told["read_from"] == "sqlite:DESK_URL/c"
    assert told["receipts"] == written
    (file,) = (home / str(told["receipts_folder"])).glob("*.json")
    assert f"desk.changes.{file.stem}" == written[0]
    assert (told["rows_landed"], told["source_rows"], told["source_retries"]) == (1, 1, 0)
    assert SECRET not in repr(told)
    (evaluation,) = done.get_asset_check_evaluations()
    assert evaluation.passed


def test_each_asset_has_group_owner_policy_and_retries(tmp_path: Path) -> None:
    config = source(incidents={"table": "i", "updated_column": "updated_at"}, teams={"table": "t"})
    days = dg.DailyPartitionsDefinition(datetime(2026, 1, 1, tzinfo=UTC))
    assets = source_assets([SqlConnector(config)], days, {"desk": config})
    for asset in assets:
        (spec,) = asset.specs
        assert (spec.group_name, spec.owners) == ("desk", ["team:data-engineering"])
        assert asset.op.retry_policy == RETRIES
        assert (spec.partitions_def is not None) == (spec.key.path[-1] == "incidents")
