"""What an operator may set about the report."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class ReportSettings(BaseModel):
    """Wording, thresholds and lengths of the report. Ratios are of usable capacity."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str = Field(default="Room left in our services", min_length=1, max_length=120)
    currency: str = Field(
        default="EUR", pattern="^[A-Z]{3}$", description="ISO 4217 code of amounts whose record names none."
    )
    headroom_warning: float = Field(
        default=0.20, ge=0, le=1, description="Headroom below this is called low."
    )
    headroom_critical: float = Field(
        default=0.05, ge=0, le=1, description="Headroom below this is called critical."
    )
    history_days: int = Field(default=90, ge=7, le=730, description="Days of history in charts.")
    timeline_services: int = Field(
        default=40, ge=1, le=200, description="Services drawn in the overview's picture."
    )
    listed_incidents: int = Field(
        default=15, ge=1, le=500, description="Open incidents listed on a service's page."
    )
    listed_changes: int = Field(
        default=15, ge=1, le=500, description="Latest changes listed on a service's page."
    )
    listed_resources: int = Field(
        default=150, ge=1, le=5000, description="Resources listed on a service's page."
    )
    listed_improvements: int = Field(
        default=60,
        ge=1,
        le=1000,
        description="Improvements listed, by priority, those done and rejected apart.",
    )
    listed_sizes: int = Field(
        default=60, ge=1, le=1000, description="Groups of items listed in each table of sizes."
    )
    listed_drivers: int = Field(
        default=12, ge=1, le=500, description="Business drivers listed on the overview."
    )
    listed_technical: int = Field(
        default=25, ge=1, le=1000, description="Technical resources listed on the page of resources."
    )
    listed_budgets: int = Field(
        default=30, ge=1, le=1000, description="Error budgets listed, those most used first."
    )
    listed_teams: int = Field(
        default=12, ge=0, le=200, description="Teams drawn on the page of the service desk."
    )
    listed_problems: int = Field(
        default=40, ge=1, le=1000, description="Problems listed, those that came back and open ones first."
    )
    listed_major: int = Field(default=20, ge=1, le=500, description="Latest major incidents listed.")
    event_days: int = Field(default=60, ge=7, le=730, description="Days of events in timelines.")
    listed_events: int = Field(default=40, ge=1, le=1000, description="Events listed, open ones first.")

    @model_validator(mode="after")
    def _critical_is_less_than_warning(self) -> Self:
        if self.headroom_critical >= self.headroom_warning:
            raise ValueError(
                f"headroom_critical ({self.headroom_critical}) must be less than "
                f"headroom_warning ({self.headroom_warning})"
            )
        return self
