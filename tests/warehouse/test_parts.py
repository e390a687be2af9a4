"""Tables built part by part are whole for the models after them, in the same run."""

import re
from pathlib import Path

import duckdb

from orchestration.code_version import ROOT

# More than DuckDB keeps in one row group, so that two threads write.
ROWS = 400_000
PARTS = (0, 1, 7, 2)  # of part 7 there are no rows
PART = "select * from samples where part = {part} order by ci_id"


def rows_read(folder: Path, statements: tuple[str, ...]) -> int:
    """Rows that a scan finds in a table written by `statements` for each of `PARTS`, in one transaction."""
    with duckdb.connect(str(folder / "warehouse.duckdb")) as connection:
        connection.execute("set threads = 2")
        connection.execute("set preserve_insertion_order = false")  # as in profiles.yml
        connection.execute(
            "create table samples as "
            f"select range // {ROWS} as part, 'ci-' || range * 7919 % 2000 as ci_id from range({3 * ROWS})"
        )
        connection.execute("begin")
        connection.execute("create table built as select * from samples limit 0")
        for part in PARTS:
            for statement in statements:
                connection.execute(statement.format(rows=PART.format(part=part)))
        connection.execute("commit")
        counted = connection.execute("select part, count(*) from built group by part").fetchall()
    return sum(count for _, count in counted)


def test_rows_of_every_part_are_read_in_the_same_run(tmp_path: Path) -> None:
    """The statements of macros/parts.sql: a part without rows hides none of the next."""
    macro = (ROOT / "dbt_project" / "macros" / "parts.sql").read_text("utf-8")
    assert set(re.findall(r"insert into .* select .*", macro)) == {
        "insert into {{ target }} by name select * from rows_of_part;"
    }
    statements = (
        "create or replace temp table rows_of_part as {rows}",
        "insert into built by name select * from rows_of_part",
    )
    assert rows_read(tmp_path, statements) == 3 * ROWS
