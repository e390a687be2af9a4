"""The configuration management database's export: CIs, service map with its history, and resource limits."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pandas as pd

from assets.simulation.calibration import GIBIBYTE, Calibration
from assets.simulation.control_records import teams
from assets.simulation.estate import FOUNDED, Ci, Estate, Pool
from assets.simulation.files import SourceFiles
from assets.simulation.sizes import Sizing, sizings

FOLDER = "sources/cmdb"
#: How this source names the kinds of CI.
_CLASSES = {
    "host": "Server",
    "database": "Database instance",
    "volume": "Storage volume",
    "load_balancer": "Load balancer",
    "endpoint": "Web endpoint",
}
_LIMIT_UNITS = {
    "memory": ("GiBy", GIBIBYTE),
    "filesystem": ("GiBy", GIBIBYTE),
    "connections": ("{connection}", 1.0),
    "network": ("By/s", 1.0),
}


def write_cmdb(estate: Estate, calibration: Calibration, files: SourceFiles) -> None:
    """Write the three CMDB files with their sidecars."""
    files.write_csv(
        f"{FOLDER}/configuration_items.csv",
        "configuration_items",
        configuration_items(estate, sizings(estate, calibration)),
        columns={
            "ci_id": "name",
            "ci_name": "display_name",
            "ci_kind": "class",
            "team_id": "support_group",
            "supplier_team_id": "supplier",
            "site": "location",
            "size_name": "size",
            "valid_from": "installed",
            "valid_to": "retired",
        },
        replace={"ci_kind": {text: kind for kind, text in _CLASSES.items()}},
    )
    files.write_csv(f"{FOLDER}/service_cis.csv", "service_cis", service_map(estate))
    files.write_csv(
        f"{FOLDER}/resource_limits.csv",
        "resource_limits",
        resource_limits(estate, calibration),
        sums=["limit_value"],
    )


def configuration_items(estate: Estate, sizes: list[Sizing | None]) -> pd.DataFrame:
    """One row a CI and period of one size, in the words of the source. Nobody keeps the sizes of volumes."""
    of_teams = teams()
    suppliers = set(of_teams.loc[of_teams["is_supplier"], "team_id"])
    rows: list[tuple[object, ...]] = []
    for ci, sizing in zip(estate.cis, sizes, strict=True):
        common = (
            ci.ci_id,
            ci.name,
            _CLASSES[ci.kind],
            ci.team_id,
            ci.team_id if ci.team_id in suppliers else None,
            ci.site,
        )
        first, end = _life(estate, ci)
        if sizing is None or ci.kind == "volume":
            rows.append((*common, None, first, end))
        elif sizing.day is None:
            rows.append((*common, sizing.before.name, first, end))
        else:
            last = estate.last_day_before(sizing.day)
            rows.append((*common, sizing.before.name, first, last))
            rows.append((*common, sizing.after.name, estate.day(sizing.day), end))
    columns = [
        "name",
        "display_name",
        "class",
        "support_group",
        "supplier",
        "location",
        "size",
        "installed",
        "retired",
    ]
    return pd.DataFrame(rows, columns=columns)


def _life(estate: Estate, ci: Ci) -> tuple[date, date | None]:
    first = FOUNDED if ci.first_day is None else estate.day(ci.first_day)
    return first, estate.last_day_before(ci.end_day)


def service_map(estate: Estate) -> pd.DataFrame:
    """One row a service, CI and period. A period ends when a member leaves or the tolerance changes."""
    rows: list[tuple[str, str, str | None, int | None, float | None, date, date | None]] = []
    unagreed = [pool.start for pool in estate.pools if pool.tier == "lb"][1::2]
    for pool in estate.pools:
        for service, agreed, since in pool.users:
            # Nobody has agreed on shares of every other pair of load balancers.
            share = None if pool.tier == "lb" and pool.start in unagreed else agreed
            name = estate.services[service].service_id
            for index in range(pool.start, pool.stop):
                ci = estate.cis[index]
                for first, end, tolerance in _periods(pool, ci, since):
                    rows.append(
                        (
                            name,
                            ci.ci_id,
                            pool.group,
                            None if pool.group is None else tolerance,
                            share,
                            FOUNDED if first is None else estate.day(first),
                            estate.last_day_before(end),
                        )
                    )
    for service_record in estate.services:
        endpoint = estate.endpoint(service_record.index)
        rows.append((service_record.service_id, endpoint, None, None, None, FOUNDED, None))
    columns = [
        "service_id",
        "ci_id",
        "redundancy_group",
        "tolerance",
        "share_ratio",
        "valid_from",
        "valid_to",
    ]
    return pd.DataFrame(rows, columns=columns).astype({"tolerance": "Int64"})


def _periods(pool: Pool, ci: Ci, since: int) -> Iterator[tuple[int | None, int | None, int]]:
    """(first day or None, day after the last or None, tolerance) of one member's place in the map."""
    first = max(since, ci.first_day or 0) or None
    change = pool.change_day
    before = pool.survivable(0)
    after = before if change is None else pool.survivable(change)
    if change is None or before == after or ci.first_day is not None or (first or 0) >= change:
        yield first, ci.end_day, after
        return
    yield first, change, before
    if ci.end_day is None:
        yield change, None, after


def resource_limits(estate: Estate, calibration: Calibration) -> pd.DataFrame:
    """One row a CI, resource and period; ratios have none."""
    rows = []
    for use in calibration.uses:
        if use.resource not in _LIMIT_UNITS:
            continue
        unit, factor = _LIMIT_UNITS[use.resource]
        for index in range(use.pool.start, use.pool.stop):
            ci = estate.cis[index]
            first, end = _life(estate, ci)
            if use.limit_day is None:
                rows.append((ci.ci_id, use.resource, use.limit_before / factor, unit, first, end))
                continue
            change = estate.day(use.limit_day)
            last = estate.last_day_before(use.limit_day)
            rows.append((ci.ci_id, use.resource, use.limit_before / factor, unit, first, last))
            rows.append((ci.ci_id, use.resource, use.limit_after / factor, unit, change, end))
    columns = ["ci_id", "resource", "limit_value", "unit", "valid_from", "valid_to"]
    return pd.DataFrame(rows, columns=columns)
