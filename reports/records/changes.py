"""Changes: what they moved, who is in whose way, how often they fail; incidents that capacity caused."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True)
class Impact:
    """What a change moved: one metric of one kind of subject, told by the subject where it shows most clearly."""

    change_id: str
    title: str | None
    change_kind: str
    outcome: str | None
    service_id: str | None
    service_name: str | None
    ended_at: datetime
    metric: str
    subject_kind: str
    subject_name: str | None
    subject_count: int
    verdict: str
    before_value: float
    after_value: float
    expected_value: float
    effect_value: float
    effect_ratio: float | None
    effect_low: float
    effect_high: float
    q_value: float
    control_count: int
    reason: str | None


@dataclass(frozen=True)
class TestCount:
    """How many tests came to a verdict, or could not be made, and of how many changes."""

    verdict: str
    reason: str | None
    test_count: int
    change_count: int


@dataclass(frozen=True)
class Collision:
    """Two changes planned for the same time in the same place, the one that starts first named first."""

    change_id: str
    title: str | None
    change_kind: str
    other_change_id: str
    other_title: str | None
    other_kind: str
    scope: str
    place: str | None
    overlap_start_at: datetime
    overlap_minutes: float
    is_ahead: bool


@dataclass(frozen=True)
class FailureRate:
    """Changes of a kind and period that failed or were backed out, with their interval."""

    change_kind: str
    period_grain: str
    period_start_date: date
    change_count: int
    failed_count: int
    overrun_count: int
    failure_ratio: float
    failure_low_ratio: float
    failure_high_ratio: float


@dataclass(frozen=True)
class CapacityIncident:
    """An incident that capacity caused, or may have caused, with its strongest evidence."""

    incident_id: str
    title: str | None
    priority: int | None
    service_id: str
    service_name: str | None
    opened_at: datetime
    verdict: str
    confidence_ratio: float
    scope: str
    chance_ratio: float
    chance_basis: str
    ci_name: str | None
    resource: str
    saturated_minutes: float
    peak_usage_ratio: float
    started_at: datetime
    evidence_count: int


@dataclass(frozen=True)
class CauseCount:
    """Incidents by verdict."""

    verdict: str
    incident_count: int
