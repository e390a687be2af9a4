"""What CloudWatch is told: which of its series feed which metric, how finely, and how long days are read again."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from assets.connectors.base import SourceName
from assets.connectors.freshness import Freshness
from assets.connectors.queries import see_one_query_a_metric
from assets.landing.declaration import Unit

DAY_SECONDS = 86_400
#: Statistics that grow with the period: landed as a rate a second, so that periods compare.
COUNTED = ("Sum", "SampleCount")
#: For so long a day may still change: values are taken up to two weeks back, and those older than a day "can take at
#: least 48 hours to become available" (API reference, PutMetricData).
LATE_DAYS = 16
_PERCENTILE = re.compile(r"^p\d{1,2}(\.\d{1,2})?$")
Name = Annotated[str, Field(min_length=1, max_length=255)]


class CloudWatchQuery(BaseModel):
    """One metric: which series of CloudWatch feed it, by which statistic.

    The value of `ci_dimension` names the configuration item; `ci_map` renames it, and its keys are asked for even when
    CloudWatch no longer lists them. `dimensions` are the other dimensions, which must be all that the series has.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    metric: str = Field(min_length=1, max_length=512)
    namespace: Name
    metric_name: Name
    stat: str
    unit: Unit
    ci_dimension: Name
    dimensions: dict[str, str] = Field(default_factory=dict)
    ci_map: dict[str, str] = Field(default_factory=dict)
    period_seconds: int | None = Field(default=None, ge=60, le=DAY_SECONDS)

    @field_validator("stat")
    @classmethod
    def _known_statistic(cls, stat: str) -> str:
        if stat in ("Average", "Minimum", "Maximum", *COUNTED) or _PERCENTILE.match(stat):
            return stat
        raise ValueError(
            f"{stat!r} is no statistic that is read; fix: use Average, Minimum, Maximum, Sum, SampleCount or p95"
        )

    @field_validator("period_seconds")
    @classmethod
    def _whole_minutes(cls, period: int | None) -> int | None:
        return None if period is None else _checked_period(period)

    @model_validator(mode="after")
    def _statistic_fits(self) -> CloudWatchQuery:
        if self.stat in COUNTED and not self.unit.endswith("/s"):
            raise ValueError(
                f"unit: {self.stat} is landed as a rate a second; fix: write a unit such as {{request}}/s or By/s"
            )
        if _PERCENTILE.match(self.stat) and not self.metric.endswith(f".{self.stat}"):
            raise ValueError(
                f"metric: a percentile cannot be averaged with other values; fix: call it {self.metric}.{self.stat}"
            )
        if self.ci_dimension in self.dimensions:
            raise ValueError(f"dimensions: {self.ci_dimension} is the ci_dimension; fix: remove it there")
        return self


class CloudWatchSource(Freshness):
    """Configuration of one account and region. Credentials come from the SDK's own chain, never from the file.

    Every `census_every_days` (null: never) the `census_days` before the days of a run are read again.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Literal["cloudwatch"]
    name: SourceName
    region: str | None = None
    profile: str | None = None
    period_seconds: int = Field(60, ge=60, le=DAY_SECONDS)
    timeout_seconds: float = Field(60.0, gt=0)
    requests_per_second: float | None = Field(10.0, gt=0)
    census_every_days: int | None = Field(7, ge=1, le=366)
    census_days: int = Field(LATE_DAYS, ge=1, le=455)
    queries: tuple[CloudWatchQuery, ...] = Field(min_length=1)

    @field_validator("period_seconds")
    @classmethod
    def _whole_minutes(cls, period: int) -> int:
        return _checked_period(period)

    @field_validator("queries")
    @classmethod
    def _one_query_a_metric(cls, queries: tuple[CloudWatchQuery, ...]) -> tuple[CloudWatchQuery, ...]:
        see_one_query_a_metric(query.metric for query in queries)
        return queries


def _checked_period(period: int) -> int:
    if period % 60 or DAY_SECONDS % period:
        raise ValueError(f"{period} s is not minutes that divide a day; fix: use 60, 300, 3600 or 86400")
    return period
