"""Every kind of bad input: messages name file, row, field and fix; the rest lands; nothing is lost."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tests.landing.estate import EXTRACTED_AT, HEADER, Estate, check, naive

GOOD_ROWS = 3


@pytest.fixture
def estate(tmp_path: Path) -> Estate:
    """An estate in which one good file is always dropped too: it must land whatever else arrives."""
    estate = Estate(tmp_path)
    estate.good(hours=GOOD_ROWS)
    return estate


def one_quarantined_row(estate: Estate, rows: int = 2) -> dict[str, Any]:
    """Land, expect a single row in quarantine and all else landed; gives that row."""
    summary = estate.land()
    assert summary.rejections == ()
    assert summary.is_conserved
    assert (summary.rows_received, summary.rows_quarantined) == (GOOD_ROWS + rows, 1)
    assert len(estate.landed()) == GOOD_ROWS + rows - 1
    (row,) = estate.quarantined()
    assert row["source_file"] == "drop/bad.csv"
    assert row["fix"]
    return row


def one_rejected_file(estate: Estate, name: str = "bad.csv") -> dict[str, Any]:
    """Land, expect one whole file refused and the good one landed; gives the record of the refusal."""
    summary = estate.land()
    (line,) = summary.rejections
    assert line.startswith(f"drop/{name}: ")
    assert "; fix: " in line
    assert len(estate.landed()) == GOOD_ROWS
    accepted = check(summary, "inputs_are_accepted")
    assert (accepted.passed, accepted.severity, accepted.blocking, accepted.rows_failed) == (
        False,
        "error",
        True,
        1,
    )
    (record,) = estate.rejected()
    assert record["input"] == f"drop/{name}"
    assert record["fix"]
    return record


def row(value: str = "0.5", observed_at: str = "2026-06-30T10:00:00Z", ci_id: str = "host-2") -> str:
    return f"{ci_id},system.cpu.utilization,{observed_at},{value}\n"


@pytest.mark.parametrize(
    ("bad", "field", "words"),
    [
        (row("NaN"), "value", "'NaN' is NaN"),
        (row("inf"), "value", "'inf' is infinite"),
        (row("-Infinity"), "value", "'-Infinity' is infinite"),
        (row("n/a"), "value", "'n/a' is not a number"),
        (row("1,5".replace(",", ";")), "value", "'1;5' is not a number"),
        (row(""), "value", "is missing"),
        (row(ci_id=""), "ci_id", "is missing"),
        (row("-0.2"), "value", "'-0.2' (-0.2 in unit 1) is not between 0 and 1"),
        (row("1.2"), "value", "is not between 0 and 1"),
        (row(observed_at="2026-02-30T10:00:00Z"), "observed_at", "does not exist"),
        (row(observed_at="30/06/2026 10:00"), "observed_at", "is not an ISO 8601 timestamp"),
        (row(observed_at="2026-07-01T05:06:00Z"), "observed_at", "is in the future"),
        (row(ci_id="x\x00y"), "ci_id", "NUL"),
        (row(ci_id="x" * 513), "ci_id", "is longer than 512 characters"),
        (row(ci_id="x" * 2**20), "ci_id", "is longer than 512 characters"),
        (row("9" * 2**20), "value", "(1,048,576 characters)"),
    ],
)
def test_a_bad_cell_quarantines_its_row(estate: Estate, bad: str, field: str, words: str) -> None:
    """One bad cell costs one row, and the reason shows where it stands."""
    estate.csv("bad.csv", HEADER + row(ci_id="host-3") + bad, 2)
    found = one_quarantined_row(estate)
    assert found["reason"].startswith(f"drop/bad.csv, row 2, field {field}:")
    assert words in found["reason"]
    assert found["field"] == field
    assert len(found["reason"]) < 400


def test_the_original_text_of_a_quarantined_row_is_kept(estate: Estate) -> None:
    """Nothing is lost: the row can be repaired from quarantine alone, even a megabyte of it."""
    long = "x" * 2**20
    estate.csv("bad.csv", HEADER + row(ci_id="host-3") + row(ci_id=long), 2)
    found = one_quarantined_row(estate)
    assert long in found["original"]
    assert len(found["value"]) < 200


def test_a_duplicate_key_keeps_the_first_row_and_names_it(estate: Estate) -> None:
    """Two rows of one key would count a sample twice."""
    estate.csv("bad.csv", HEADER + row("0.1") + row("0.2"), 2)
    found = one_quarantined_row(estate)
    assert "repeats the key (ci_id, metric, observed_at) of row 1" in found["reason"]
    assert "drop/bad.csv, row 2" in found["reason"]
    assert 0.1 in [item["value"] for item in estate.landed()]


def test_a_bad_first_row_does_not_cost_the_good_second_one(estate: Estate) -> None:
    """Uniqueness is judged among rows that are otherwise good."""
    estate.csv("bad.csv", HEADER + row("NaN") + row("0.2"), 2)
    assert "row 1" in one_quarantined_row(estate)["reason"]


def test_a_timestamp_within_five_minutes_is_clock_skew_not_future(estate: Estate) -> None:
    """Sources' clocks run ahead by minutes."""
    close = (EXTRACTED_AT + timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%SZ")
    estate.csv("skew.csv", HEADER + row(observed_at=close), 1)
    assert estate.land().rows_quarantined == 0


def test_a_ragged_row_is_quarantined_with_its_text(estate: Estate) -> None:
    """A row with a cell too few cannot be assigned to columns."""
    estate.csv("bad.csv", HEADER + row() + "host-9,0.4\n", 2)
    found = one_quarantined_row(estate)
    assert found["reason"] == "drop/bad.csv, row 2: has 2 cells where the header has 4"
    assert "host-9,0.4" in found["original"]


def test_bytes_that_are_no_utf8_quarantine_their_row_only(estate: Estate) -> None:
    """Latin-1 text in a UTF-8 file: the row keeps its bytes, escaped, and other rows land."""
    body = (HEADER + row(ci_id="grün") + row(ci_id="BAD")).encode().replace(b"BAD", b"m\xfcller")
    estate.csv("bad.csv", body, 2)
    found = one_quarantined_row(estate)
    assert "drop/bad.csv, row 2, field ci_id: is not text in the declared encoding" in found["reason"]
    assert "declare the encoding" in found["fix"]
    assert r"m\\xfcller" in found["original"]
    assert "grün" in [item["ci_id"] for item in estate.landed()]


def test_a_declared_encoding_is_read(estate: Estate) -> None:
    """The fix that the message above proposes works."""
    estate.csv("latin.csv", (HEADER + row(ci_id="müller")).encode("latin-1"), 1, encoding="latin-1")
    estate.land()
    assert "müller" in [item["ci_id"] for item in estate.landed()]


def test_local_times_that_exist_twice_or_never_are_quarantined(estate: Estate) -> None:
    """Guessing one of two hours would misplace demand without a trace."""
    body = HEADER + "".join(
        row(observed_at=text, ci_id=f"h{i}")
        for i, text in enumerate(["2025-10-26 02:30:00", "2026-03-29 02:30:00", "2026-03-29 12:00:00"])
    )
    estate.csv("bad.csv", body, 3, zone="Europe/Berlin")
    summary = estate.land()
    assert summary.is_conserved
    reasons = [item["reason"] for item in estate.quarantined()]
    assert "happened twice in Europe/Berlin" in reasons[0]
    assert "never happened in Europe/Berlin" in reasons[1]
    assert naive(2026, 3, 29, 10, 0) in [item["observed_at"] for item in estate.landed()]


def test_a_unit_that_the_plan_cannot_use_quarantines_the_rows(estate: Estate) -> None:
    """Bytes for a metric planned as a ratio would become nonsense headroom."""
    estate.csv("bad.csv", HEADER + row(), 1, unit="By")
    summary = estate.land()
    (found,) = estate.quarantined()
    assert summary.is_conserved
    assert "field unit: 'By' does not convert to 1, the unit in the plan" in found["reason"]


def test_values_are_judged_after_conversion_to_the_plans_unit(estate: Estate) -> None:
    """50 % is 0.5, well within 0 to 1; 150 % is not."""
    estate.csv("bad.csv", HEADER + row("50", ci_id="host-3") + row("150"), 2, unit="%")
    assert "(1.5 in unit 1) is not between 0 and 1" in one_quarantined_row(estate)["reason"]


def test_an_unknown_unit_in_a_cell_quarantines_the_row(estate: Estate) -> None:
    """The unit is data too."""
    head = HEADER.replace("value", "value,unit")
    body = head + row(ci_id="host-3").replace("\n", ",1\n") + row().replace("\n", ",percent\n")
    estate.csv("bad.csv", body, 2, unit=None)
    found = one_quarantined_row(estate)
    assert "field unit: 'percent' is not a UCUM unit" in found["reason"]
    assert found["fix"] == "write %"


def test_a_column_added_is_kept_and_warned_of(estate: Estate) -> None:
    """A new column is information, not a fault."""
    head = HEADER.replace("value", "value,rack")
    estate.csv("bad.csv", head + row().replace("\n", ",r7\n"), 1)
    summary = estate.land()
    assert summary.rows_quarantined == 0
    assert any("drop/bad.csv" in text and "rack" in text and "; fix: " in text for text in summary.warnings)
    assert '{"rack": "r7"}' in [item["extra"] for item in estate.landed()]


def test_a_missing_sidecar_refuses_the_file(estate: Estate) -> None:
    (estate.drop / "bad.csv").write_text(HEADER + row())
    record = one_rejected_file(estate)
    assert "has no sidecar bad.csv.sidecar.yaml" in record["reason"]
    kept = list((estate.home / "quarantine/monitoring/metric_samples/files").glob("*-bad.csv"))
    assert [path.read_text() for path in kept] == [HEADER + row()]


def test_a_wrong_zone_refuses_the_file(estate: Estate) -> None:
    estate.csv("bad.csv", HEADER + row(), 1, zone="Europe/Berln")
    record = one_rejected_file(estate)
    assert "bad.csv.sidecar.yaml: zone: 'Europe/Berln' is not an IANA time zone" in record["reason"]
    assert record["fix"] == "use a name such as Europe/Berlin"


def test_an_unknown_unit_in_the_sidecar_refuses_the_file(estate: Estate) -> None:
    estate.csv("bad.csv", HEADER + row(), 1, unit="bytes")
    record = one_rejected_file(estate)
    assert "unit: 'bytes' is not a UCUM unit" in record["reason"]
    assert record["fix"] == "write By"


def test_an_empty_file_is_refused(estate: Estate) -> None:
    estate.csv("bad.csv", b"", 0)
    assert "the file is empty" in one_rejected_file(estate)["reason"]


def test_a_header_without_rows_lands_as_nothing(estate: Estate) -> None:
    """No rows where none are declared is no fault, and leaves a receipt."""
    estate.csv("none.csv", HEADER, 0)
    summary = estate.land()
    assert summary.rejections == ()
    assert summary.batches_current == 2


def test_half_a_parquet_file_is_refused(estate: Estate) -> None:
    """The writer died, or is still writing."""
    path = estate.parquet("bad.parquet", pa.table({"ci_id": ["h"], "value": [0.5]}))
    path.write_bytes(path.read_bytes()[:-20])
    record = one_rejected_file(estate, "bad.parquet")
    assert "not a whole Parquet file" in record["reason"]
    assert "renamed when complete" in record["fix"]


@pytest.mark.parametrize("body", [b"PAR1", b"\x00" * 4096, b"PAR1" + b"\xff" * 500 + b"PAR1"])
def test_garbage_called_parquet_is_refused(estate: Estate, body: bytes) -> None:
    estate.csv("bad.parquet", body, 1, format="parquet")
    assert "Parquet" in one_rejected_file(estate, "bad.parquet")["reason"]


def test_half_a_gzip_file_is_refused(estate: Estate) -> None:
    import gzip

    estate.csv("bad.csv.gz", gzip.compress((HEADER + row()).encode())[:-9], 1)
    assert "gzip stream is damaged or cut short" in one_rejected_file(estate, "bad.csv.gz")["reason"]


def test_half_a_csv_file_differs_from_its_control_totals(estate: Estate) -> None:
    """A cut CSV file is still a CSV file: only the announced totals tell."""
    estate.csv("bad.csv", HEADER + row(), 2)
    assert "2 rows are declared but 1 arrived" in one_rejected_file(estate)["reason"]


def test_a_quote_that_never_closes_cannot_swallow_rows(estate: Estate) -> None:
    """The parser reads the rest of the file as one cell; the totals notice."""
    estate.csv("bad.csv", HEADER + row(ci_id='"host-9') + row() * 5, 6)
    assert "6 rows are declared" in one_rejected_file(estate)["reason"]


def test_sums_that_differ_refuse_the_file(estate: Estate) -> None:
    """The right number of rows with wrong values."""
    estate.csv("bad.csv", HEADER + row("0.5"), 1, control_totals={"rows": 1, "sums": {"value": 0.75}})
    assert "column 'value' should sum to 0.75 but sums to 0.5" in one_rejected_file(estate)["reason"]


def test_a_column_dropped_refuses_the_file(estate: Estate) -> None:
    head = HEADER.replace(",value", "")
    estate.csv("bad.csv", head + "h,system.cpu.utilization,2026-06-30T10:00:00Z\n", 1)
    record = one_rejected_file(estate)
    assert "required field 'value' of metric_samples has no column" in record["reason"]
    assert "the source has ci_id, metric, observed_at" in record["fix"]


def test_a_declared_column_dropped_refuses_the_file(estate: Estate) -> None:
    estate.csv("bad.csv", HEADER + row(), 1, columns={"value": "usage"})
    assert "column 'usage', declared under columns.value, is missing" in one_rejected_file(estate)["reason"]


def test_a_column_of_another_type_refuses_the_file(estate: Estate) -> None:
    table = pa.table(
        {
            "ci_id": ["h"],
            "metric": ["system.cpu.utilization"],
            "observed_at": [naive(2026, 6, 30, 10)],
            "value": [True],
        }
    )
    estate.parquet("bad.parquet", table)
    record = one_rejected_file(estate, "bad.parquet")
    assert "column 'value' (field value) has type bool, which is no number" in record["reason"]


def test_numbers_delivered_as_text_still_land(estate: Estate) -> None:
    """A retyped column whose values can be read loses nothing."""
    table = pa.table(
        {
            "ci_id": ["h"],
            "metric": ["system.cpu.utilization"],
            "observed_at": ["2026-06-30T10:00:00Z"],
            "value": ["0.25"],
        }
    )
    estate.parquet("retyped.parquet", table)
    estate.land()
    assert 0.25 in [item["value"] for item in estate.landed()]


def test_text_in_parquet_that_is_no_utf8_quarantines_its_row(estate: Estate) -> None:
    """Parquet writers may put any bytes into a text column."""
    raw = pa.array([b"ok", b"\xff\xfe"], pa.binary())
    names = pa.Array.from_buffers(pa.string(), 2, raw.buffers())
    table = pa.table(
        {
            "ci_id": names,
            "metric": ["system.cpu.utilization"] * 2,
            "observed_at": [naive(2026, 6, 30, 10)] * 2,
            "value": [0.1, 0.2],
        }
    )
    estate.parquet("bad.parquet", table)
    summary = estate.land()
    assert summary.is_conserved
    (found,) = estate.quarantined()
    assert "drop/bad.parquet, row 2, field ci_id: is not UTF-8 text" in found["reason"]


def test_two_columns_of_one_name_refuse_the_file(estate: Estate) -> None:
    """Which of them counts is not ours to guess."""
    head = HEADER.replace("\n", ",value\n")
    estate.csv("bad.csv", head + row().replace("\n", ",1\n"), 1)
    assert "column 'value' occurs twice" in one_rejected_file(estate)["reason"]


def test_a_json_page_in_place_of_csv_is_refused(estate: Estate) -> None:
    estate.csv("bad.csv", '{"error": "login required"}\n', 0)
    assert "has no column" in one_rejected_file(estate)["reason"]


def test_too_many_bad_rows_block_publishing_and_the_good_ones_still_land(estate: Estate) -> None:
    """The share of a batch in quarantine is judged against the setting, batch by batch."""
    estate.csv("bad.csv", HEADER + row(ci_id="host-3") + row("NaN"), 2)
    failed = check(estate.land(max_quarantined_ratio=0.4), "quarantined_rows_are_few")
    assert failed.stops_publishing
    assert "1 of 2 batches" in failed.message
    assert "drop/bad.csv, row 2, field value" in failed.message
    assert check(estate.land(max_quarantined_ratio=0.5), "quarantined_rows_are_few").passed
    assert len(estate.landed()) == GOOD_ROWS + 1


def test_a_run_with_nothing_new_repeats_the_verdict(estate: Estate) -> None:
    """A failed check must not pass because the bad file is no longer new."""
    estate.csv("bad.csv", HEADER + row("NaN"), 1)
    first, second = estate.land(), estate.land()
    assert second.batches_written == 0
    assert [item.passed for item in second.checks] == [item.passed for item in first.checks]
