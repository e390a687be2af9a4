"""The record contracts are consistent, and mistakes in them are named."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from pydantic import ValidationError

from assets.landing.contracts import UnknownTable, contract, contracts, load_contracts


def test_all_contracts_load_and_describe_themselves() -> None:
    for table in contracts().values():
        assert table.description
        assert set(table.key) & set(table.required_fields)
        assert table.arrow_schema.names[-3:] == ["source_file", "source_row", "extra"]


def test_an_unknown_table_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownTable, match="did you mean incidents"):
        contract("incident")


def test_timestamps_land_as_naive_microseconds() -> None:
    """DuckDB and Spark read them as UTC without a session zone."""
    assert contract("incidents").arrow_schema.field("updated_at").type == pa.timestamp("us")


def test_a_changed_rule_changes_the_digest() -> None:
    """Batches land again when what is asked of them changes; words about it do not matter."""
    team = contract("teams")
    field = team.fields["headcount"].model_copy(update={"minimum": 1.0})
    assert team.model_copy(update={"fields": {**team.fields, "headcount": field}}).digest != team.digest
    assert team.model_copy(update={"description": "other words"}).digest == team.digest


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("key: [b]\n  fields: {a: {type: string, required: true}}", "key column b is not a field"),
        ("key: [a]\n  fields: {a: {type: string}}", "key needs a required column"),
        (
            "key: [a]\n  time: a\n  fields: {a: {type: string, required: true}}",
            "time column a must be a timestamp",
        ),
        ("key: [a]\n  fields: {a: {type: text, required: true}}", "Input should be 'string'"),
        (
            "key: [a]\n  fields: {a: {type: string, required: true, minimum: 1}}",
            "need type integer or number",
        ),
        ("key: [a]\n  fields: {a: {type: integer, required: true, unit: true}}", "need type string"),
        ("key: [extra]\n  fields: {extra: {type: string, required: true}}", "reserved for provenance"),
    ],
)
def test_mistakes_in_a_contract_are_named(tmp_path: Path, entry: str, message: str) -> None:
    path = tmp_path / "contracts.yaml"
    path.write_text(f"t:\n  description: d\n  {entry}\n")
    with pytest.raises(ValidationError, match=message):
        load_contracts(path)
