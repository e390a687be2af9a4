"""What the simulation writes is what landing accepts: nothing but the rows spoilt on purpose is quarantined."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from assets.connectors.base import Window
from assets.connectors.control import ControlConnector, ControlSource
from assets.connectors.files import FilesConnector, FilesSource
from assets.landing.contracts import contract
from assets.landing.land import land
from assets.landing.plan import MeasurementPlan
from assets.landing.store import Store
from assets.landing.summary import LandingSummary
from assets.simulation.control_records import measurement_plan
from tests.simulation.conftest import Written

CONFIG = Path(__file__).resolve().parents[2] / "examples/demo/ullage.yaml"


def _plan() -> MeasurementPlan:
    frame = measurement_plan().astype(object)
    rows = frame.where(frame.notna(), None).to_dict("records")
    return MeasurementPlan.from_rows({str(k): v for k, v in row.items()} for row in rows)


@pytest.fixture(scope="module")
def landed(small: Written, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[LandingSummary]]:
    """Every table of the small estate, landed as the demo's configuration says."""
    raw = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
    store = Store(tmp_path_factory.mktemp("landed"))
    found: dict[str, list[LandingSummary]] = {}
    for source in raw["sources"]:
        text = yaml.safe_load(yaml.safe_dump(source).replace(raw["home"], str(small.home)))
        connector = (
            ControlConnector(ControlSource(**text), CONFIG.parent)
            if text["type"] == "control"
            else FilesConnector(FilesSource(**text), CONFIG.parent)
        )
        for table in connector.tables():
            window = Window(small.settings.start_date, small.settings.end_date)
            batches = connector.batches(
                table, window, store.is_landed(connector.name, contract(table), _plan())
            )
            summary = land(
                batches,
                contract(table),
                store,
                source=connector.name,
                plan=_plan(),
                extracted_at=datetime(2026, 7, 1, tzinfo=UTC),
                code_version="test",
                config_hash="test",
                max_quarantined_ratio=0.01,
            )
            if summary.rows_received:
                found.setdefault(table, []).append(summary)
    return found


def test_every_table_is_configured_and_received_whole(
    small: Written, landed: dict[str, list[LandingSummary]]
) -> None:
    received = {table: sum(s.rows_received for s in summaries) for table, summaries in landed.items()}
    assert received == small.truth.facts["rows"]


def test_only_rows_spoilt_on_purpose_are_quarantined(
    small: Written, landed: dict[str, list[LandingSummary]]
) -> None:
    spoilt = {table: sum(reasons.values()) for table, reasons in small.truth.dirty_rows.items()}
    quarantined = {table: sum(s.rows_quarantined for s in summaries) for table, summaries in landed.items()}
    assert {table: rows for table, rows in quarantined.items() if rows} == spoilt


def test_no_file_is_rejected_and_only_the_spoilt_value_is_warned_of(
    landed: dict[str, list[LandingSummary]],
) -> None:
    all_summaries = [summary for summaries in landed.values() for summary in summaries]
    assert [s.rejections for s in all_summaries if s.rejections] == []
    warnings = [text for summary in all_summaries for text in summary.warnings]
    assert len(warnings) == 1
    assert "the sum of 'value' was not compared" in warnings[0]
