"""How forecasts turned out: record by horizon, series that did worse, dates that came true; what comes when. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import median

from markupsafe import Markup

from reports import charts
from reports import formats as f
from reports.records.forecast import DateScores, ReliabilityBin, Saturation, TrackRecord

BANDS = (
    ("1-7", "1 to 7 days"),
    ("8-30", "8 to 30 days"),
    ("31-90", "31 to 90 days"),
    ("91+", "beyond 90 days"),
    ("all", "all"),
)
LISTED = 8
CALENDAR_POOLS = 30
#: Fewer forecasts than this at one probability say nothing of it.
LEAST_FORECASTS = 5


@dataclass(frozen=True)
class BandRecord:
    """Medians over the series of one horizon band."""

    name: str
    series: int
    better: int
    median_mase: float
    median_ratio: float | None
    coverage: float
    median_bias: float


@dataclass(frozen=True)
class Calendar:
    """Pools that may run out within the horizon: drawn for wide and narrow pages."""

    wide: Markup
    narrow: Markup
    rows: tuple[charts.TimelineRow, ...]
    total: int


@dataclass(frozen=True)
class RecordPage:
    """What the forecasts page says of forecasts that have been overtaken by the days."""

    bands: tuple[BandRecord, ...]
    worse: tuple[TrackRecord, ...]
    worse_count: int
    fallback_count: int
    drift_count: int
    published_count: int
    replayed_count: int
    day_count: int
    bins: tuple[ReliabilityBin, ...]
    reliability: Markup | None
    dates: tuple[DateScores, ...]
    calendar: Calendar | None


def record_page(
    records: Sequence[TrackRecord],
    bins: Sequence[ReliabilityBin],
    dates: Sequence[DateScores],
    pools: Sequence[Saturation],
    names: Mapping[str, str],
    as_of: date,
) -> RecordPage:
    """`names` are those of the services."""
    whole = [record for record in records if record.horizon_band == "all"]
    worse = [record for record in whole if record.is_worse_than_naive]
    worse.sort(key=lambda r: (-(r.own_wql or 0.0) / (r.own_naive_wql or 1.0), r.series_id))
    told = tuple(b for b in bins if b.level == "pool" and b.forecast_count >= LEAST_FORECASTS)
    return RecordPage(
        bands=tuple(
            _band(name, own) for key, name in BANDS if (own := [r for r in records if r.horizon_band == key])
        ),
        worse=tuple(worse[:LISTED]),
        worse_count=len(worse),
        fallback_count=sum(record.is_fallback_due for record in whole),
        drift_count=sum(bool(record.is_drifting) for record in whole),
        published_count=max((r.forecast_count - r.replayed_count for r in whole), default=0),
        replayed_count=max((r.replayed_count for r in whole), default=0),
        day_count=max((r.day_count for r in whole), default=0),
        bins=told,
        reliability=charts.reliability("reliability-chart", told) if told else None,
        dates=tuple(dates),
        calendar=_calendar(pools, names, as_of),
    )


def _band(name: str, records: Sequence[TrackRecord]) -> BandRecord:
    ratios = [record.wql / record.naive_wql for record in records if record.naive_wql]
    return BandRecord(
        name=name,
        series=len(records),
        better=sum(record.naive_wql is not None and record.wql < record.naive_wql for record in records),
        median_mase=median(record.mase for record in records),
        median_ratio=median(ratios) if ratios else None,
        coverage=sum(record.coverage_80_ratio for record in records) / len(records),
        median_bias=median(record.bias_ratio for record in records),
    )


def _calendar(pools: Sequence[Saturation], names: Mapping[str, str], as_of: date) -> Calendar | None:
    due = [pool for pool in pools if pool.p10_date is not None]
    if not due:
        return None
    due.sort(key=lambda p: (p.p50_date or date.max, p.p10_date or date.max, p.series_id))
    rows = tuple(
        charts.TimelineRow(_name(pool, names), pool, pool.decision_date) for pool in due[:CALENDAR_POOLS]
    )
    end = as_of + timedelta(days=max(pool.horizon_days or 0 for pool in due))
    wide, narrow = (
        charts.timeline(f"calendar-{size}", rows, as_of, end, narrow=size == "narrow", what="pools")
        for size in ("wide", "narrow")
    )
    return Calendar(wide, narrow, rows, len(due))


def _name(pool: Saturation, names: Mapping[str, str]) -> str:
    service = names.get(pool.service_id or "", pool.service_id or "")
    return f"{service}: {f.resource(pool.resource)}"
