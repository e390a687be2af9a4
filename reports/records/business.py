"""Room in business terms: how many more orders, users or seats there is room for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class BusinessRoom:
    """What one pool has room for, in units of one driver; refused with a reason where the data do not tell.

    `headroom_kind` is `a_day` (units a day more than on a busy day) or `in_total` (until what piles up is full).
    """

    driver_id: str
    driver_name: str | None
    driver_unit: str | None
    service_id: str
    service_name: str | None
    pool_id: str
    redundancy_group: str | None
    resource: str | None
    headroom_kind: str
    headroom_units: float | None
    headroom_units_low: float | None
    headroom_units_high: float | None
    is_tightest: bool
    busy_day_units: float | None
    lag_days: int | None
    elasticity_ratio: float | None
    day_count: int | None
    is_refused: bool
    reason: str | None

    @property
    def of_busy_day(self) -> float | None:
        """Room as a ratio of a busy day."""
        if self.headroom_units is None or not self.busy_day_units:
            return None
        return self.headroom_units / self.busy_day_units


@dataclass(frozen=True)
class DriverDemand:
    """Demand of a driver: mean day of the last four weeks, and of the four before."""

    driver_id: str
    driver_name: str | None
    driver_unit: str | None
    service_id: str
    mean_units: float | None
    earlier_mean_units: float | None
