"""What services and units of business demand cost."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class ServiceCost:
    """What a service cost in one month, in one currency. Headroom and idle cost are parts of the whole."""

    month_start_date: date
    billing_currency: str
    is_partial_month: bool
    effective_cost: float | None
    direct_cost: float | None
    shared_cost: float | None
    headroom_cost: float | None
    idle_cost: float | None
    ci_count: int | None


@dataclass(frozen=True)
class UnitCost:
    """What one unit of a business driver cost in one month, and the gain against the agreed baseline."""

    driver_id: str
    driver_name: str | None
    month_start_date: date
    billing_currency: str
    unit: str | None
    demand_value: float | None
    unit_cost: float | None
    efficiency_gain_ratio: float | None
    is_low_coverage: bool | None
