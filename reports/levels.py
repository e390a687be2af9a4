"""How urgent a service is: the words for its headroom, the order of services, and which of their pools come first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from reports.records.capacity import ServiceCapacity
from reports.records.forecast import Saturation
from reports.records.service import Service
from reports.settings import ReportSettings


@dataclass(frozen=True)
class Level:
    """A class of headroom. Shape and word say the same as the colour."""

    key: str
    word: str
    shape: str


BEYOND = Level("beyond", "beyond capacity", "■")
CRITICAL = Level("critical", "critical", "▲")
LOW = Level("low", "low", "◆")
ENOUGH = Level("enough", "enough", "●")
UNKNOWN = Level("unknown", "not known", "○")
LEVELS = (BEYOND, CRITICAL, LOW, ENOUGH, UNKNOWN)


def level_of(headroom_ratio: float | None, settings: ReportSettings) -> Level:
    """The class of a headroom. At a threshold exactly, the better class holds."""
    if headroom_ratio is None:
        return UNKNOWN
    if headroom_ratio < 0:
        return BEYOND
    if headroom_ratio < settings.headroom_critical:
        return CRITICAL
    return LOW if headroom_ratio < settings.headroom_warning else ENOUGH


def urgency(
    service: Service,
    headroom_ratio: float | None,
    saturation: Saturation | None,
    missed_targets: int = 0,
    open_incidents: int = 0,
) -> tuple[bool, date, date, float, int, int, int, str]:
    """Sort key, most urgent first: beyond capacity, then earliest median date, earliest p10, least headroom.

    Services of which no room is known come last, those with missed targets and open incidents first among them.
    """
    p50 = saturation.p50_date if saturation else None
    p10 = saturation.p10_date if saturation else None
    return (
        headroom_ratio is None or headroom_ratio >= 0,
        p50 or date.max,
        p10 or date.max,
        float("inf") if headroom_ratio is None else headroom_ratio,
        -missed_targets,
        -open_incidents,
        service.criticality or 9,
        service.service_id,
    )


def first_to_run_out(
    pools: Iterable[Saturation], capacities: Mapping[str, ServiceCapacity]
) -> dict[str, Saturation]:
    """For each service the pool that runs out first: earliest median, then earliest p10, then the tightest today."""

    def order(pool: Saturation) -> tuple[date, date, bool, float, str]:
        capacity = capacities.get(pool.service_id or "")
        is_tightest = capacity is not None and capacity.bottleneck_pool_id == pool.pool_id
        chance = pool.probability_within_horizon or 0.0
        return (
            pool.p50_date or date.max,
            pool.p10_date or date.max,
            not is_tightest,
            -chance,
            pool.series_id,
        )

    found: dict[str, Saturation] = {}
    for pool in sorted(pools, key=order):
        if pool.service_id is not None:
            found.setdefault(pool.service_id, pool)
    return found


def first_to_decide(pools: Iterable[Saturation]) -> dict[str, Saturation]:
    """For each service the pool with the earliest day to decide; services without any such day are left out."""
    found: dict[str, Saturation] = {}
    for pool in sorted(
        pools, key=lambda p: (p.decision_date or date.max, p.p50_date or date.max, p.series_id)
    ):
        if pool.service_id is not None and pool.decision_date is not None:
            found.setdefault(pool.service_id, pool)
    return found
