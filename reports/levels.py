"""How urgent a service is: the words for its headroom and the order in which services are listed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

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
