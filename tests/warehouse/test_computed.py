"""Computed tables: one file a table and as-of day, typed as declared, all days visible to dbt."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import pytest

from assets.home import Home
from assets.warehouse.computed import as_arrow, computed_tables, load_computed, write_computed
from assets.warehouse.views import texts

AS_OF = date(2026, 6, 30)


def scores(as_of: date, wql: object = 0.2) -> pd.DataFrame:
    columns = dict.fromkeys(computed_tables()["forecast_scores"].columns)
    return pd.DataFrame([columns | {"series_id": "ci/a/cpu", "as_of_date": as_of, "wql": wql}])


def test_every_computed_table_says_what_it_is_and_has_an_as_of_day() -> None:
    for name, table in computed_tables().items():
        assert table.description, name
        assert table.columns["as_of_date"] == "date", name


def test_columns_and_types_are_the_declared_ones() -> None:
    table = as_arrow("forecast_scores", scores(AS_OF).assign(more=1))

    assert table.column_names == list(computed_tables()["forecast_scores"].columns)
    assert table.schema.field("window_count").type == pa.int32()


def test_a_column_of_nothing_has_its_type() -> None:
    """A frame has no type for it: dates that are all missing come as floats."""
    needs = pd.DataFrame({"as_of_date": [AS_OF]}).reindex(
        columns=list(computed_tables()["staffing_needs"].columns)
    )

    table = as_arrow("staffing_needs", needs)

    assert table.schema.field("week_start_date").type == pa.date32()
    assert table.column("week_start_date").to_pylist() == [None]


def test_a_missing_column_or_a_wrong_value_is_refused() -> None:
    with pytest.raises(KeyError):
        as_arrow("forecast_scores", scores(AS_OF).drop(columns="mase"))
    with pytest.raises(pa.ArrowInvalid):
        as_arrow("forecast_scores", scores(AS_OF, "much"))


def test_every_day_stays_and_the_same_day_is_replaced(tmp_path: Path) -> None:
    home = Home(tmp_path)
    for day, wql in ((date(2026, 6, 29), 0.1), (AS_OF, 0.2), (AS_OF, 0.3)):
        write_computed(home, day, {"forecast_scores": scores(day, wql)})

    with duckdb.connect() as connection:
        connection.execute("create schema landing")
        load_computed(connection, home)
        rows = connection.execute("select wql from landing.forecast_scores order by as_of_date").fetchall()
        nothing = connection.execute("select count(*) from landing.forecast_quantiles").fetchall()

    assert rows == [(0.1,), (0.3,)]
    assert nothing == [(0,)]


def test_quotes_in_paths_are_doubled() -> None:
    assert texts(["it's"]) == "'it''s'"
