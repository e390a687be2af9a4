"""The KPI tree in the month of the as-of day, and what each service adds to a KPI."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class Kpi:
    """One node of the tree in the month so far; `quarter_…` is the same in the quarter so far."""

    kpi_id: str
    parent_id: str | None
    level: str
    kpi_name: str
    formula: str | None
    source: str | None
    unit: str | None
    owner: str
    is_default: bool
    weight: float
    numerator: float | None
    denominator: float | None
    value: float | None
    comparator: str | None
    target_value: float | None
    is_met: bool | None
    previous_value: float | None
    kpi_count: int | None
    judged_count: int | None
    met_count: int | None
    adds_up: str
    reason: str
    period_start_date: date
    quarter_value: float | None
    quarter_is_met: bool | None
    quarter_previous_value: float | None


@dataclass(frozen=True)
class KpiPart:
    """What one service adds to a KPI in the month so far."""

    kpi_id: str
    service_id: str
    service_name: str | None
    numerator: float
    denominator: float | None
    value: float | None
    is_met: bool | None
