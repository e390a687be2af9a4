"""The spool as a table: what `frame` gives is what `rows` gives, whatever pages the rows came in."""

from __future__ import annotations

import tempfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from assets.landing.spool import Page, RawRow, Spool

START = datetime(2026, 3, 28, 22, tzinfo=UTC)
ROWS = st.builds(
    RawRow,
    key=st.sampled_from(["a", "b", "ä", "\U0001f600", "c" * 9]),
    updated=st.none()
    | st.integers(0, 4).map(lambda hours: START + timedelta(hours=hours, microseconds=hours)),
    cells=st.dictionaries(
        st.sampled_from(["x", "y", "later", "extra"]), st.none() | st.text(max_size=3), max_size=3
    ),
)


@given(pages=st.lists(st.lists(ROWS, max_size=5), max_size=4))
@settings(max_examples=60)
def test_a_frame_holds_the_rows_in_their_order(pages: list[list[RawRow]]) -> None:
    """Repeats and older versions left out; fields asked for first, then the others by name."""
    with tempfile.TemporaryDirectory() as folder, Spool(Path(folder), "question") as spool:
        for number, rows in enumerate(pages):
            spool.append(Page(tuple(rows), {"page": number}))
        for days in (None, [date(2026, 3, 28)], [date(2026, 3, 29), None]):
            kept = list(spool.rows(days))
            frame = spool.frame(("x", "y"), days)
            assert frame.column_names[:2] == ["x", "y"]
            assert frame.column_names[2:] == sorted(frame.column_names[2:])
            plain = [
                {name: cell for name, cell in row.items() if cell is not None} for row in frame.to_pylist()
            ]
            wanted = [
                {name: clean(cell) for name, cell in row.cells.items() if cell is not None} for row in kept
            ]
            assert plain == wanted


def clean(text: str) -> str:
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def test_half_an_emoji_costs_no_row() -> None:
    """A source that cuts texts off gives half a surrogate pair; neither JSON nor Parquet can hold one."""
    with tempfile.TemporaryDirectory() as folder, Spool(Path(folder), "question") as spool:
        spool.append(Page((RawRow("a", START, {"x": "cut \ud83d", "y": "\U0001f600"}),), None))
        assert spool.frame(("x", "y")).to_pylist() == [{"x": "cut \ufffd", "y": "\U0001f600"}]
