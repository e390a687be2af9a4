"""Answers of query_range to points: each is read or set aside, however the server cut what it said."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from assets.connectors.base import rows_digest
from assets.connectors.prometheus_answers import Collected
from assets.connectors.prometheus_frames import Rows, sample_rows

STEP = 60_000
STAMPS = st.sampled_from([None, "soon", -5, 1e30, {}])
VALUES = st.one_of(
    st.floats().map(str), st.sampled_from(["+Inf", "n/a", None, True, [], "1_000", "", " ", "0x10", 3])
)


def answer(points: dict[str, list[Any]]) -> dict[str, Any]:
    result = [{"metric": {"host": host}, "values": values} for host, values in points.items()]
    return {"status": "success", "data": {"resultType": "matrix", "result": result}}


def asked(step: int) -> float:
    return ((step + 1) * STEP - 1) / 1000


@given(
    st.lists(
        st.tuples(st.sampled_from(["a", "b"]), st.one_of(st.none(), STAMPS), VALUES), min_size=1, max_size=12
    ),
    st.integers(0, 12),
)
def test_every_point_is_read_or_set_aside_whatever_the_questions(
    given_points: list[tuple[str, Any, Any]], border: int
) -> None:
    """Conservation; and one question or two about a day give the same rows, numbers and digest."""
    steps = [
        (number, host, [asked(number) if bad is None else bad, value])
        for number, (host, bad, value) in enumerate(given_points)
    ]

    def rows(*borders: int) -> Rows:
        collected = Collected()
        came = 0
        for first, end in pairwise(borders):
            points: dict[str, list[Any]] = {}
            for number, host, point in steps:
                if first <= number < end:
                    points.setdefault(host, []).append(point)
            came += collected.add(answer(points), first * STEP, end * STEP, STEP, keeps_strays=False)
        assert came == len(steps)
        return sample_rows(collected.points(), "host", {})

    whole, parts = rows(0, 12), rows(0, border, 12)
    assert whole.frame.num_rows + len(whole.broken) == len(steps)
    assert rows_digest(whole.frame, whole.broken) == rows_digest(parts.frame, parts.broken)
    numbers = [row.source_row for row in whole.broken] + (
        list(range(1, whole.frame.num_rows + 1))
        if whole.source_rows is None
        else whole.source_rows.to_pylist()
    )
    assert sorted(numbers) == list(range(1, len(steps) + 1))
    assert all(row.reason and row.fix and row.field for row in whole.broken)


def test_text_that_only_python_takes_for_a_number_is_none() -> None:
    """`1_000` and `١` would land as numbers that Prometheus never wrote."""
    collected = Collected()
    points = [[asked(0), "1_000"], [asked(1), "\u0661"], [asked(2), "1e3"]]
    collected.add(answer({"a": points}), 0, 3 * STEP, STEP, keeps_strays=False)
    assert collected.points().values.tolist() == [1000.0]
    assert len(collected.unread) == 2
