"""What could be done: what-if scenarios."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class Scenario:
    """A what-if question and who asked it."""

    scenario_id: str
    scenario_name: str | None
    description: str | None
    author: str | None
    reason: str | None


@dataclass(frozen=True)
class WhatIf:
    """One service today and under a scenario."""

    scenario_id: str
    service_id: str
    service_name: str | None
    today_headroom_ratio: float | None
    scenario_headroom_ratio: float | None
    today_bottleneck_resource: str | None
    scenario_bottleneck_resource: str | None
    today_p50_date: date | None
    scenario_p50_date: date | None
    today_probability_within_horizon: float | None
    scenario_probability_within_horizon: float | None
    today_monthly_cost: float | None
    scenario_monthly_cost: float | None
    currency: str | None
    changed_pool_count: int | None
    lost_pool_count: int | None
    is_retired: bool | None
    notes: str | None

    @property
    def is_touched(self) -> bool:
        """Whether the scenario changes anything for the service."""
        return bool(self.changed_pool_count or self.is_retired) or (
            self.today_headroom_ratio,
            self.today_p50_date,
            self.today_monthly_cost,
        ) != (self.scenario_headroom_ratio, self.scenario_p50_date, self.scenario_monthly_cost)
