"""Service levels: outcome by week, error budgets, availability, watermelons, and the sources' own clocks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class WeekOutcome:
    """How many targets of one measure were judged in a week, and how many of them were met."""

    service_id: str
    measure: str
    period_start_date: date
    judged: int
    met: int


@dataclass(frozen=True)
class ErrorBudget:
    """What a target allows to be bad in the month so far, what was bad, and how fast it burns.

    Burn rates are multiples of the rate that spends the budget exactly; counts are of `counted`.
    """

    service_id: str
    target_id: str
    counted: str
    bad_count: float
    error_budget_count: float
    error_budget_left_count: float
    error_budget_used_ratio: float
    burn_rate_1h: float | None
    burn_rate_6h: float | None
    burn_rate_24h: float | None
    burn_rate_72h: float | None
    alert_state: str | None
    page_hours: int | None
    ticket_hours: int | None


@dataclass(frozen=True)
class Availability:
    """One service or configuration item in one month of agreed time, in minutes.

    Moments for which a supplier answers by assignment and by contract are in both of these, once in the sum.
    """

    subject_kind: str
    subject_id: str
    subject_name: str | None
    month_start_date: date
    agreed_minutes: float
    excluded_minutes: float
    downtime_minutes: float
    measured_downtime_minutes: float
    recorded_downtime_minutes: float
    supplier_downtime_minutes: float
    assigned_supplier_downtime_minutes: float
    contract_supplier_downtime_minutes: float
    availability_ratio: float | None
    failure_count: int
    mtbf_minutes: float | None
    mtrs_minutes: float | None
    mtbsi_minutes: float | None
    serviceability_ratio: float | None
    coverage_ratio: float | None


@dataclass(frozen=True)
class Watermelon:
    """Evidence against a period in which a service met all its targets."""

    service_id: str
    period: str
    period_start_date: date
    period_end_date: date
    evidence: str
    contradicts: str
    evidence_value: float
    comparator: str
    threshold_value: float
    unit: str
    case_count: float
    met_target_count: int


@dataclass(frozen=True)
class ClockDifference:
    """Incidents whose source judges its own clock, by why it differs from ours."""

    difference: str
    incidents: int
