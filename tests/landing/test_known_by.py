"""Final values on early rows: what a source repeats on every event was not known at each of them."""

from __future__ import annotations

import pyarrow as pa
import pytest

from assets.connectors.base import Batch
from assets.landing.casting import cast
from assets.landing.declaration import Declaration, DeclarationError, parse_sidecar


def test_a_value_after_its_rows_own_time_becomes_null_and_is_counted() -> None:
    """Without this, an incident would look resolved on the day that it was opened."""
    frame = pa.table(
        {
            "incident_id": ["i"] * 3,
            "event_sequence": ["1", "2", "3"],
            "updated_at": ["2026-01-01 08:00", "2026-01-01 09:00", "2026-01-02 10:00"],
            "state": ["new", "resolved", "closed"],
            "opened_at": ["2026-01-01 08:00"] * 3,
            "resolved_at": ["2026-01-01 09:00"] * 3,
            "closed_at": [None, "2026-01-02 10:00", "2026-01-02 10:00"],
        }
    )
    known_by = {"resolved_at": "updated_at", "closed_at": "updated_at"}
    declaration = Declaration(table="incidents", zone="UTC", known_by=known_by)
    batch = Batch("s", "incidents", "b", frame, declaration, "log.csv", "0" * 64, 1)
    typed = cast(batch, declaration.contract)
    assert [value is not None for value in typed.frame["resolved_at"].to_pylist()] == [False, True, True]
    assert [value is not None for value in typed.frame["closed_at"].to_pylist()] == [False, False, True]
    assert typed.faults == []
    assert [warning.split(": ", 1)[1].split(" lie")[0] for warning in typed.warnings] == [
        "1 values of resolved_at",
        "1 values of closed_at",
    ]


@pytest.mark.parametrize(
    ("known_by", "message"),
    [
        ("{reslved_at: updated_at}", "did you mean resolved_at"),
        ("{state: updated_at}", "'state' is no timestamp field"),
        ("{opened_at: updated_at}", "'opened_at' is required"),
    ],
)
def test_mistakes_are_named(known_by: str, message: str) -> None:
    text = (
        "table: incidents\nformat: csv\nzone: UTC\nkey: [incident_id, event_sequence]\n"
        f"control_totals: {{rows: 1}}\nknown_by: {known_by}\n"
    )
    with pytest.raises(DeclarationError, match=message):
        parse_sidecar(text, "log.csv.sidecar.yaml", "incidents")
