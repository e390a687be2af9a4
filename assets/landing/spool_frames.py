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


def frame_of(fields: Sequence[str], pages: Iterable[Sequence[PlainRow]], count: int) -> pa.Table:
    """`count` rows in the order of (time, key): one text column a field, then cells of other names, by name.

    Whether a column is coded, and by which codes, depends on its cells alone and not on how the pages were cut.
    """
    columns = {name: _Column(int(count * CODED_SHARE)) for name in fields}
    times, keys, done = [np.empty(0, dtype=np.int64)], [pa.array([], pa.string())], 0
    for rows in pages:
        for name in sorted({name for _, _, cells in rows for name in cells} - columns.keys()):
            columns[name] = _Column(int(count * CODED_SHARE), missing=done)
        for name, column in columns.items():
            column.add([cells.get(name) for _, _, cells in rows])
        times.append(np.array([micros or 0 for _, micros, _ in rows], dtype=np.int64))
        keys.append(pa.array([key for key, _, _ in rows], pa.string()))
        done += len(rows)
    sorting = pa.table({"time": np.concatenate(times), "key": pa.chunked_array(keys)})
    times.clear()
    keys.clear()
    give_back()
    order = pc.sort_indices(sorting, [("time", "ascending"), ("key", "ascending")])
    del sorting
    give_back()
    more = sorted(columns.keys() - set(fields))
    # Each column is let go when it is in order.
    return pa.table({name: columns.pop(name).in_order(order) for name in [*fields, *more]})


class _Column:
    """Cells of one column: codes of words while these are few, text once there are more than `limit`."""

    def __init__(self, limit: int, missing: int = 0) -> None:
        self._limit = limit
        self._words: dict[str, int] = {}
        self._codes: list[npt.NDArray[np.int32]] = [np.full(missing, -1, dtype=np.int32)]
        self._texts: list[pa.Array] | None = None

    def add(self, cells: list[str | None]) -> None:
        """The next cells."""
        texts = pa.array(cells, pa.string())
        if self._texts is not None:
            self._texts.append(texts)
            return
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
        words = sorted(self._words)
        code_of = np.full(len(words) + 1, -1, dtype=np.int32)
        code_of[[self._words[word] for word in words]] = np.arange(len(words), dtype=np.int32)
        codes = code_of[np.concatenate(self._codes)[order.to_numpy()]]
        return pa.DictionaryArray.from_arrays(_with_gaps(codes), pa.array(words, pa.string()))


def _with_gaps(codes: npt.NDArray[np.int32]) -> pa.Array:
    """Codes, null where there is none."""
    is_gap = codes < 0
    return pa.array(codes, mask=is_gap) if is_gap.any() else pa.array(codes)
