"""SQL text that DuckDB cannot bind: views of the `landing` schema, literals in definitions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import duckdb

from assets.landing.contracts import contracts

DUCKDB_TYPES = {
    "string": "varchar",
    "integer": "bigint",
    "int": "integer",
    "number": "double",
    "boolean": "boolean",
    "timestamp": "timestamp",
    "date": "date",
    "time": "varchar",
}


def replace_view(connection: duckdb.DuckDBPyConnection, table: str, query: str) -> None:
    """(Re)create `landing.<table>` over `query`."""
    connection.execute(f"create or replace view landing.{table} as {query}")


def landed_columns(table: str) -> dict[str, str]:
    """Columns of a landed table, with what landing adds to each row, and their DuckDB types."""
    columns = {name: DUCKDB_TYPES[field.type] for name, field in contracts()[table].fields.items()}
    return columns | {"source_file": "varchar", "source_row": "bigint", "extra": "varchar"}


def nothing(columns: Mapping[str, str]) -> str:
    """A query of no rows with the given columns and DuckDB types."""
    return "select " + ", ".join(f'cast(null as {t}) as "{n}"' for n, t in columns.items()) + " where false"


def texts(values: Iterable[object]) -> str:
    """SQL string literals, separated by commas."""
    return ", ".join(text_literal(value) for value in values)


def text_literal(value: object) -> str:
    """SQL string literal, quotes doubled: definitions of tables and views cannot bind parameters."""
    return "'" + str(value).replace("'", "''") + "'"
