"""Receipts: the same input lands once, a corrected one supersedes, a crash leaves nothing half done."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assets.connectors.base import Batch, RejectedInput, frame_digest
from assets.landing.contracts import contract
from assets.landing.declaration import Declaration
from assets.landing.land import land
from assets.landing.plan import MeasurementPlan
from assets.landing.receipts import ConservationError, Receipt, StoreError
from assets.landing.store import Store, file_sha256, slug
from tests.landing.estate import EXTRACTED_AT, HEADER, PLAN, ROW, Estate, check, naive


@pytest.fixture
def estate(tmp_path: Path) -> Estate:
    return Estate(tmp_path)


def files_below(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_same_file_again_lands_nothing_and_changes_nothing(estate: Estate) -> None:
    """Idempotence: a second run takes no time and leaves every byte as it was."""
    estate.good()
    estate.land()
    before = files_below(estate.home)
    again = estate.land(extracted_at=EXTRACTED_AT + timedelta(days=1))
    assert (again.batches_written, again.batches_skipped, again.rows_landed) == (0, 1, 3)
    assert files_below(estate.home) == before


def test_the_same_input_lands_as_the_same_bytes(tmp_path: Path) -> None:
    """Same inputs, same code, same bytes: an auditor can replay a landing."""
    landed = []
    for name in ("one", "two"):
        estate = Estate(tmp_path / name)
        estate.good()
        estate.land()
        landed.append(files_below(estate.home))
    assert landed[0] == landed[1]


def test_a_corrected_file_supersedes_the_old_one_whole(estate: Estate) -> None:
    """Rows that the correction drops are gone; the old version stays for the audit."""
    estate.good(hours=3)
    estate.land()
    old = estate.landed()
    estate.good(hours=2)
    estate.land()
    first, second = estate.versions()
    assert (second.version, second.supersedes) == (2, first.receipt_id)
    assert [receipt.version for receipt in estate.receipts()] == [2]
    assert (len(old), len(estate.landed())) == (3, 2)
    assert (estate.home / first.landed[0].path).exists()


def test_a_changed_sidecar_lands_the_file_again(estate: Estate) -> None:
    """Read by another zone, the same bytes are other data."""
    estate.csv("local.csv", HEADER + "h,system.cpu.utilization,2026-06-30T10:00:00,0.5\n", 1)
    estate.land()
    estate.sidecar("local.csv", 1, zone="Europe/Berlin")
    estate.land()
    assert [item["observed_at"].hour for item in estate.landed()] == [8]
    assert estate.receipts()[0].version == 2


def test_a_changed_plan_checks_only_batches_of_its_metrics_again(estate: Estate) -> None:
    """A new range for one metric must not land years of others again."""
    estate.good()
    body = HEADER + "h,system.memory.usage,2026-06-30T10:00:00Z,5\n"
    estate.csv("memory.csv", body, 1, unit="By")
    estate.land()
    rows = {
        "metric": "system.memory.usage",
        "unit": "By",
        "valid_from": date(2020, 1, 1),
        "maximum_value": 4.0,
    }
    plan = MeasurementPlan((*PLAN.rules, *MeasurementPlan.from_rows([rows]).rules))
    summary = estate.land(plan=plan)
    assert [receipt_id.split(".")[-1] for receipt_id in summary.receipts_written] == ["v0002"]
    assert [item["field"] for item in estate.quarantined()] == ["value"]


def test_a_crash_before_the_receipt_leaves_nothing_current(
    estate: Estate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files without a receipt do not exist for anyone, and the next run lands them under the same names."""
    estate.good()

    def die(self: Store, receipt: Receipt) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(Store, "write_receipt", die)
        with pytest.raises(KeyboardInterrupt):
            estate.land()
    orphans = sorted(path.name for path in estate.home.rglob("*.parquet"))
    assert orphans
    assert estate.landed() == []
    estate.land()
    assert len(estate.landed()) == 3
    assert sorted(path.name for path in estate.home.rglob("*.parquet")) == orphans
    assert not list(estate.home.rglob(".writing-*"))


def test_a_crash_while_writing_leaves_no_file(estate: Estate, monkeypatch: pytest.MonkeyPatch) -> None:
    """A half-written file never has a final name."""
    estate.good()

    def die(self: pq.ParquetWriter, table: pa.Table) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(pq.ParquetWriter, "write_table", die)
        with pytest.raises(OSError, match="No space"):
            estate.land()
    assert [path for path in estate.home.rglob("*") if path.is_file()] == []


def test_a_refused_correction_leaves_the_last_good_version(estate: Estate) -> None:
    """A broken delivery today must not take away yesterday's data."""
    path = estate.good()
    estate.land()
    path.write_bytes(b"")
    summary = estate.land()
    assert len(summary.rejections) == 1
    assert len(estate.landed()) == 3
    path.write_text(HEADER + ROW.format(hour=1))
    estate.sidecar("good.csv", 1)
    assert estate.land().rejections == ()
    assert len(estate.landed()) == 1


