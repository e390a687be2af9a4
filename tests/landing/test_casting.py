"""Source columns to contract fields: every statement of a declaration does what it says."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from assets.connectors.base import Batch, BrokenRow, UnusableInput
from assets.landing.casting import CHUNK_ROWS, TypedBatch, cast, repeated
from assets.landing.declaration import Declaration
from assets.landing.faults import faulty_mask
from assets.landing.quarantine import quarantined_rows
from assets.landing.totals import landed_totals, received_totals


def typed(table: str, frame: dict[str, list[Any]], broken: int = 0, **declared: Any) -> TypedBatch:
    declaration = Declaration.model_validate({"table": table, "zone": "UTC", **declared})
    rows = tuple(BrokenRow(i + 1, "x", "is broken", "mend it") for i in range(broken))
    batch = Batch("s", table, "b", pa.table(frame), declaration, "f.csv", "0" * 64, 1, broken=rows)
    return cast(batch, declaration.contract)


def column(found: TypedBatch, name: str) -> list[Any]:
    values: list[Any] = found.frame[name].to_pylist()
    return values


TEAM = {"team_id": ["t1", "t2"], "team_name": ["A", "B"]}
WIDE: dict[str, list[Any]] = {
    "host": ["h1", "h2", "h3"],
    "at": ["2026-06-30T10:00:00Z", "2026-06-30T11:00:00Z", "never"],
    "cpu": ["50", "x", "70"],
    "ms": ["100", "", "300"],
}
WIDE_DECLARED: dict[str, Any] = {
    "columns": {"ci_id": "host", "observed_at": "at"},
    "interval_seconds": 60,
    "values": [
        {"column": "cpu", "metric": "cpu", "unit": "%", "interval_seconds": 30},
        {"column": "ms", "metric": "latency", "unit": "ms", "optional": True},
    ],
}


def test_columns_constants_and_equal_names() -> None:
    found = typed(
        "teams", {"id": ["t1"], "team_name": ["A"]}, columns={"team_id": "id"}, constants={"headcount": "4"}
    )
    assert (column(found, "team_id"), column(found, "team_name"), column(found, "headcount")) == (
        ["t1"],
        ["A"],
        [4.0],
    )
    assert column(found, "calendar_id") == [None]
    assert column(found, "source_row") == [1]


def test_nulls_replace_and_strip() -> None:
    """`?` is missing, words become ours, runs of white space collapse; numbers that stand for words too."""
    frame: dict[str, list[Any]] = {
        "change_id": ["1", "2", "3"],
        "change_kind": [10, 20, 10],
        "state": ["Closed  Complete", "Closed Complete", "new"],
        "title": [" a  b ", "?", "c"],
        "updated_at": ["2026-06-30"] * 3,
    }
    found = typed(
        "changes",
        frame,
        nulls=["", "?"],
        strip=["title", "state"],
        replace={"state": {"Closed Complete": "closed"}, "change_kind": {"10": "normal", "20": "standard"}},
    )
    assert column(found, "state") == ["closed", "closed", "new"]
    assert column(found, "change_kind") == ["normal", "standard", "normal"]
    assert column(found, "title") == ["a b", None, "c"]


def test_a_default_fills_empty_cells_of_its_column() -> None:
    frame = {"ci_id": ["a", "b"], "metric": ["m"] * 2, "observed_at": ["2026-06-30"] * 2, "value": ["1", "2"]}
    found = typed("metric_samples", {**frame, "unit": ["%", ""]}, unit="1", kind="gauge", interval_seconds=60)
    assert column(found, "unit") == ["%", "1"]
    assert column(found, "kind") == ["gauge", "gauge"]


def test_wide_rows_become_samples() -> None:
    """Three source rows and two value columns are six samples, each in one place."""
    found = typed("metric_samples", WIDE, **WIDE_DECLARED)
    assert found.rows_received == 6
    assert column(found, "metric") == ["cpu"] * 3 + ["latency"] * 3
    assert column(found, "unit") == ["%"] * 3 + ["ms"] * 3
    assert column(found, "interval_seconds") == [30.0] * 3 + [60.0] * 3
    assert column(found, "ci_id") == ["h1", "h2", "h3"] * 2
    assert column(found, "value")[:1] + column(found, "value")[3:4] == [50.0, 100.0]
    assert column(found, "source_row") == [1, 2, 3] * 2
    bad = {(fault.field, tuple(fault.rows.tolist()), fault.is_known) for fault in found.faults}
    assert bad == {("value", (1,), False), ("observed_at", (2, 5), False), ("value", (4,), True)}


def test_quarantine_names_the_value_column_of_a_wide_row() -> None:
    found = typed("metric_samples", WIDE, **WIDE_DECLARED)
    (table,) = quarantined_rows(found, found.faults)
    entries = {(item["source_row"], item["value"]): item["reason"] for item in table.to_pylist()}
    assert "f.csv, row 2, field value: 'x' is not a number" in entries[(2, "'x'")]
    assert "is empty in the optional column ms" in entries[(2, None)]
    assert table.num_rows == 4


def test_broken_wide_rows_count_once_a_sample() -> None:
    """Received and quarantined use one measure, or rows would seem lost."""
    found = typed("metric_samples", WIDE, broken=2, **WIDE_DECLARED)
    assert found.rows_received == 10
    assert sum(table.num_rows for table in quarantined_rows(found, [])) == 4


def test_wide_histograms_declare_their_bounds() -> None:
    frame = {"ci_id": ["s"], "observed_at": ["2026-06-30T10:00:00Z"], "le_1": ["3"], "le_inf": ["4"]}
    values = [
        {"column": "le_1", "metric": "d", "unit": "s", "upper_bound": 1},
        {"column": "le_inf", "metric": "d", "unit": "s", "upper_bound": float("inf")},
    ]
    found = typed("metric_histograms", frame, values=values, interval_seconds=3600)
    assert column(found, "upper_bound") == [1.0, float("inf")]
    assert column(found, "count") == [3.0, 4.0]


def test_a_sequence_numbers_the_rows_of_an_entity() -> None:
    """In time order, ties in source order; a row without its time has none."""
    frame = {
        "incident_id": ["b", "a", "a", "a", "a"],
        "updated_at": ["2026-06-30", "2026-06-30", "2026-06-29", "2026-06-30", "?"],
        "state": ["new"] * 5,
        "opened_at": ["2026-06-01"] * 5,
    }
    found = typed(
        "incidents",
        frame,
        nulls=["?"],
        sequence={"field": "event_sequence", "by": ["incident_id"], "order": ["updated_at"]},
    )
    assert column(found, "event_sequence") == [1, 2, 1, 3, None]


def test_undeclared_columns_are_kept_as_json() -> None:
    found = typed(
        "teams", {**TEAM, "floor": ["3", ""], "sub": [{"a": 1}, None], "skip": ["x", "y"]}, ignore=["skip"]
    )
    assert column(found, "extra") == ['{"floor": "3", "sub": "{\'a\': 1}"}', None]
    assert "floor, sub" in found.warnings[0]
    assert "skip" not in found.warnings[0]


def test_a_megabyte_in_an_undeclared_column_quarantines_its_row() -> None:
    found = typed("teams", {**TEAM, "note": ["ok", "x" * 2**20]})
    (fault,) = found.faults
    assert (fault.rows.tolist(), fault.field) == ([1], "note")
    (table,) = quarantined_rows(found, found.faults)
    assert "f.csv, row 2, field note: 'xxx" in table.to_pylist()[0]["reason"]


def test_an_excluded_row_is_excluded_whatever_else_is_wrong() -> None:
    """Else a knowingly unwanted row would count as a fault."""
    found = typed(
        "teams",
        {**TEAM, "headcount": ["4", "many"]},
        exclude=[{"column": "team_id", "equals": "t2", "reason": "left"}],
    )
    assert [(fault.rule, fault.is_known) for fault in found.faults] == [("row_is_wanted", True)]


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({"columns": {"team_id": "id"}}, "column 'id', declared under columns.team_id, is missing"),
        (
            {"exclude": [{"column": "x", "equals": "1", "reason": "r"}]},
            "declared under exclude.0.column, is missing",
        ),
        ({"ignore": ["team_name"]}, "required field 'team_name' of teams has no column"),
        ({"constants": {"headcount": "many"}}, "the declared value 'many' of headcount is not a number"),
    ],
)
def test_a_declaration_that_does_not_fit_refuses_the_batch(declared: dict[str, Any], message: str) -> None:
    with pytest.raises(UnusableInput, match=message):
        typed("teams", TEAM, **declared)


def test_control_totals_follow_a_column_to_landing() -> None:
    """What the source sums is compared with what arrived and what landed, in the source's unit."""
    found = typed("metric_samples", WIDE, **WIDE_DECLARED)
    refused = faulty_mask(found.faults, found.frame.num_rows)
    declaration = found.batch.declaration
    assert received_totals(found.batch.frame, 0, ["cpu", "ms"], declaration) == {
        "rows": 3,
        "sums": {"cpu": None, "ms": 400.0},
    }
    assert received_totals(found.batch.frame, 1, ["ms"], declaration) == {"rows": 4, "sums": {"ms": None}}
    assert landed_totals(found, refused, ["cpu", "ms"]) == {"rows": 2, "sums": {"cpu": 50.0, "ms": 100.0}}


@pytest.mark.parametrize("rows", [0, 1, CHUNK_ROWS - 1, CHUNK_ROWS, 2 * CHUNK_ROWS + 7])
@pytest.mark.parametrize(
    "value", [pa.array(["a"]).dictionary_encode(), pa.array([60]), pa.nulls(1, pa.string())], ids=str
)
def test_a_column_of_one_value_weighs_one_piece_of_it(rows: int, value: pa.Array) -> None:
    """A day of millions of samples repeats its metric, unit and interval in every row."""
    column = repeated(value, rows)
    assert (len(column), column.type) == (rows, value.type)
    assert pc.unique(column).to_pylist() == (value.to_pylist() if rows else [])
    assert pa.table({"x": column}).get_total_buffer_size() <= 9 * CHUNK_ROWS
