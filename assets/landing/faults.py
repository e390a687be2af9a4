"""One way to say what is wrong with rows, whether casting or a suite of checks found it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.int64]
SHORT = 80


@dataclass(frozen=True)
class Fault:
    """Rows of a batch (positions from 0, ascending) that break one rule.

    `what` and `fix` are one text for all rows or one for each. `is_known` marks rows that the declaration
    excludes: they go to quarantine but are no failure.
    """

    rule: str
    field: str
    rows: Rows
    what: str | Sequence[str]
    fix: str | Sequence[str]
    is_known: bool = False

    def text_of(self, position: int) -> tuple[str, str]:
        """(what, fix) of the row at `position` in `rows`."""
        what = self.what if isinstance(self.what, str) else self.what[position]
        fix = self.fix if isinstance(self.fix, str) else self.fix[position]
        return what, fix

    def restricted(self, keep: npt.NDArray[np.bool_]) -> Fault:
        """The same fault on the rows for which the mask `keep` (one entry a row of the batch) is true."""
        chosen = np.flatnonzero(keep[self.rows]).tolist()
        if len(chosen) == len(self.rows):
            return self
        what = self.what if isinstance(self.what, str) else [self.what[i] for i in chosen]
        fix = self.fix if isinstance(self.fix, str) else [self.fix[i] for i in chosen]
        return Fault(self.rule, self.field, self.rows[chosen], what, fix, self.is_known)

    def between(self, start: int, end: int) -> Fault:
        """The same fault on rows `start` to `end` − 1."""
        low, high = np.searchsorted(self.rows, [start, end]).tolist()
        what = self.what if isinstance(self.what, str) else self.what[low:high]
        fix = self.fix if isinstance(self.fix, str) else self.fix[low:high]
        return Fault(self.rule, self.field, self.rows[low:high], what, fix, self.is_known)

    def moved(self, positions: Rows, start: int = 0) -> Fault:
        """The same fault where row `start + i` is called `positions[i]` (ascending)."""
        rows = positions[self.rows - start]
        return Fault(self.rule, self.field, rows, self.what, self.fix, self.is_known)


@dataclass(frozen=True)
class RuleOutcome:
    """How many rows one rule looked at, and those that break it (None: no row does)."""

    name: str
    rows_checked: int
    fault: Fault | None


def joined(parts: Sequence[RuleOutcome], starts: Sequence[int]) -> RuleOutcome:
    """One rule's outcomes on consecutive slices, which begin at rows `starts`, as one outcome."""
    checked = sum(part.rows_checked for part in parts)
    found = [(part.fault, start) for part, start in zip(parts, starts, strict=True) if part.fault is not None]
    if not found:
        return RuleOutcome(parts[0].name, checked, None)
    first = found[0][0]
    rows = np.concatenate([fault.rows + start for fault, start in found])
    what = [text for fault, _ in found for text in _texts(fault.what, len(fault.rows))]
    fix = [text for fault, _ in found for text in _texts(fault.fix, len(fault.rows))]
    return RuleOutcome(first.rule, checked, Fault(first.rule, first.field, rows, what, fix, first.is_known))


def _texts(text: str | Sequence[str], count: int) -> Sequence[str]:
    return [text] * count if isinstance(text, str) else text


def faulty_mask(faults: Iterable[Fault], row_count: int) -> npt.NDArray[np.bool_]:
    """True for each of `row_count` rows that any fault names."""
    mask = np.zeros(row_count, dtype=bool)
    for fault in faults:
        mask[fault.rows] = True
    return mask


def shorten(value: object) -> str:
    """A value as a person may read it in one line: text quoted, control characters escaped, not too long."""
    text = value if isinstance(value, str) else str(value)
    shown = repr(text[: SHORT + 1]) if isinstance(value, str) else text
    if len(text) <= SHORT:
        return shown
    return f"{shown[:SHORT]}… ({len(text):,} characters)"