def test_refusing_the_same_file_again_keeps_one_copy(estate: Estate) -> None:
    (estate.drop / "bad.csv").write_text("x\n")
    estate.land()
    before = files_below(estate.home)
    estate.land(extracted_at=EXTRACTED_AT + timedelta(days=1))
    assert files_below(estate.home) == before


def test_excluded_rows_are_counted_and_do_not_block(estate: Estate) -> None:
    """Rows that the owner knows about are kept with their reason and held against nobody."""
    body = HEADER + ROW.format(hour=1) + ROW.format(hour=2).replace("host-1", "test-host")
    exclude = [{"column": "ci_id", "equals": "test-host", "reason": "the test rack is no service"}]
    estate.csv("mixed.csv", body, 2, exclude=exclude)
    summary = estate.land(max_quarantined_ratio=0.0)
    assert (summary.rows_quarantined, summary.rows_excluded, summary.rows_landed) == (1, 1, 1)
    assert check(summary, "quarantined_rows_are_few").passed
    assert "is excluded: the test rack is no service" in estate.quarantined()[0]["reason"]


def test_rows_land_by_utc_day(estate: Estate) -> None:
    """A local evening belongs to the next UTC day in New York, and each day has its own file."""
    times = ["2026-06-29T21:00:00", "2026-06-29T19:00:00", "2026-06-29T22:00:00"]
    body = HEADER + "".join(f"h,system.cpu.utilization,{time},0.5\n" for time in times)
    estate.csv("ny.csv", body, 3, zone="America/New_York")
    estate.land()
    (receipt,) = estate.receipts()
    assert [(file.date, file.rows) for file in receipt.landed] == [
        (date(2026, 6, 29), 1),
        (date(2026, 6, 30), 2),
    ]
    for file in receipt.landed:
        assert f"/date={file.date}/" in file.path
        assert file_sha256(estate.home / file.path) == file.sha256
        assert pq.read_schema(estate.home / file.path).equals(contract("metric_samples").arrow_schema)


def test_the_receipt_says_what_was_read_and_when(estate: Estate) -> None:
    """The evidence of an extraction: input, hash, totals, checks, code and configuration."""
    estate.csv("f.csv", HEADER + ROW.format(hour=1), 1, control_totals={"rows": 1, "sums": {"value": 0.5}})
    estate.land()
    (receipt,) = estate.receipts()
    assert receipt.input.path == "drop/f.csv"
    assert receipt.input.sha256 == file_sha256(estate.drop / "f.csv")
    assert receipt.extracted_at == EXTRACTED_AT
    assert receipt.control_totals == {
        "declared": {"rows": 1, "sums": {"value": 0.5}},
        "received": {"rows": 1, "sums": {"value": 0.5}},
        "landed": {"rows": 1, "sums": {"value": 0.5}},
    }
    assert {"key_is_unique", "value_is_number", "observed_at_is_not_future"} <= {
        item.name for item in receipt.check_results
    }


def test_landing_without_a_zone_on_the_clock_is_refused(estate: Estate) -> None:
    with pytest.raises(ValueError, match="extracted_at has no zone"):
        estate.land(extracted_at=naive(2026, 7, 1))


def query_batch(batch_id: str, frame: pa.Table, query: str = "select 1") -> Batch:
    declaration = Declaration(table="metric_samples", zone="UTC", unit="1", kind="gauge", interval_seconds=60)
    return Batch("db", "metric_samples", batch_id, frame, declaration, "db", frame_digest(frame), 0, query)


def land_batches(home: Path, batches: list[Batch | RejectedInput]) -> list[str]:
    summary = land(
        batches,
        contract("metric_samples"),
        Store(home),
        source="db",
        plan=None,
        extracted_at=EXTRACTED_AT,
        code_version="test",
        config_hash="test",
        max_quarantined_ratio=1.0,
    )
    return list(summary.rejections)


def sample_frame(value: float) -> pa.Table:
    at = datetime(2026, 6, 30, 1, tzinfo=UTC)
    return pa.table({"ci_id": ["h"], "metric": ["m"], "observed_at": [at], "value": [value]})


def test_batch_ids_cannot_leave_the_store(tmp_path: Path) -> None:
    """Names from outside become folder and file names: none may climb."""
    hostile = ["../../etc/passwd", "a/b", "a-b", "..", "", "x" * 500, "α\n\x00"]
    land_batches(tmp_path / "home", [query_batch(name, sample_frame(0.5)) for name in hostile])
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert all(path.is_relative_to(tmp_path / "home") for path in written)
    assert len({slug(name) for name in hostile}) == len(hostile)
    store = Store(tmp_path / "home")
    assert set(store.current("db", "metric_samples")) == set(hostile)
    with pytest.raises(StoreError, match="cannot name a folder"):
        rows = sample_frame(1.0)
        store.write_landed("../db", "metric_samples", "b", None, [rows], rows.schema)


