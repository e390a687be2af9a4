"""The four kinds of resource: people, information, money and technology, with room left and when it runs out. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from markupsafe import Markup

from reports import formats as f
from reports import marks, wording
from reports.levels import Level, level_of
from reports.records.forecast import Saturation
from reports.records.resources import Capacity, KindCount, TeamWork
from reports.settings import ReportSettings

KINDS = {
    "human": "People",
    "information": "Licences and data",
    "financial": "Budgets",
    "technical": "Technical",
}


@dataclass(frozen=True)
class CapacityLine:
    """One resource with its room in words."""

    capacity: Capacity
    kind: str
    level: Level
    vessel: Markup
    demand: str
    usable: str
    now: str
    saturation: Saturation | None
    interval: str
    work: TeamWork | None


@dataclass(frozen=True)
class KindLine:
    """One kind with how many of its resources have too little room."""

    key: str
    name: str
    count: KindCount


@dataclass(frozen=True)
class ResourcesPage:
    """Everything that the template of the page on resources prints."""

    answer: str
    kinds: tuple[KindLine, ...]
    people: tuple[CapacityLine, ...]
    information: tuple[CapacityLine, ...]
    budgets: tuple[CapacityLine, ...]
    technical: tuple[CapacityLine, ...]
    technical_total: int


def resources_page(
    rows: Sequence[Capacity],
    technical: Sequence[Capacity],
    counts: Sequence[KindCount],
    work: Sequence[TeamWork],
    saturations: Mapping[str, Saturation],
    as_of: date,
    settings: ReportSettings,
) -> ResourcesPage:
    """The page: each kind with the least room first; `technical` is cut to the tightest."""
    lines = capacity_lines(rows, saturations, settings, {team.team_id: team for team in work})
    total = {count.resource_kind: count for count in counts}
    return ResourcesPage(
        answer=answer(rows, as_of),
        kinds=tuple(KindLine(key, name, total[key]) for key, name in KINDS.items() if key in total),
        people=tuple(line for line in lines if line.capacity.resource_kind == "human"),
        information=tuple(line for line in lines if line.capacity.resource_kind == "information"),
        budgets=tuple(line for line in lines if line.capacity.resource_kind == "financial"),
        technical=capacity_lines(technical, saturations, settings),
        technical_total=total["technical"].resources if "technical" in total else 0,
    )


def capacity_lines(
    rows: Sequence[Capacity],
    saturations: Mapping[str, Saturation],
    settings: ReportSettings,
    work: Mapping[str, TeamWork] | None = None,
) -> tuple[CapacityLine, ...]:
    """One line a resource, in the order given."""
    return tuple(_line(row, saturations.get(row.series_id), settings, work or {}) for row in rows)


def answer(rows: Sequence[Capacity], as_of: date) -> str:
    """Teams with more work than hours, licences and data sets that are full, budgets that end early."""
    parts = []
    for kind, one, many, words in (
        ("human", "team", "teams", "had more work than hours in {its} busiest week"),
        ("information", "licence or data set", "licences and data sets", "{is} beyond what may be used"),
        ("financial", "budget", "budgets", "will not last to {its} end if spending goes on as so far"),
    ):
        own = [row for row in rows if row.resource_kind == kind and row.headroom_ratio is not None]
        short = sum(1 for row in own if row.headroom_ratio is not None and row.headroom_ratio < 0)
        if own:
            is_one = short == 1
            verb = words.format(its="its" if is_one else "their", **{"is": "is" if is_one else "are"})
            parts.append(f"{short or 'none'} of {f.counted(len(own), one, many)} {verb}")
    if not parts:
        return f"Neither teams nor licences, data sets or budgets have a known limit on {f.day(as_of)}."
    return wording.capital("; ".join(parts)) + "."


def _shown(row: Capacity, value: float | None) -> str:
    if row.subject_kind == "budget":
        return f.money(value, row.unit)
    if row.subject_kind == "team" and value is not None:
        return f"{f.number(value)}{f.NARROW_SPACE}h"
    return f.quantity(value, row.unit)


def _line(
    row: Capacity, saturation: Saturation | None, settings: ReportSettings, work: Mapping[str, TeamWork]
) -> CapacityLine:
    now = {"team": "in the last seven days", "budget": "spent so far"}.get(
        row.subject_kind, "in the latest hour"
    )
    return CapacityLine(
        capacity=row,
        kind=KINDS.get(row.resource_kind, row.resource_kind),
        level=level_of(row.headroom_ratio, settings),
        vessel=marks.vessel(row.headroom_ratio),
        demand=_shown(row, row.demand_value),
        usable=_shown(row, row.usable_value),
        now=f"{_shown(row, row.demand_now_value)} {now}" if row.demand_now_value is not None else "",
        saturation=saturation,
        interval=wording.interval(saturation) if saturation else "",
        work=work.get(row.subject_id) if row.subject_kind == "team" else None,
    )
