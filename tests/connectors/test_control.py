"""Control records: a folder of CSV files that people keep."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml

from assets.connectors.base import Batch, RejectedInput, Window
from assets.connectors.control import CONTROL_TABLES, ControlConnector, ControlSource
from assets.landing.contracts import contract
from assets.landing.land import land
from assets.landing.store import Store
from assets.landing.summary import LandingSummary
from tests.connectors.landing import land_all, landed_rows
from tests.landing.estate import naive

WINDOW = Window(date(2026, 6, 30), date(2026, 6, 30))
TARGETS = (
    "target_id,measure,comparator,target_value,valid_from,valid_to,approved_by,approved_at\n"
    "t1,utilisation_ratio,<=,0.8,2026-01-01,,CIO,2026-01-01T09:00:00+01:00\n"
    "t2,utilisation,<=,0.8,2026-01-01,,CIO,2026-01-01\n"
)


def batches(folder: Path, table: str) -> list[Batch | RejectedInput]:
    connector = ControlConnector(ControlSource(path="control"), folder)
    return list(connector.batches(table, WINDOW, lambda *_: False))


def test_records_need_no_sidecar_and_are_checked_like_any_input(tmp_path: Path) -> None:
    """The contract declares control records; a target with an unknown measure does not land."""
    (tmp_path / "control").mkdir()
    (tmp_path / "control" / "targets.csv").write_text(TARGETS)
    summary = land(
        batches(tmp_path, "targets"),
        contract("targets"),
        Store(tmp_path / "home"),
        source="control",
        plan=None,
        extracted_at=datetime(2026, 7, 1, tzinfo=UTC),
        code_version="test",
        config_hash="test",
        max_quarantined_ratio=1.0,
    )
    assert (summary.rows_landed, summary.rows_quarantined) == (1, 1)
    (landed,) = (tmp_path / "home" / "landing" / "control" / "targets" / "snapshot").glob("*.parquet")
    (row,) = pq.read_table(landed).to_pylist()
    assert row["approved_at"] == naive(2026, 1, 1, 8)
    (kept,) = (tmp_path / "home" / "quarantine" / "control" / "targets").glob("*.parquet")
    (bad,) = pq.read_table(kept).to_pylist()
    assert bad["reason"] == "control/targets.csv, row 2, field measure: 'utilisation' is not allowed"
    assert "utilisation_ratio" in bad["fix"]


def test_a_table_without_a_file_has_no_records(tmp_path: Path) -> None:
    (tmp_path / "control").mkdir()
    assert [item for table in CONTROL_TABLES for item in batches(tmp_path, table)] == []


def test_what_is_removed_holds_no_longer(tmp_path: Path) -> None:
    """Of a file, or of records in the configuration, a version without rows supersedes; a folder may be away."""
    folder, home = tmp_path / "control", tmp_path / "home"
    folder.mkdir()
    (folder / "targets.csv").write_text(TARGETS)
    kept = {"path": "control", "records": {"holidays": [
        {"calendar_id": "office", "holiday_date": date(2026, 12, 25), "holiday_name": "Christmas Day"}
    ]}}  # fmt: skip

    def run(config: dict[str, object], hour: int) -> list[LandingSummary]:
        source = ControlSource.model_validate({"type": "control", **config})
        return land_all(ControlConnector(source, tmp_path, home=home), home, WINDOW, hour)

    run(kept, 6)
    landed = lambda: [len(landed_rows(home, "control", name)) for name in ("targets", "holidays")]  # noqa: E731
    assert landed() == [1, 1]
    folder.rename(tmp_path / "away")
    run(kept, 7)
    assert landed() == [1, 1]
    (tmp_path / "away").rename(folder)
    (folder / "targets.csv").unlink()
    summaries = run({"path": "control"}, 8)
    assert landed() == [0, 0]
    assert [text for one in summaries for text in one.warnings] == [
        "configuration/holidays: was removed; its 1 records no longer hold",
        "control/targets.csv: was removed; its 2 records no longer hold",
    ]
    assert sum(one.batches_written for one in run({"path": "control"}, 9)) == 0
    (folder / "targets.csv").write_text(TARGETS)
    run(kept, 10)
    assert landed() == [1, 1]


def test_a_missing_folder_is_told_once(tmp_path: Path) -> None:
    items = [item for table in CONTROL_TABLES for item in batches(tmp_path, table)]
    assert [item.message for item in items if isinstance(item, RejectedInput)] == [
        "control: no such folder; fix: create it, or correct the path of the control records"
    ]


def test_a_misspelt_file_is_not_ignored(tmp_path: Path) -> None:
    """`service.csv` beside an empty estate would be a riddle."""
    (tmp_path / "control").mkdir()
    (tmp_path / "control" / "service.csv").write_text("service_id\n")
    (tmp_path / "control" / "incidents.csv").write_text("incident_id\n")
    items = [item for table in CONTROL_TABLES for item in batches(tmp_path, table)]
    assert [item.message for item in items if isinstance(item, RejectedInput)] == [
        "control/incidents.csv: not a table of control records; "
        "fix: deliver it by a source of type files, with a sidecar",
        "control/service.csv: not a table of control records; fix: rename it to services.csv",
    ]


def test_an_empty_control_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "control").mkdir()
    (tmp_path / "control" / "teams.csv").write_text("")
    (item,) = batches(tmp_path, "teams")
    assert isinstance(item, RejectedInput)
    assert "the file is empty" in item.message


def test_records_may_stand_in_the_configuration_file(tmp_path: Path) -> None:
    """Calendars in ullage.yaml land like any record; YAML's base-60 reading of an unquoted 17:30 is undone."""
    (tmp_path / "control").mkdir()
    hours = "weekday: 1, opens: 08:00, closes: 17:30, valid_from: 2026-01-01"
    records = yaml.safe_load(f"calendars: [{{calendar_id: office, zone: Europe/Berlin, {hours}}}]")
    assert records["calendars"][0]["closes"] == 1050
    connector = ControlConnector(ControlSource(path="control", records=records), tmp_path)
    summary = land(
        connector.batches("calendars", WINDOW, lambda *_: False),
        contract("calendars"),
        Store(tmp_path / "home"),
        source="control",
        plan=None,
        extracted_at=datetime(2026, 7, 1, tzinfo=UTC),
        code_version="test",
        config_hash="test",
        max_quarantined_ratio=0.0,
    )
    assert (summary.rows_landed, summary.rows_quarantined) == (1, 0)
    (landed,) = (tmp_path / "home" / "landing" / "control" / "calendars" / "snapshot").glob("*.parquet")
    (row,) = pq.read_table(landed).to_pylist()
    assert (row["opens"], row["closes"], row["valid_from"]) == ("08:00", "17:30", date(2026, 1, 1))
    assert row["source_file"] == "configuration/calendars"


def test_a_record_with_an_unknown_field_is_a_mistake_of_the_configuration() -> None:
    with pytest.raises(ValueError, match=r"calendars\.0\.zon: no such field; fix: did you mean zone\?"):
        ControlSource(path="control", records={"calendars": [{"zon": "UTC"}]})


def test_a_record_of_an_unknown_table_is_a_mistake_of_the_configuration() -> None:
    with pytest.raises(ValueError, match=r"metric_samples: no control table; fix: use one of services"):
        ControlSource(path="control", records={"metric_samples": [{"ci_id": "a"}]})
