"""Tables that the project built, and how two builds of one differ."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

SCHEMAS = ("staging", "intermediate", "marts")


def built_tables(warehouse: Path) -> list[str]:
    """`schema.name` of every table and view that dbt built in a DuckDB file."""
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        rows = connection.execute(
            "select table_schema || '.' || table_name from information_schema.tables "
            "where list_contains($schemas, table_schema) order by 1",
            {"schemas": list(SCHEMAS)},
        ).fetchall()
    return [name for (name,) in rows]


def read_duckdb(warehouse: Path, table: str) -> pa.Table:
    """All rows of a table."""
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        return connection.sql(f"select * from {table}").to_arrow_table()


def differences(left: pa.Table, right: pa.Table, tolerance: float = 1e-9) -> list[str]:
    """What differs between two tables, as sentences. Rows are compared in the order of their non-float columns.

    Floats may differ by `tolerance` relative to the greater one. Column order does not matter.
    """
    if set(left.column_names) != set(right.column_names):
        return [f"columns: {sorted(set(left.column_names) ^ set(right.column_names))}"]
    if left.num_rows != right.num_rows:
        return [f"rows: {left.num_rows} and {right.num_rows}"]
    names = sorted(left.column_names)
    floats = [name for name in names if pa.types.is_floating(left.schema.field(name).type)]
    keys = [name for name in names if name not in floats]
    found = []
    for a, b in zip(_ordered(left, keys, floats), _ordered(right, keys, floats), strict=True):
        for name in names:
            if not _equal(a[name], b[name], tolerance):
                found.append(f"{name}: {a[name]!r} and {b[name]!r} where {_key(a, keys)}")
    return found


def _ordered(table: pa.Table, keys: list[str], floats: list[str]) -> list[dict[str, Any]]:
    rows = table.to_pylist()
    return sorted(rows, key=lambda row: ([str(row[k]) for k in keys], [_rounded(row[f]) for f in floats]))


def _rounded(value: float | None) -> str:
    return "" if value is None else f"{value:.6e}"


def _equal(a: Any, b: Any, tolerance: float) -> bool:
    if isinstance(a, float) and isinstance(b, float):
        return a == b or math.isclose(a, b, rel_tol=tolerance, abs_tol=0.0)
    return bool(a == b)


def _key(row: Mapping[str, Any], keys: list[str]) -> dict[str, Any]:
    return {name: row[name] for name in keys}
