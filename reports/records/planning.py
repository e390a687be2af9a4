"""What could be done: what-if scenarios, the improvement register, sizes that fit better."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime


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


@dataclass(frozen=True)
class Improvement:
    """One row of the improvement register.

    Benefits are in the unit of `benefit_measure`, amounts in `amount_unit`, costs in `currency`. `pooling` to
    `usable_value` are those of its pool.
    """

    improvement_id: str
    kind: str
    subject: str
    title: str | None
    service_id: str | None
    service_name: str | None
    ci_name: str | None
    redundancy_group: str | None
    pooling: str | None
    member_count: int | None
    tolerance: int | None
    usable_value: float | None
    resource: str | None
    reason: str | None
    owner: str | None
    state: str
    state_changed_at: datetime | None
    state_changed_by: str | None
    state_reason: str | None
    change_id: str | None
    first_seen_date: date | None
    is_current: bool
    benefit_measure: str | None
    expected_benefit_value: float | None
    expected_benefit_low_value: float | None
    expected_benefit_high_value: float | None
    amount_value: float | None
    amount_unit: str | None
    one_off_cost: float | None
    monthly_cost: float | None
    currency: str | None
    risk: str | None
    effort_days: float | None
    decision_date: date | None
    priority_score: float | None
    done_date: date | None
    days_after: int | None
    measured_benefit_value: float | None
    realised_ratio: float | None
    verdict: str | None

    @property
    def is_size(self) -> bool:
        """Changes of size are listed with their back-test."""
        return self.kind in ("right_size_up", "right_size_down")


@dataclass(frozen=True)
class SizeOfItem:
    """Whether the size of one configuration item fits, with the back-test of the proposed size, or of the present one.

    Costs a month at list prices, `effective_monthly_saving` at what is really paid. `decided_date` is the first past
    day on which the proposed size would have been taken, `saved_cost` what that would have saved since.
    """

    ci_id: str
    ci_name: str | None
    redundancy_group: str | None
    service_id: str | None
    service_name: str | None
    direction: str
    verdict: str
    present_size: str | None
    proposed_size: str | None
    deciding_resource: str | None
    required_value: float | None
    size_limit_value: float | None
    monthly_saving: float | None
    effective_monthly_saving: float | None
    currency: str | None
    tested_weeks: int | None
    breached_weeks: int | None
    breach_ratio: float | None
    breach_low_ratio: float | None
    breach_high_ratio: float | None
    present_breached_weeks: int | None
    rejected_sizes: int | None
    reason: str | None
    decided_date: date | None
    saved_cost: float | None
    state: str | None


@dataclass(frozen=True)
class SizesTaken:
    """What would have come of the cheaper sizes, had they been taken at the first past decision date; one currency."""

    decision_date: date
    currency: str | None
    proposed: int
    tested_weeks: int
    breached_weeks: int
    saved_cost: float | None
    rejected: int
    rejected_breached: int
