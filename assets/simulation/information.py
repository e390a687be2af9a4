"""Information resources: licence seats and data sets with quotas, as the asset management tool exports them.

What is used grows in a straight line: use = start + growth a day × day, with little noise. The files stand apart from
those of the other sources, because another tool delivers them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Literal

import numpy as np
import pandas as pd

from assets.simulation.calibration import GIBIBYTE
from assets.simulation.estate import FOUNDED, SITES, Estate, window_day
from assets.simulation.files import SourceFiles
from assets.simulation.season import Floats
from assets.simulation.seeds import generator
from assets.simulation.thresholds import thresholds

FOLDER = "sources/assets"
Information = Literal["licence_seats", "data_volume"]
#: Resource → (metric, unit, unit of limits, factor to it, kind of CI, suffix of its name, noise as a share).
_KINDS: dict[Information, tuple[str, str, str, float, str, str, float]] = {
    "licence_seats": ("software.licence.seats", "{seat}", "{seat}", 1.0, "licence", "licences", 0.0005),
    "data_volume": ("data.volume", "By", "GiBy", GIBIBYTE, "data_set", "data", 0.0005),
}
_TRAITS: dict[str, Information] = {"licences": "licence_seats", "data_set": "data_volume"}
_LIMITS: dict[Information, tuple[float, ...]] = {
    "licence_seats": (400.0, 900.0, 2500.0),
    "data_volume": (2000 * GIBIBYTE, 8000 * GIBIBYTE),
}
#: Services whose information resource reaches its usable capacity this many days after the end.
RUNS_OUT_AFTER_END = {"crm": 40, "data-warehouse": 55}
#: Services that ran out at the first fraction of the window and bought a third more at the second.
BOUGHT_MORE = {"e-mail": (0.4, 0.6)}
_BOUGHT_FACTOR = 4 / 3
#: How full those of RUNS_OUT_AFTER_END are at the first day.
_START = 0.7


@dataclass(frozen=True)
class InformationUse:
    """One licence or data set. Values in the unit of the metric; `limit_day` is the day of a purchase."""

    ci_id: str
    name: str
    service: int
    resource: Information
    start: float
    per_day: float
    limit_before: float
    limit_after: float
    limit_day: int | None

    def values(self, days: int) -> Floats:
        """Noiseless use on each of `days` days."""
        return np.asarray(self.start + self.per_day * np.arange(days), dtype=np.float64)

    def limits(self, days: int) -> Floats:
        """Limit on each of `days` days."""
        bought = days if self.limit_day is None else self.limit_day
        return np.asarray(
            np.where(np.arange(days) < bought, self.limit_before, self.limit_after), dtype=np.float64
        )


def information_uses(estate: Estate) -> list[InformationUse]:
    """Every licence and data set of the estate. Deterministic in the settings."""
    uses = []
    for service in estate.services:
        for trait, resource in _TRAITS.items():
            if trait in service.kind.traits:
                uses.append(_use(estate, service.index, resource))
    return uses


def _use(estate: Estate, index: int, resource: Information) -> InformationUse:
    service, settings = estate.services[index], estate.settings
    draw = generator(settings.seed, resource, index)
    limit, fill = float(draw.choice(_LIMITS[resource])), float(draw.uniform(0.45, 0.75))
    ratio = float(thresholds(estate, service.service_id, resource, settings.days)[-1])
    day = None
    if service.service_id in RUNS_OUT_AFTER_END:
        start, stop = _START * limit, settings.days + RUNS_OUT_AFTER_END[service.service_id]
        per_day = (ratio * limit - start) / stop
    elif service.service_id in BOUGHT_MORE:
        felt, bought = (window_day(settings, fraction) for fraction in BOUGHT_MORE[service.service_id])
        # What was bought lasts for the better part of a year.
        per_day = ratio * limit * (_BOUGHT_FACTOR - 1) / (settings.days + 300 - felt)
        start, day = ratio * limit - per_day * felt, bought
    else:
        start, per_day = fill * limit, float(draw.uniform(0.0, 0.15)) * limit / 365
    after = limit if day is None else float(round(limit * _BOUGHT_FACTOR))
    suffix = _KINDS[resource][5]
    ci_id, name = f"{service.service_id}-{suffix}", f"{service.name} {suffix}"
    return InformationUse(ci_id, name, index, resource, start, per_day, limit, after, day)


def write_information(estate: Estate, files: SourceFiles) -> None:
    """Write the CIs, their place in the service map, their limits and daily samples."""
    uses = information_uses(estate)
    if not uses:
        return
    services = [estate.services[use.service] for use in uses]
    cis = pd.DataFrame(
        {
            "ci_id": [use.ci_id for use in uses],
            "ci_name": [use.name for use in uses],
            "ci_kind": [_KINDS[use.resource][4] for use in uses],
            "team_id": [service.kind.team_id for service in services],
            "site": SITES[0],
            "valid_from": FOUNDED,
        }
    )
    files.write_csv(f"{FOLDER}/configuration_items.csv", "configuration_items", cis)
    service_map = pd.DataFrame(
        {
            "service_id": [service.service_id for service in services],
            "ci_id": [use.ci_id for use in uses],
            "valid_from": FOUNDED,
        }
    )
    files.write_csv(f"{FOLDER}/service_cis.csv", "service_cis", service_map)
    files.write_csv(
        f"{FOLDER}/resource_limits.csv", "resource_limits", _limits(estate, uses), sums=["limit_value"]
    )
    files.write_csv(
        f"{FOLDER}/metric_samples.csv",
        "metric_samples",
        pd.concat([_samples(estate, use) for use in uses], ignore_index=True),
        sums=["value"],
        kind="gauge",
        interval_seconds=86_400,
    )


def _limits(estate: Estate, uses: list[InformationUse]) -> pd.DataFrame:
    rows = []
    for use in uses:
        _, _, unit, factor, *_ = _KINDS[use.resource]
        first = (use.ci_id, use.resource, use.limit_before / factor, unit, FOUNDED)
        rows.append((*first, estate.last_day_before(use.limit_day)))
        if use.limit_day is not None:
            day = estate.day(use.limit_day)
            rows.append((use.ci_id, use.resource, use.limit_after / factor, unit, day, None))
    columns = ["ci_id", "resource", "limit_value", "unit", "valid_from", "valid_to"]
    return pd.DataFrame(rows, columns=columns)


def _samples(estate: Estate, use: InformationUse) -> pd.DataFrame:
    """One sample a day, at six in the morning."""
    metric, unit, _, _, _, _, noise = _KINDS[use.resource]
    days = estate.settings.days
    draw = generator(estate.settings.seed, "information", use.service)
    values = use.values(days) * (1.0 + noise * draw.standard_normal(days))
    begin = datetime.combine(estate.settings.start_date, time(6), tzinfo=UTC)
    return pd.DataFrame(
        {
            "ci_id": use.ci_id,
            "metric": metric,
            "observed_at": [
                (begin + timedelta(days=day)).strftime("%Y-%m-%dT%H:%M:%SZ") for day in range(days)
            ],
            "value": np.rint(values).astype(np.int64),
            "unit": unit,
        }
    )
