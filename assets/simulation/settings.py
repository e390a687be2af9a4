"""How large the simulated estate is, over which days, and from which seed."""

from __future__ import annotations

from datetime import date, timedelta

from pydantic import BaseModel, ConfigDict, Field, model_validator

#: Services that share one pair of load balancers.
SERVICES_A_LOAD_BALANCER_PAIR = 6


def load_balancer_pairs(services: int) -> int:
    """How many pairs of load balancers (one a site) `services` services need."""
    return -(-services // SERVICES_A_LOAD_BALANCER_PAIR)


class SimulationSettings(BaseModel):
    """Size, period and seed of a simulated estate; the same settings give the same bytes.

    `cis` counts every configuration item: endpoints, hosts, databases, volumes and load balancers.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int = Field(20260630, ge=0, lt=2**63)
    services: int = Field(24, ge=1, le=20_000)
    cis: int = Field(240, ge=4, le=1_000_000)
    days: int = Field(120, ge=14, le=1_500)
    end_date: date = Field(date(2026, 6, 30), ge=date(2000, 1, 1), le=date(2100, 1, 1))
    interval_seconds: int = Field(900, ge=60, le=3600)

    @property
    def start_date(self) -> date:
        """First simulated UTC day."""
        return self.end_date - timedelta(days=self.days - 1)

    @property
    def slots_per_day(self) -> int:
        """Samples a day of one series."""
        return 86_400 // self.interval_seconds

    @model_validator(mode="after")
    def _fits(self) -> SimulationSettings:
        if 3600 % self.interval_seconds:
            raise ValueError(
                f"interval_seconds: {self.interval_seconds} does not divide an hour; "
                "fix: use 60, 300, 900 or 1800"
            )
        needed = 2 * self.services + 2 * load_balancer_pairs(self.services)
        if self.cis < needed:
            raise ValueError(
                f"cis: {self.services} services need at least {needed} configuration items; "
                f"fix: raise cis to {needed}"
            )
        return self


def small_settings() -> SimulationSettings:
    """A small estate for tests: 4 services, 16 configuration items, 21 days."""
    return SimulationSettings(
        seed=20260630, services=4, cis=16, days=21, end_date=date(2026, 6, 30), interval_seconds=900
    )
