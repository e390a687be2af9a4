"""The sketch macros, on DuckDB: merging loses nothing, and a percentile is within 1 % of the exact order statistic."""

from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import jinja2
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

MACROS = Path(__file__).resolve().parents[2] / "dbt_project" / "macros"
# What the mapping promises, and one more for rounding in ln and exp.
ERROR = 0.01 * (1 + 1e-9)


def _macros(file: str) -> Any:
    """The macros of one file; exact_sum stands for what it sums, since these tests do not depend on its order."""
    environment = jinja2.Environment(autoescape=False)
    environment.globals["exact_sum"] = lambda value: f"sum({value})"
    return environment.from_string((MACROS / file).read_text("utf-8")).module


SKETCHES = _macros("sketches.sql")
WEIGHTS = _macros("weights.sql")
magnitudes = st.floats(1e-300, 1e300)
values = st.one_of(magnitudes, magnitudes.map(lambda x: -x), st.just(0.0), st.integers(-3, 3).map(float))
parts = st.lists(st.tuples(st.integers(0, 3), values, st.integers(1, 10**9)), min_size=1, max_size=60)
fractions = st.sampled_from([0.01, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0])


@pytest.fixture(scope="module")
def connection() -> Any:
    with duckdb.connect() as opened:
        opened.execute("create table samples (part int, value double, weight bigint)")
        yield opened


def _load(connection: Any, rows: list[tuple[int, float, int]]) -> None:
    connection.execute("delete from samples")
    connection.executemany("insert into samples values (?, ?, ?)", rows)


def _sketch(key: str, source: str = "samples") -> str:
    bucket = SKETCHES.sketch_bucket("value")
    return f"select {key} as part, {bucket} as bucket, sum(weight) as weight from {source} group by {key}, bucket"


def _merged() -> str:
    sketches = f"(select 1 as one, * from ({_sketch('part')}))"
    return str(SKETCHES.merged_sketches(sketches, ["one"]))


@settings(max_examples=60)
@given(rows=parts)
def test_merged_parts_are_the_sketch_of_the_union(
    connection: Any, rows: list[tuple[int, float, int]]
) -> None:
    """Whichever parts a window was put together from, its buckets and weights are the same."""
    _load(connection, rows)
    merged = connection.execute(f"select bucket, weight from ({_merged()}) order by bucket").fetchall()
    union = connection.execute(f"select bucket, weight from ({_sketch('1')}) order by bucket").fetchall()
    assert merged == union


@settings(max_examples=100)
@given(rows=parts, fraction=fractions)
@example(rows=[(0, 1.0, 1)], fraction=0.5)
@example(rows=[(0, 0.0, 1), (1, -1e-300, 1), (1, 1e300, 1)], fraction=0.5)
def test_a_percentile_is_within_one_per_cent(
    connection: Any, rows: list[tuple[int, float, int]], fraction: float
) -> None:
    """Of the first value at which the weight reaches its share; negative values and zero included."""
    _load(connection, rows)
    (found,) = connection.execute(
        f"select {SKETCHES.sketch_quantile(fraction)} from ({_merged()})"
    ).fetchone()
    needed = fraction * sum(weight for _, _, weight in rows)
    reached = 0
    for _, exact, weight in sorted(rows, key=lambda row: row[1]):  # noqa: B007
        reached += weight
        if reached >= needed:
            break
    assert abs(found - exact) <= ERROR * abs(exact)


def test_buckets_are_in_the_order_of_their_values(connection: Any) -> None:
    """The running sum of weights goes through the buckets from the smallest value to the largest double."""
    ordered = [-1.7e308, -2.0, -1.0, -1e-300, 0.0, 5e-324, 1e-300, 0.5, 1.0, 2.0, 1.7e308]
    _load(connection, [(0, value, 1) for value in reversed(ordered)])
    query = f"select value, {SKETCHES.sketch_bucket('value')} as bucket from samples order by bucket"
    assert [row[0] for row in connection.execute(query).fetchall()] == ordered


@settings(max_examples=60)
@given(
    rows=st.lists(st.tuples(st.integers(-1000, 1000), st.integers(1, 10**6)), min_size=1, max_size=40),
    equal=st.booleans(),
    fraction=st.sampled_from([0.0, 0.25, 0.5, 0.95, 1.0]),
)
@example(rows=[(0, 1), (1, 2), (1, 1)], equal=False, fraction=0.25)
def test_weighted_percentile(
    connection: Any, rows: list[tuple[int, int]], equal: bool, fraction: float
) -> None:
    """With equal weights it is the exact interpolated percentile; with others it follows its definition."""
    if equal:
        rows = [(value, 900_000_000) for value, _ in rows]
    _load(connection, [(0, float(value), weight) for value, weight in rows])
    relation = (
        "(select part, value, weight as weight_microseconds, 'm' as metric, "
        # Equal values are ordered by their time, here by their weight, so that the order is total as in the landing.
        "timestamp '2026-06-30' + to_microseconds(weight) as observed_at from samples)"
    )
    rollup = WEIGHTS.weighted_rollup(relation, ["part"], fraction)
    found, mean, covered = connection.execute(
        f"select demand_p95, demand_avg, covered_seconds from ({rollup})"
    ).fetchone()
    ordered = sorted(rows)
    total = sum(weight for _, weight in ordered)
    assert covered == pytest.approx(total / 1e6)
    assert mean == pytest.approx(sum(v * w for v, w in ordered) / total, abs=1e-9)
    assert found == pytest.approx(float(_interpolated(ordered, total, Fraction(fraction))), abs=1e-6)
    if equal:
        (exact,) = connection.execute("select quantile_cont(value, ?) from samples", [fraction]).fetchone()
        assert found == pytest.approx(exact, abs=1e-9)


def _interpolated(ordered: list[tuple[int, int]], total: int, fraction: Fraction) -> Fraction:
    """Value at `fraction` between the positions (weight before) / (total - own weight)."""
    if len(ordered) == 1:
        return Fraction(ordered[0][0])
    before, positions = 0, []
    for value, weight in ordered:
        positions.append((Fraction(before, total - weight), value))
        before += weight
    for (low, below), (high, above) in pairwise(positions):
        if low <= fraction <= high:
            return below + (above - below) * (fraction - low) / (high - low)
    raise AssertionError("the last position is 1")
