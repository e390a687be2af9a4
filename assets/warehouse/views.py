"""Views of the `landing` schema: the few lines of SQL text that DuckDB cannot bind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import duckdb


def replace_view(connection: duckdb.DuckDBPyConnection, table: str, query: str) -> None:
    """(Re)create `landing.<table>` over `query`."""
    connection.execute(f"create or replace view landing.{table} as {query}")


def nothing(columns: Mapping[str, str]) -> str:
    """A query of no rows with the given columns and DuckDB types."""
    return "select " + ", ".join(f'cast(null as {t}) as "{n}"' for n, t in columns.items()) + " where false"


def texts(values: Iterable[object]) -> str:
    """SQL string literals. View definitions cannot bind parameters, so quotes are doubled."""
    return ", ".join("'" + str(value).replace("'", "''") + "'" for value in values)
