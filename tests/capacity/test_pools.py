"""The rule of survivors in Python equals the one in SQL (macros/pools.sql), ties, gaps and all."""

from __future__ import annotations

import math

import duckdb
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.capacity.pools import exact_sum, survivors

VALUE = st.one_of(st.none(), st.integers(0, 40).map(lambda n: n / 10))
MEMBER = st.tuples(st.sampled_from("pq"), VALUE, st.integers(0, 40).map(lambda n: n / 10))

RULE = """
with ranked as (
    select *, count(*) over (partition by pool_id) as n, max(tolerance) over (partition by pool_id) as k,
        row_number() over (partition by pool_id order by usable_value asc nulls last, ci_id) as usable_rank,
        row_number() over (
            partition by pool_id order by 1 - demand_value / nullif(usable_value, 0) asc nulls last, ci_id
        ) as headroom_rank
    from members
)
select pool_id,
    case when pooling = 'own' then max(case when headroom_rank = least(k + 1, n) then usable_value end)
         when count(usable_value) = count(*) then cast(
            sum(cast(case when usable_rank <= greatest(n - k, 1) then usable_value end as decimal(38, 15))) as double
         )
    end as usable_value,
    case when pooling = 'own' or max(n) = 1 then max(case when headroom_rank = least(k + 1, n) then ci_id end) end as ci
from ranked group by pool_id, pooling order by pool_id
"""


@settings(max_examples=60)
@given(st.lists(MEMBER, min_size=1, max_size=8), st.sampled_from(["own", "shared"]), st.integers(0, 3))
def test_survivors_are_those_of_the_models(
    rows: list[tuple[str, float | None, float]], pooling: str, tolerance: int
) -> None:
    members = pd.DataFrame(rows, columns=["pool_id", "usable_value", "demand_value"])
    members = members.astype({"usable_value": "float64"})
    members["ci_id"] = [f"c{(number * 7) % 10}" for number in range(len(members))]
    members = members.assign(pooling=pooling, tolerance=tolerance)
    expected = duckdb.sql(RULE).fetchall()
    found = survivors(members)
    assert list(found.index) == [row[0] for row in expected]
    for (_, usable, ci), value, deciding in zip(
        expected, found["usable_value"], found["deciding_ci_id"], strict=True
    ):
        assert math.isnan(value) if usable is None else value == usable
        assert deciding == ci


def test_exact_sum_does_not_depend_on_order() -> None:
    values = [0.1, 1e12, 0.2, -1e12, 0.7]
    assert exact_sum(values) == exact_sum(values[::-1]) == 1.0
