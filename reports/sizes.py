"""Right-sizing: which sizes fit better, how often demand would have crossed them, and why others do not. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from reports import formats as f
from reports.records.planning import SizeOfItem, SizesTaken
from reports.settings import ReportSettings

#: The resource that a reason speaks of (`assets/capacity/rightsizing_verdicts.py`).
_RESOURCE = re.compile(r"(?<![\w.-])[\w.]+(?= (?:needs|will need|crossed in|leaves less)\b)")


@dataclass(frozen=True)
class SizeLine:
    """Items of one group that have the same size and the same answer; the back-test is that of the worst of them."""

    item: SizeOfItem
    names: tuple[str, ...]
    monthly_saving: float | None
    effective_saving: float | None
    saved_cost: float | None

    @property
    def count(self) -> int:
        """How many items."""
        return len(self.names)

    @property
    def why(self) -> str:
        """The reason as the rest of the report writes resources and shares."""
        told = _RESOURCE.sub(lambda found: f.resource(found[0]), self.item.reason or "")
        return re.sub(r"(?<=\d)%", f"{f.NARROW_SPACE}%", told)


@dataclass(frozen=True)
class Sizes:
    """The section on sizes: too small first, then too large, then those that nothing is proposed for and why."""

    answer: str
    backtest: tuple[str, ...]
    up: tuple[SizeLine, ...]
    down: tuple[SizeLine, ...]
    refused: tuple[SizeLine, ...]
    hidden: int
    kept: int


def sizes(rows: Sequence[SizeOfItem], taken: Sequence[SizesTaken], settings: ReportSettings) -> Sizes:
    """The section for `rows`; groups of equal items are one line, the largest saving first."""
    proposed = [row for row in rows if row.verdict == "proposed"]
    refused = [row for row in rows if row.verdict != "proposed" and not _is_plain_keep(row)]
    up = _lines(row for row in proposed if row.direction == "up")
    down = _lines(row for row in proposed if row.direction == "down")
    no = _lines(refused)
    listed = settings.listed_sizes
    return Sizes(
        answer=answer(rows),
        backtest=tuple(backtest(row) for row in taken),
        up=up[:listed],
        down=down[:listed],
        refused=no[:listed],
        hidden=sum(max(0, len(lines) - listed) for lines in (up, down, no)),
        kept=sum(1 for row in rows if _is_plain_keep(row)),
    )


def answer(rows: Sequence[SizeOfItem]) -> str:
    """How many items are too large, too small or beyond the ladder, and what that is worth a month."""
    if not rows:
        return "No configuration item has a size ladder: sizes come from the source of table size_ladders."
    proposed = [row for row in rows if row.verdict == "proposed"]
    parts = []
    for direction, words in (("down", "larger than needed"), ("up", "too small")):
        own = [row for row in proposed if row.direction == direction]
        if own:
            worth = _worth(own, "would be saved" if direction == "down" else "more")
            parts.append(f"{f.counted(len(own), 'item is', 'items are')} {words}{worth}")
    beyond = sum(1 for row in rows if row.verdict == "no_size_fits")
    if beyond:
        parts.append(
            f"for {f.counted(beyond, 'item')} that {_is_are(beyond)} too small no size of the ladder is enough"
        )
    rest = sum(1 for row in rows if row.verdict == "keep")
    if rest:
        parts.append(f"{f.counted(rest, 'keeps its size', 'keep their size')}")
    unknown = sum(1 for row in rows if row.verdict == "not_assessed")
    if unknown:
        parts.append(f"{f.counted(unknown, 'could', 'could')} not be assessed")
    return "; ".join(parts) + "."


def backtest(row: SizesTaken) -> str:
    """What would have come of the cheaper sizes, had they been taken at the first decision date."""
    text = (
        f"Had the {f.counted(row.proposed, 'smaller size')} been taken on {f.day(row.decision_date)}, demand would "
        f"have crossed them in {f.integer(row.breached_weeks)} of {f.counted(row.tested_weeks, 'week')} since then"
    )
    if row.saved_cost is not None:
        text += f", and {f.money(row.saved_cost, row.currency)} would have been saved at list prices"
    text += "."
    if row.rejected:
        crossed = f.counted(row.rejected_breached, "was", "were")
        text += (
            f" {f.counted(row.rejected, 'other cheaper size')} held what was known that day and"
            f" {'is' if row.rejected == 1 else 'are'} not proposed; {crossed} crossed later."
        )
    return text


def _worth(rows: Sequence[SizeOfItem], words: str) -> str:
    by_currency: Counter[str] = Counter()
    for row in rows:
        if row.monthly_saving is not None:
            by_currency[row.currency or ""] += row.monthly_saving  # type: ignore[assignment]
    amounts = [f.money(abs(value), currency or None) for currency, value in sorted(by_currency.items())]
    return f" ({' and '.join(amounts)} a month {words})" if amounts else ""


def _is_are(count: int) -> str:
    return "is" if count == 1 else "are"


def _is_plain_keep(row: SizeOfItem) -> bool:
    """No cheaper size would have held even the last weeks: nothing was weighed, so there is nothing to explain."""
    return row.verdict == "keep" and not row.rejected_sizes


def _lines(rows: Iterable[SizeOfItem]) -> tuple[SizeLine, ...]:
    groups: dict[tuple[str | None, ...], list[SizeOfItem]] = {}
    for row in rows:
        where = row.redundancy_group or row.ci_id
        key = (row.service_name, where, row.present_size, row.proposed_size, row.verdict, row.currency)
        groups.setdefault(key, []).append(row)
    lines = [_line(members) for members in groups.values()]
    return tuple(sorted(lines, key=lambda line: (-abs(line.monthly_saving or 0), line.item.ci_id)))


def _line(members: Sequence[SizeOfItem]) -> SizeLine:
    worst = max(members, key=lambda row: (row.breach_ratio or 0, row.present_breached_weeks or 0))
    return SizeLine(
        item=worst,
        names=tuple(sorted(row.ci_name or row.ci_id for row in members)),
        monthly_saving=_sum(row.monthly_saving for row in members),
        effective_saving=_sum(row.effective_monthly_saving for row in members),
        saved_cost=_sum(row.saved_cost for row in members),
    )


def _sum(values: Iterable[float | None]) -> float | None:
    """The sum, or None when a part is not known."""
    known = list(values)
    return None if any(value is None for value in known) else sum(value or 0.0 for value in known)
