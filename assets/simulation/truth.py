"""What is really so in the simulated estate: known dates, effects and counts. Only tests read it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from assets.simulation.calibration import (
    HORIZON_DAYS,
    LEAK_CYCLE_DAYS,
    Calibration,
    Use,
    pool_loads,
    unit_loads,
)
from assets.simulation.estate import Estate, Pool
from assets.simulation.information import information_uses
from assets.simulation.season import Floats
from assets.simulation.thresholds import thresholds

#: Tables of the truth, each a Parquet file of this name in the truth folder.
TABLES = (
    "services",
    "saturation",
    "coefficients",
    "throughput",
    "load_tests",
    "changes",
    "outages",
    "capacity_incidents",
    "collisions",
    "files",
)


@dataclass
class Truth:
    """Known truth of a written estate.

    `facts` holds settings, counts of dirty rows by table and reason, and the days covered. `tables` holds
    one frame for each of `TABLES`.
    """

    facts: dict[str, Any] = field(default_factory=dict)
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)

    @property
    def saturation(self) -> pd.DataFrame:
        """One row a series (CI × resource, pool × resource, service) with its true saturation dates.

        `first_date` is the first day on which the noiseless daily value (busy hour, or maximum) is over
        usable; `next_date` the first such day after the end; both null when there is none within a year
        after the end.
        """
        return self.tables["saturation"]

    @property
    def dirty_rows(self) -> dict[str, dict[str, int]]:
        """Rows made wrong on purpose: table → reason → count."""
        dirty: dict[str, dict[str, int]] = self.facts["dirty_rows"]
        return dirty

    def save(self, folder: Path) -> list[Path]:
        """Write `truth.json` and one Parquet file a table; returns the paths."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "truth.json"
        path.write_text(json.dumps(self.facts, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        paths = [path]
        for name in TABLES:
            paths.append(folder / f"{name}.parquet")
            self.tables[name].to_parquet(paths[-1], index=False)
        return paths


def load_truth(home: Path) -> Truth:
    """Read the truth of an estate that `simulate` has written to `home`. Raises FileNotFoundError without
    one.
    """
    folder = home / "truth"
    facts = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    return Truth(facts, {name: pd.read_parquet(folder / f"{name}.parquet") for name in TABLES})


def saturation_table(estate: Estate, calibration: Calibration) -> pd.DataFrame:
    """True saturation dates of every CI × resource, pool × resource and service; see `Truth.saturation`."""
    days = calibration.busy.shape[1]
    over_service = np.zeros((len(estate.services), days), dtype=bool)
    rows: list[dict[str, Any]] = []
    cpu: Use | None = None
    for use in calibration.uses:
        cpu = use if use.resource == "cpu" else cpu
        values, usable = _member_days(estate, calibration, use, cpu)
        for position in range(values.shape[0]):
            ci = estate.cis[use.pool.start + position]
            ids = {"level": "resource", "series_id": f"ci/{ci.ci_id}/{use.resource}", "ci_id": ci.ci_id}
            ids["service_id"] = estate.services[use.pool.service].service_id
            rows.append(ids | {"resource": use.resource} | _dates(estate, values[position], usable[position]))
        rows += _pool_rows(estate, use, values, usable, over_service)
    rows += _information_rows(estate, days, over_service)
    for service in estate.services:
        row = {
            "level": "service",
            "series_id": f"service/{service.service_id}",
            "service_id": service.service_id,
        }
        over = over_service[service.index]
        dates = _dates(estate, over.astype(np.float64), np.full(days, 0.5))
        # A service has dates, but no amount of its own: that is its bottleneck's.
        rows.append(row | dates | {"highest_last_28": np.nan, "usable_at_end": np.nan})
    table = pd.DataFrame(rows)
    columns = ["level", "series_id", "service_id", "ci_id", "pool_id", "resource"]
    return table[columns + [name for name in table.columns if name not in columns]]


def _member_days(
    estate: Estate, calibration: Calibration, use: Use, cpu: Use | None
) -> tuple[Floats, Floats]:
    """Noiseless daily value and usable amount of each member, shape (members, days); NaN where a member is
    not there.
    """
    loads = pool_loads(estate, calibration, use.pool)
    days = loads.busy.shape[0]
    values = use.idle + use.coefficients[:, None] * unit_loads(use, loads, cpu)[None, :]
    values = values + use.leak * (np.arange(days) % LEAK_CYCLE_DAYS)[None, :]
    position = np.arange(values.shape[0])[:, None]
    values = np.where(position < loads.members[None, :], values, np.nan)
    service_id = estate.services[use.pool.service].service_id
    usable = thresholds(estate, service_id, use.resource, days) * use.limits(days)
    return values, np.broadcast_to(usable, values.shape)


def _pool_rows(
    estate: Estate,
    use: Use,
    values: Floats,
    usable: Floats,
    over_service: np.ndarray[Any, np.dtype[np.bool_]],
) -> list[dict[str, Any]]:
    demand, room = pool_days(use.pool, use.resource in ("cpu", "network"), values, usable)
    rows = []
    for service, _, since in use.pool.users:
        over = demand > room
        over_service[service, since:] |= over[since:]
        service_id = estate.services[service].service_id
        group = use.pool.group or estate.cis[use.pool.start].ci_id
        pool_id = f"{service_id}/{group}/{use.resource}"
        ids = {"level": "pool", "series_id": f"pool/{pool_id}", "service_id": service_id, "pool_id": pool_id}
        rows.append(ids | {"resource": use.resource} | _dates(estate, demand, room, since))
    return rows


def _information_rows(
    estate: Estate, days: int, over_service: np.ndarray[Any, np.dtype[np.bool_]]
) -> list[dict[str, Any]]:
    """Licences and data sets: each is a resource and a pool of its own."""
    rows = []
    for use in information_uses(estate):
        service_id = estate.services[use.service].service_id
        values = use.values(days)
        usable = use.limits(days) * thresholds(estate, service_id, use.resource, days)
        over_service[use.service] |= values > usable
        pool_id = f"{service_id}/{use.ci_id}/{use.resource}"
        common = {"service_id": service_id, "resource": use.resource} | _dates(estate, values, usable)
        rows.append(
            common | {"level": "resource", "series_id": f"ci/{use.ci_id}/{use.resource}", "ci_id": use.ci_id}
        )
        rows.append(common | {"level": "pool", "series_id": f"pool/{pool_id}", "pool_id": pool_id})
    return rows


def pool_days(pool: Pool, is_shared: bool, values: Floats, usable: Floats) -> tuple[Floats, Floats]:
    """Daily demand and usable amount of a whole pool, from those of its members (NaN: not there)."""
    days = values.shape[1]
    change = days if pool.change_day is None else pool.change_day
    members = np.where(np.arange(days) < change, pool.before, pool.after)
    survivable = np.minimum(pool.tolerance, members - 1)
    if is_shared:
        # All members of a simulated pool have the same limit, so losing any is losing the largest.
        return np.nansum(values, axis=0), usable[0] * (members - survivable)
    headroom = 1.0 - values / usable
    order = np.argsort(headroom, axis=0)  # NaN last: members that are not there
    decides = np.take_along_axis(order, survivable[None, :].astype(np.int64), axis=0)
    return np.take_along_axis(values, decides, axis=0)[0], np.take_along_axis(usable, decides, axis=0)[0]


def _dates(estate: Estate, values: Floats, usable: Floats, since: int = 0) -> dict[str, Any]:
    window = estate.settings.days
    over = values > usable
    over[:since] = False
    days = np.flatnonzero(over)
    after = days[days >= window]
    recent = values[max(window - 28, 0) : window]
    return {
        "first_date": estate.day(int(days[0])) if days.size else None,
        "next_date": estate.day(int(after[0])) if after.size else None,
        "days_over": int((days < window).sum()),
        "days_over_last_28": int(((days < window) & (days >= window - 28)).sum()),
        "highest_last_28": float(np.nanmax(recent)) if np.isfinite(recent).any() else np.nan,
        "usable_at_end": float(usable[window - 1]),
        "known_until": estate.day(window + HORIZON_DAYS - 1),
    }


def service_table(estate: Estate) -> pd.DataFrame:
    """What drives each service: base demand, growth a year, idle latency, requests a unit of business."""
    return pd.DataFrame(
        [
            (
                service.service_id,
                service.kind.profile,
                service.kind.zone,
                service.base,
                service.growth,
                service.latency_seconds,
                service.kind.requests_per_unit,
            )
            for service in estate.services
        ],
        columns=[
            "service_id",
            "profile",
            "zone",
            "requests_per_second",
            "growth_per_year",
            "idle_median_latency_seconds",
            "requests_per_business_unit",
        ],
    )


def coefficient_table(estate: Estate, calibration: Calibration) -> pd.DataFrame:
    """Coefficients of every CI × resource (see `calibration` for the formulae) and its limits."""
    rows = []
    for use in calibration.uses:
        for position, coefficient in enumerate(use.coefficients):
            rows.append(
                (
                    estate.cis[use.pool.start + position].ci_id,
                    use.resource,
                    use.pool.index,
                    use.idle,
                    float(coefficient),
                    use.leak,
                    use.limit_before,
                    use.limit_after,
                    None if use.limit_day is None else estate.day(use.limit_day),
                )
            )
    columns = ["ci_id", "resource", "pool", "idle", "coefficient", "leak_per_day"]
    return pd.DataFrame(rows, columns=[*columns, "limit_before", "limit_after", "limit_changed_date"])
