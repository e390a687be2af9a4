"""The overview page: which services run out of room when, most urgent first. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from markupsafe import Markup

from reports import charts, marks, wording
from reports.levels import LEVELS, Level, level_of, urgency
from reports.records.capacity import ServiceCapacity
from reports.records.forecast import Saturation
from reports.records.operation import ServiceLevel
from reports.records.service import Estate, Service
from reports.records.version import Manifest
from reports.settings import ReportSettings


@dataclass(frozen=True)
class ServiceLine:
    """One row of the overview's table."""

    rank: int
    service: Service
    slug: str
    level: Level
    capacity: ServiceCapacity | None
    vessel: Markup
    spark: Markup
    saturation: Saturation | None
    first_pool: Saturation | None
    deciding: Saturation | None
    interval: str
    levels: tuple[ServiceLevel, ...]
    attainment: str
    missed: int
    open_incidents: int

    @property
    def search_text(self) -> str:
        """What the filter looks in."""
        capacity = self.capacity
        parts = [self.service.service_name, self.service.owner, self.service.team_name, self.level.word]
        parts.append(capacity.bottleneck_resource if capacity else None)
        return " ".join(part for part in parts if part).lower()


@dataclass(frozen=True)
class Quality:
    """The data-quality banner."""

    passed: int
    failed_errors: int
    failed_warnings: int
    received: int
    landed: int
    quarantined: int
    is_conserved: bool

    @property
    def checks(self) -> int:
        """All checks of this version."""
        return self.passed + self.failed_errors + self.failed_warnings

    @property
    def is_clean(self) -> bool:
        """Nothing failed and every row is accounted for."""
        return self.is_conserved and not (self.failed_errors or self.failed_warnings)


@dataclass(frozen=True)
class Picture:
    """A chart in its wide and narrow form."""

    wide: Markup
    narrow: Markup


@dataclass(frozen=True)
class Overview:
    """Everything that the template of the overview prints."""

    answer: Markup
    lines: tuple[ServiceLine, ...]
    level_counts: tuple[tuple[Level, int], ...]
    picture: Picture | None
    drawn: int
    undrawn: int
    unlikely: int
    no_forecast: int
    horizon_end: date | None
    forecast_as_of: date | None
    open_incidents: int
    unassigned_incidents: int
    has_incidents: bool
    targets_met: int
    targets_judged: int
    has_targets: bool
    low_coverage: int


def quality_of(manifest: Manifest) -> Quality:
    """Checks and row counts of the version."""
    failed = [check for check in manifest.checks if not check.passed]
    return Quality(
        passed=len(manifest.checks) - len(failed),
        failed_errors=sum(1 for check in failed if check.severity == "error"),
        failed_warnings=sum(1 for check in failed if check.severity != "error"),
        received=sum(i.rows_received for i in manifest.inputs),
        landed=sum(i.rows_landed for i in manifest.inputs),
        quarantined=sum(i.rows_quarantined for i in manifest.inputs),
        is_conserved=all(i.is_conserved for i in manifest.inputs),
    )


def service_lines(
    estate: Estate, slugs: Mapping[str, str], settings: ReportSettings
) -> tuple[ServiceLine, ...]:
    """One line a service, most urgent first."""

    def order(service: Service) -> tuple[object, ...]:
        key = service.service_id
        capacity = estate.capacities.get(key)
        headroom = capacity.headroom_ratio if capacity else None
        missed, opened = _missed(estate.levels.get(key, ())), estate.open_incidents.get(key, 0)
        return urgency(service, headroom, estate.saturations.get(key), missed, opened)

    ordered = sorted(estate.services, key=order)
    return tuple(
        _line(rank, service, estate, slugs, settings) for rank, service in enumerate(ordered, start=1)
    )


def overview(
    manifest: Manifest, estate: Estate, lines: Sequence[ServiceLine], settings: ReportSettings
) -> Overview:
    """The overview of an estate."""
    as_of = manifest.as_of_date
    saturations = list(estate.saturations.values())
    ends = [end for s in saturations if (end := wording.horizon_end(s)) is not None]
    end = max(ends, default=None)
    expected = [
        line for line in lines if line.saturation is not None and line.saturation.p10_date is not None
    ]
    expected.sort(key=lambda line: _when(line.saturation, line.rank))
    drawn = expected[: settings.timeline_services]
    judged = [level for levels in estate.levels.values() for level in levels if level.is_met is not None]
    known = {service.service_id for service in estate.services}
    return Overview(
        answer=wording.overview(estate, as_of),
        lines=tuple(lines),
        level_counts=tuple((level, sum(1 for line in lines if line.level == level)) for level in LEVELS),
        picture=_picture(drawn, as_of, end) if drawn and end else None,
        drawn=len(drawn),
        undrawn=len(expected) - len(drawn),
        unlikely=sum(1 for line in lines if line.saturation and line.saturation.p10_date is None),
        no_forecast=sum(1 for line in lines if line.saturation is None),
        horizon_end=end,
        forecast_as_of=max((s.as_of_date for s in saturations), default=None),
        open_incidents=sum(estate.open_incidents.values()),
        unassigned_incidents=sum(n for key, n in estate.open_incidents.items() if key not in known),
        has_incidents=estate.has_incidents,
        targets_met=sum(1 for level in judged if level.is_met),
        targets_judged=len(judged),
        has_targets=bool(estate.levels),
        low_coverage=sum(1 for c in estate.capacities.values() if c.is_low_coverage and c.pool_count),
    )


def _line(
    rank: int, service: Service, estate: Estate, slugs: Mapping[str, str], settings: ReportSettings
) -> ServiceLine:
    key = service.service_id
    capacity = estate.capacities.get(key)
    saturation = estate.saturations.get(key)
    levels = estate.levels.get(key, ())
    utilisation = estate.utilisation.get(key, ())
    headroom = capacity.headroom_ratio if capacity else None
    return ServiceLine(
        rank=rank,
        service=service,
        slug=slugs[key],
        level=level_of(headroom, settings),
        capacity=capacity,
        vessel=marks.vessel(headroom),
        spark=marks.sparkline(utilisation, marks.spread_sentence(utilisation)),
        saturation=saturation,
        first_pool=estate.first_pools.get(key),
        deciding=estate.decisions.get(key, saturation),
        interval=wording.interval(saturation) if saturation else "",
        levels=levels,
        attainment=wording.attainment(levels),
        missed=_missed(levels),
        open_incidents=estate.open_incidents.get(key, 0),
    )


def _picture(lines: Sequence[ServiceLine], as_of: date, end: date) -> Picture:
    rows = [
        charts.TimelineRow(line.service.service_name, line.saturation, _decision_date(line))
        for line in lines
        if line.saturation
    ]
    end = max(end, as_of + timedelta(days=1))
    return Picture(
        wide=charts.timeline("when-wide", rows, as_of, end, narrow=False),
        narrow=charts.timeline("when-narrow", rows, as_of, end, narrow=True),
    )


def _when(saturation: Saturation | None, rank: int) -> tuple[date, date, int]:
    p50 = saturation.p50_date if saturation else None
    p10 = saturation.p10_date if saturation else None
    return (p50 or date.max, p10 or date.max, rank)


def _missed(levels: Sequence[ServiceLevel]) -> int:
    return sum(1 for level in levels if level.is_met is False)


def _decision_date(line: ServiceLine) -> date | None:
    return line.deciding.decision_date if line.deciding else None
