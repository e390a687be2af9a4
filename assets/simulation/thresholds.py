"""The agreed utilisation thresholds: the share of a limit that may be used. Targets and truth read them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from assets.simulation.estate import Estate, window_day
from assets.simulation.season import Floats


@dataclass(frozen=True)
class Threshold:
    """One agreement. Fractions place its first day, and the first day on which it no longer holds, in the
    window.
    """

    target_id: str
    service_id: str | None
    resource: str
    ratio: float
    from_fraction: float | None = None
    to_fraction: float | None = None


#: The cpu threshold was relaxed within the window; Payments keeps a stricter one of its own.
THRESHOLDS: tuple[Threshold, ...] = (
    Threshold("cap-cpu", None, "cpu", 0.75, to_fraction=0.3),
    Threshold("cap-cpu", None, "cpu", 0.80, from_fraction=0.3),
    Threshold("cap-cpu-payments", "payments", "cpu", 0.70),
    Threshold("cap-memory", None, "memory", 0.90),
    Threshold("cap-connections", None, "connections", 0.80),
    Threshold("cap-filesystem", None, "filesystem", 0.85),
    Threshold("cap-network", None, "network", 0.70),
    Threshold("cap-licences", None, "licence_seats", 0.95),
    Threshold("cap-data", None, "data_volume", 0.90),
    Threshold("cap-team-hours", None, "team_hours", 0.85),
)


def thresholds(estate: Estate, service_id: str, resource: str, days: int) -> Floats:
    """Threshold ratio on each of `days` days: the service's own where there is one, else the general one."""
    rows = [t for t in THRESHOLDS if t.resource == resource]
    own = [t for t in rows if t.service_id == service_id] or [t for t in rows if t.service_id is None]
    values = np.zeros(days)
    for threshold in own:
        first = 0 if threshold.from_fraction is None else window_day(estate.settings, threshold.from_fraction)
        stop = days if threshold.to_fraction is None else window_day(estate.settings, threshold.to_fraction)
        values[first:stop] = threshold.ratio
    return values
