"""Finds SQL that averages, sums or takes an extreme of a percentile: such a figure is a percentile of nothing.

A column is a percentile by its name (`demand_p95`, `latency_p95_seconds`), or because it is selected from one under
another name, in the same statement or in a model that it reads.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import sqlglot
from sqlglot import exp

_NAMED = re.compile(r"(^|_)p\d{2}(_|$)")
_MISUSES = (exp.Avg, exp.Sum, exp.Max, exp.Min, exp.Median, exp.Quantile, exp.PercentileCont)


def percentile_misuses(
    sql: str, percentiles_of: Mapping[str, set[str]], allowed: set[str]
) -> tuple[list[str], set[str]]:
    """Misuses in one statement, as SQL text, and the columns under which it hands on percentiles.

    `percentiles_of` gives the percentile columns of the tables that it reads, by name; columns of `allowed` are none.
    """
    tree = sqlglot.parse_one(sql, read="duckdb")
    known = set().union(*(percentiles_of.get(table.name, set()) for table in tree.find_all(exp.Table)), set())
    known -= allowed

    def is_percentile(column: exp.Column) -> bool:
        return column.name in known or (bool(_NAMED.search(column.name)) and column.name not in allowed)

    # Renamed columns may be read before they are written in the text: repeat until nothing new is found.
    found = True
    while found:
        renamed = {
            item.alias
            for item in tree.find_all(exp.Alias)
            if isinstance(item.this, exp.Column) and is_percentile(item.this)
        }
        found = not renamed <= known | allowed
        known |= renamed - allowed
    misuses = [
        node.sql(dialect="duckdb")
        for node in tree.find_all(*_MISUSES)
        if any(is_percentile(column) for column in node.find_all(exp.Column))
    ]
    return misuses, known | {name for name in tree.named_selects if _NAMED.search(name)} - allowed