def test_secrets_in_addresses_reach_no_file(tmp_path: Path) -> None:
    """A query or a message may carry a database address with its password."""
    secret = "postgresql://reader:hunter2@db/prod"
    refused = RejectedInput("db", "metric_samples", "b2", secret, f"{secret} is down", "start it")
    lines = land_batches(tmp_path, [query_batch("b1", sample_frame(0.5), f"-- {secret}\nselect 1"), refused])
    everything = b"".join(files_below(tmp_path).values()) + "".join(lines).encode()
    assert b"hunter2" not in everything
    assert b"***@db/prod" in everything


def test_two_versions_of_a_batch_in_one_run_both_leave_receipts(tmp_path: Path) -> None:
    """A source that lists an object twice: the later content wins, neither is lost."""
    land_batches(tmp_path, [query_batch("b", sample_frame(0.1)), query_batch("b", sample_frame(0.2))])
    current = Store(tmp_path).current("db", "metric_samples")["b"]
    assert current.version == 2
    assert pq.read_table(tmp_path / current.landed[0].path)["value"].to_pylist() == [0.2]


def test_a_receipt_that_loses_a_row_is_never_written(tmp_path: Path) -> None:
    """The conservation law is asserted where it counts: before a receipt makes files current."""
    land_batches(tmp_path, [query_batch("b", sample_frame(0.1))])
    store = Store(tmp_path)
    receipt = store.current("db", "metric_samples")["b"]
    lossy = receipt.model_copy(update={"rows_received": 2, "version": 2})
    with pytest.raises(ConservationError, match="received 2 rows, but landed 1 and quarantined 0"):
        store.write_receipt(lossy)
    unfiled = receipt.model_copy(update={"landed": (), "version": 2})
    with pytest.raises(ConservationError, match="files hold 0 landed"):
        store.write_receipt(unfiled)


def test_a_receipt_is_never_overwritten(tmp_path: Path) -> None:
    """Two runs at once: the second is told, and the first's receipt stays."""
    land_batches(tmp_path, [query_batch("b", sample_frame(0.1))])
    store = Store(tmp_path)
    receipt = store.current("db", "metric_samples")["b"]
    before = files_below(tmp_path)
    with pytest.raises(StoreError, match="exists already"):
        store.write_receipt(receipt)
    assert files_below(tmp_path) == before


def test_a_damaged_receipt_is_named(tmp_path: Path) -> None:
    land_batches(tmp_path, [query_batch("b", sample_frame(0.1))])
    (path,) = tmp_path.rglob("*.v0001.json")
    path.write_text(json.dumps({**json.loads(path.read_text()), "rows_landed": "many"}))
    with pytest.raises(StoreError, match=r"v0001.json: not a receipt.*rows_landed"):
        Store(tmp_path).current("db", "metric_samples")


def test_a_refused_query_keeps_its_rows(tmp_path: Path) -> None:
    """An input that is no file is kept as Parquet."""
    frame = sample_frame(0.5).drop_columns(["value"])
    (line,) = land_batches(tmp_path, [query_batch("b", frame)])
    assert "required field 'value'" in line
    (kept,) = tmp_path.rglob("*.parquet")
    assert pq.read_table(kept).num_rows == 1


cell = st.one_of(
    st.sampled_from(
        [
            "h1",
            "h2",
            "system.cpu.utilization",
            "2026-06-30T10:00:00Z",
            "2026-06-30 10:00",
            "0.5",
            "-1",
            "NaN",
            "inf",
        ]
    ),
    st.sampled_from(["", "1e999", "99999999999999999999", "2026-02-30", "0001-01-01", '"', "\x00", "'", "é"]),
    st.text(max_size=8),
    st.floats().map(str),
)
garbage = st.lists(st.lists(cell, min_size=1, max_size=6), max_size=12)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=garbage, junk=st.binary(max_size=6))
def test_whatever_arrives_is_landed_or_quarantined_or_refused_whole(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]], junk: bytes
) -> None:
    """The conservation law over random garbage: every record of a file is in exactly one place."""
    estate = Estate(tmp_path_factory.mktemp("garbage"))
    lines = [
        ",".join(text.replace(",", ";").replace("\n", " ").replace("\r", " ") for text in row) for row in rows
    ]
    body = HEADER.encode() + "\n".join(lines).encode("utf-8", "replace") + junk
    estate.csv("garbage.csv", body, len([line for line in lines if line]))
    summary = estate.land(max_quarantined_ratio=1.0)
    assert summary.is_conserved
    assert summary.batches_current + len(summary.rejections) == 1
    landed, quarantined = estate.landed(), estate.quarantined()
    assert (len(landed), len(quarantined)) == (summary.rows_landed, summary.rows_quarantined)
    numbers = sorted(item["source_row"] for item in [*landed, *quarantined])
    assert numbers == list(range(1, summary.rows_received + 1))
    assert all(item["reason"] and item["fix"] for item in quarantined)
