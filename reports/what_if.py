"""The what-if page: each scenario side by side with today. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from reports import formats as f
from reports import marks
from reports.levels import Level, level_of
from reports.records.planning import Scenario, WhatIf
from reports.settings import ReportSettings


@dataclass(frozen=True)
class WhatIfLine:
    """One service today and under the scenario."""

    row: WhatIf
    today_level: Level
    today_vessel: Markup
    scenario_level: Level
    scenario_vessel: Markup


@dataclass(frozen=True)
class ScenarioPart:
    """One scenario: its answer in a sentence, and the services that it touches."""

    scenario: Scenario
    answer: str
    lines: tuple[WhatIfLine, ...]
    untouched: int
    notes: tuple[str, ...]


def what_if(
    scenarios: Sequence[tuple[Scenario, Sequence[WhatIf]]], settings: ReportSettings
) -> tuple[ScenarioPart, ...]:
    """The parts of the page, in the order of the scenarios."""
    return tuple(_part(scenario, rows, settings) for scenario, rows in scenarios)


def _part(scenario: Scenario, rows: Sequence[WhatIf], settings: ReportSettings) -> ScenarioPart:
    touched = [row for row in rows if row.is_touched]
    return ScenarioPart(
        scenario=scenario,
        answer=answer(rows),
        lines=tuple(
            WhatIfLine(
                row,
                level_of(row.today_headroom_ratio, settings),
                marks.vessel(row.today_headroom_ratio),
                level_of(row.scenario_headroom_ratio, settings),
                marks.vessel(row.scenario_headroom_ratio),
            )
            for row in touched
        ),
        untouched=len(rows) - len(touched),
        notes=tuple(dict.fromkeys(row.notes for row in rows if row.notes)),
    )


def answer(rows: Sequence[WhatIf]) -> str:
    """How many services are short under the scenario, how many today, and what it costs a month."""
    if not rows:
        return "The scenario has not been computed for this day."
    today = sum(_is_short(row.today_headroom_ratio) for row in rows)
    then = sum(_is_short(row.scenario_headroom_ratio) or bool(row.lost_pool_count) for row in rows)
    services = "service is" if then == 1 else "services are"
    text = f"{then} {services} beyond usable capacity, {today} today."
    costs = [(row.today_monthly_cost, row.scenario_monthly_cost) for row in rows]
    known = [(before, after) for before, after in costs if before is not None and after is not None]
    currencies = {row.currency for row in rows if row.currency}
    if known and len(currencies) == 1:
        delta = sum(after for _, after in known) - sum(before for before, _ in known)
        text += f" Cost a month: {f.money_change(delta, currencies.pop())}."
    return text


def _is_short(headroom_ratio: float | None) -> bool:
    return headroom_ratio is not None and headroom_ratio < 0
