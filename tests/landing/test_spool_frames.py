"""Frames of pages: what repeats is kept once, and how pages were cut shows nowhere."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.connectors.base import frame_digest
from assets.landing.spool_frames import PlainRow, frame_of

CELLS = st.dictionaries(st.sampled_from(["few", "many", "late"]), st.none() | st.sampled_from("abcdefghij"))


@given(cells=st.lists(CELLS, max_size=60), cuts=st.lists(st.integers(0, 60), max_size=5))
@settings(max_examples=60)
def test_how_pages_are_cut_does_not_show(cells: list[dict[str, str | None]], cuts: list[int]) -> None:
    """One page or many: the same columns, coded or not, by the same codes. So the same day has the same digest."""
    rows: list[PlainRow] = [(f"{number:02}", number // 3, one) for number, one in enumerate(cells)]
    borders = [0, *sorted(min(cut, len(rows)) for cut in cuts), len(rows)]
    pages = [rows[start:end] for start, end in pairwise(borders)]
    whole, cut = frame_of(("few", "many"), [rows], len(rows)), frame_of(("few", "many"), pages, len(rows))
    assert whole.schema == cut.schema
    assert frame_digest(whole) == frame_digest(cut)
    assert whole.select(["few", "many"]).to_pylist() == [
        {name: one.get(name) for name in ("few", "many")} for one in cells
    ]


def test_words_that_repeat_are_kept_once() -> None:
    """A column is coded while its different words are few, even where pages before thought so of another one."""
    rows: list[PlainRow] = [(str(n), 80 - n, {"few": "ab"[n % 2], "many": str(n)}) for n in range(80)]
    frame = frame_of(("few", "many"), [rows[:9], rows[9:40], rows[40:]], 80)
    assert pa.types.is_dictionary(frame["few"].type)
    assert frame["few"].chunk(0).dictionary.to_pylist() == ["a", "b"]
    assert frame["many"].type == pa.string()
    assert frame["many"].to_pylist() == [str(n) for n in reversed(range(80))]


TIMES = st.none() | st.integers(0, 10**15)


@given(times=st.lists(TIMES, max_size=40), cut=st.integers(0, 40))
@settings(max_examples=60)
def test_the_moment_of_a_row_is_its_time(times: list[int | None], cut: int) -> None:
    """As a timestamp, however pages were cut; a row without a time has none, or all are text beside what it says."""
    rows: list[PlainRow] = [(f"{number:02}", micros, {"x": "a"}) for number, micros in enumerate(times)]
    whole = frame_of(("at", "x"), [rows], len(rows), "at")
    assert frame_digest(whole) == frame_digest(
        frame_of(("at", "x"), [rows[:cut], rows[cut:]], len(rows), "at")
    )
    assert whole["at"].type == pa.timestamp("us", tz="UTC")
    ordered = sorted(rows, key=lambda row: (row[1] or 0, row[0]))
    moments = [
        None if micros is None else datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)
        for _, micros, _ in ordered
    ]
    assert whole["at"].to_pylist() == moments
    odd: PlainRow = ("99", None, {"at": "2026-02-30", "x": "b"})
    texts = frame_of(("at", "x"), [rows, [odd]], len(rows) + 1, "at").to_pylist()
    assert {"at": "2026-02-30", "x": "b"} in texts
    assert [row["at"] for row in texts if row["x"] == "a"] == [at and at.isoformat() for at in moments]
