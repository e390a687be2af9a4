"""Tables that Python computes from the marts: how they are typed, kept, and given back to dbt as `landing` views."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
import yaml

from assets.home import Home
from assets.warehouse.views import DUCKDB_TYPES, nothing, replace_view, texts

if TYPE_CHECKING:
    import pandas as pd

ARROW_TYPES = {
    "string": pa.string(),
    "integer": pa.int64(),
    "int": pa.int32(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "timestamp": pa.timestamp("us"),
    "date": pa.date32(),
}


@dataclass(frozen=True)
class ComputedTable:
    """What a computed table means, and its columns with their types (`computed_tables.yaml`)."""

    description: str
    columns: Mapping[str, str]


@cache
def computed_tables() -> Mapping[str, ComputedTable]:
    """Every computed table by name."""
    text = Path(__file__).with_name("computed_tables.yaml").read_text(encoding="utf-8")
    return {name: ComputedTable(**entry) for name, entry in yaml.safe_load(text).items()}


def as_arrow(name: str, frame: pd.DataFrame) -> pa.Table:
    """`frame` with exactly the declared columns and types, sorted by the declared order of columns.

    Raises KeyError for a missing column, pyarrow.ArrowInvalid for a value that its type cannot hold.
    """
    columns = computed_tables()[name].columns
    data: dict[str, Any] = {
        column: _typed(frame[column], ARROW_TYPES[kind]) for column, kind in columns.items()
    }
    table = pa.table(data)
    return table.sort_by([(column, "ascending") for column in columns])


def _typed(values: pd.Series, kind: pa.DataType) -> pa.Array:
    # pandas has no type for a column of nothing: it comes as floats, which are no dates.
    return pa.nulls(len(values), kind) if values.isna().all() else pa.Array.from_pandas(values, type=kind)


def write_computed(home: Home, as_of: date, frames: Mapping[str, pd.DataFrame]) -> None:
    """Replace the given tables of one as-of day."""
    import pyarrow.parquet as pq

    folder = home.computed(as_of)
    folder.mkdir(parents=True, exist_ok=True)
    for name, frame in frames.items():
        temporary = folder / f".{name}.parquet"
        pq.write_table(as_arrow(name, frame), temporary)
        temporary.replace(folder / f"{name}.parquet")


def load_computed(connection: duckdb.DuckDBPyConnection, home: Home) -> None:
    """(Re)create the `landing` views over everything that was ever computed.

    A column that was declared after all files were written is null.
    """
    for name, table in computed_tables().items():
        types = {column: DUCKDB_TYPES[kind] for column, kind in table.columns.items()}
        files = sorted(home.computed().glob(f"as_of=*/{name}.parquet"))
        if not files:
            replace_view(connection, name, nothing(types))
            continue
        source = f"read_parquet([{texts(files)}], hive_partitioning = false, union_by_name = true)"
        written = {row[0] for row in connection.execute(f"describe select * from {source}").fetchall()}
        values = {column: f'"{column}"' if column in written else "null" for column in types}
        selected = ", ".join(
            f'cast({values[column]} as {kind}) as "{column}"' for column, kind in types.items()
        )
        replace_view(connection, name, f"select {selected} from {source}")


def load_past(connection: duckdb.DuckDBPyConnection, as_of: date) -> None:
    """(Re)create the `landing` views of what was forecast as of a day before `as_of`: all that can be scored then."""
    for name, table in (("past_forecasts", "forecast_quantiles"), ("past_saturation", "forecast_saturation")):
        replace_view(
            connection, name, f"select * from landing.{table} where as_of_date < date '{as_of.isoformat()}'"
        )
