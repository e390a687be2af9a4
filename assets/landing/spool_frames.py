"""Rows of a spool as one frame, made page by page: as objects, the samples of a day would take ten times the memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from assets.memory import give_back

#: A column of which at most this share of the cells are different words is coded, the words kept once.
CODED_SHARE = 1 / 8
#: A row as it lies in a page: key, microseconds since 1970 (None: no time), cells by name.
PlainRow = Sequence[Any]


def frame_of(
    fields: Sequence[str], pages: Iterable[Sequence[PlainRow]], count: int, moment: str | None = None
) -> pa.Table:
    """`count` rows in the order of (time, key): one text column a field, then cells of other names, by name.

    Whether a column is coded, and by which codes, depends on its cells alone and not on how the pages were cut. The
    field `moment` is the time of each row: a timestamp, or text where a row that has no time has text for it.
    """
    columns = {name: _Column(int(count * CODED_SHARE)) for name in fields if name != moment}
    times, keys, done = [np.empty(0, dtype=np.int64)], [pa.array([], pa.string())], 0
    timeless: list[npt.NDArray[np.bool_]] = [np.empty(0, dtype=np.bool_)]
    for rows in pages:
        for name in sorted({name for _, _, cells in rows for name in cells} - columns.keys()):
            columns[name] = _Column(int(count * CODED_SHARE), missing=done)
        for name, column in columns.items():
            column.add([cells.get(name) for _, _, cells in rows])
        times.append(np.array([micros or 0 for _, micros, _ in rows], dtype=np.int64))
        if moment is not None:
            timeless.append(np.array([micros is None for _, micros, _ in rows], dtype=np.bool_))
        keys.append(pa.array([key for key, _, _ in rows], pa.string()))
        done += len(rows)
    micros = np.concatenate(times)
    sorting = pa.table({"time": micros, "key": pa.chunked_array(keys)})
    times.clear()
    keys.clear()
    give_back()
    order = pc.sort_indices(sorting, [("time", "ascending"), ("key", "ascending")])
    del sorting
    give_back()
    more = sorted(columns.keys() - set(fields))
    made = {}
    if moment is not None:
        given = columns.pop(moment, None)
        made = {moment: _moments(micros, np.concatenate(timeless), given, order)}
    del micros
    # Each column is let go when it is in order.
    made |= {name: columns.pop(name).in_order(order) for name in [*fields, *more] if name != moment}
    return pa.table({name: made.pop(name) for name in [*fields, *more]})


def _moments(
    micros: npt.NDArray[np.int64], timeless: npt.NDArray[np.bool_], given: _Column | None, order: pa.Array
) -> pa.Array:
    """The times of the rows in order; as text beside what rows without one say in its place."""
    rows = order.to_numpy()
    found = pa.array(micros[rows], mask=timeless[rows]).cast(pa.timestamp("us", tz="UTC"))
    if given is None:
        return found
    texts = pa.array([None if at is None else at.isoformat() for at in found.to_pylist()], pa.string())
    return pc.coalesce(pc.cast(given.in_order(order), pa.string()), texts)


class _Column:
    """Cells of one column: codes of words while these are few, text once there are more than `limit`."""

    def __init__(self, limit: int, missing: int = 0) -> None:
        self._limit = limit
        # Cells before the first one with a word: a column without any weighs nothing until the end.
        self._missing = missing
        self._words: dict[str, int] = {}
        self._codes: list[npt.NDArray[np.int32]] = []
        self._texts: list[pa.Array] | None = None

    def add(self, cells: list[str | None]) -> None:
        """The next cells."""
        texts = pa.array(cells, pa.string())
        if self._texts is not None:
            self._texts.append(texts)
            return
        if not self._codes:
            if texts.null_count == len(texts):
                self._missing += len(texts)
                return
            self._codes.append(np.full(self._missing, -1, dtype=np.int32))
        coded = texts.dictionary_encode()
        words = coded.dictionary.to_pylist()
        # The last entry is for cells without a word.
        code_of = np.array(
            [*(self._words.setdefault(word, len(self._words)) for word in words), -1], np.int32
        )
        self._codes.append(code_of[pc.fill_null(coded.indices, len(words)).to_numpy()])
        if len(self._words) > self._limit:
            known = pa.array([*self._words], pa.string())
            self._texts = [known.take(_with_gaps(codes)) for codes in self._codes]
            self._words.clear()
            self._codes.clear()

    def in_order(self, order: pa.Array) -> pa.Array:
        """All cells, put in order."""
        if self._texts is not None:
            text = pa.chunked_array(self._texts, pa.string()).combine_chunks()
            self._texts.clear()
            give_back()
            found = text.take(order)
            del text
            give_back()
            return found
        if not self._codes:
            return pa.DictionaryArray.from_arrays(
                pa.nulls(self._missing, pa.int32()), pa.array([], pa.string())
            )
        words = sorted(self._words)
        code_of = np.full(len(words) + 1, -1, dtype=np.int32)
        code_of[[self._words[word] for word in words]] = np.arange(len(words), dtype=np.int32)
        codes = code_of[np.concatenate(self._codes)[order.to_numpy()]]
        return pa.DictionaryArray.from_arrays(_with_gaps(codes), pa.array(words, pa.string()))


def _with_gaps(codes: npt.NDArray[np.int32]) -> pa.Array:
    """Codes, null where there is none."""
    is_gap = codes < 0
    return pa.array(codes, mask=is_gap) if is_gap.any() else pa.array(codes)
