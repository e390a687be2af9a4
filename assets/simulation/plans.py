"""What the simulated organisation plans: purchases to come and what-if scenarios."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pandas as pd

from assets.simulation.calibration import GIBIBYTE, Calibration
from assets.simulation.catalogue import SITES, Resource, Tier
from assets.simulation.control_records import FOLDER
from assets.simulation.estate import Estate, Pool
from assets.simulation.files import SourceFiles

#: Each purchase in turn: what was decided about it. The truth knows of none of them.
_STATES = ("ordered", "approved", "proposed")
_LEAD_DAYS: dict[Resource, int] = {"cpu": 45, "connections": 7, "filesystem": 21}
#: A purchase comes this many days before its resource is meant to run out.
_MARGIN_DAYS = 5
_GROWTH = 1.5
_UNITS = {"connections": ("{connection}", 1.0), "filesystem": ("GiBy", GIBIBYTE)}
_AUTHOR = {"author": "Helene Vogt"}


def write_plans(estate: Estate, calibration: Calibration, files: SourceFiles) -> None:
    """Write `planned_purchases.csv` and `scenarios.csv`."""
    purchases = planned_purchases(estate, calibration)
    files.write_control(f"{FOLDER}/planned_purchases.csv", "planned_purchases", purchases)
    files.write_control(f"{FOLDER}/scenarios.csv", "scenarios", scenarios(estate, purchases))


def planned_purchases(estate: Estate, calibration: Calibration) -> pd.DataFrame:
    """One row each for the first resources that are meant to run out after the end: larger ones, or one member more."""
    limits = {(use.pool.index, use.resource): use.limit_after for use in calibration.uses}
    due = sorted(
        (story.days_after_end, pool.index, resource)
        for pool in estate.pools
        for resource, story in pool.stories.items()
        if story.days_after_end is not None
        and resource in _LEAD_DAYS
        and story.days_after_end > _MARGIN_DAYS + 2
    )
    rows = []
    for number, (days, index, resource) in enumerate(due[: len(_STATES)]):
        pool, state = estate.pools[index], _STATES[number]
        service = estate.services[pool.service]
        row: dict[str, Any] = {
            "purchase_id": f"PO-{4100 + number}",
            "service_id": service.service_id,
            "available_from": estate.settings.end_date + timedelta(days=days - _MARGIN_DAYS),
            "lead_time_days": _LEAD_DAYS[resource],
            "currency": "EUR",
            "state": state,
        }
        if state != "proposed":
            row |= {
                "approved_by": "Ruben Castellano",
                "approved_at": f"{estate.settings.start_date}T09:00:00Z",
            }
        target = (
            {"ci_id": estate.cis[pool.start].ci_id}
            if pool.group is None
            else {"redundancy_group": pool.group}
        )
        if resource == "cpu" and pool.group is not None:
            row |= target | {
                "title": f"One more member for {service.name}",
                "member_count": 1,
                "one_off_cost": 2400.0,
            }
        else:
            unit, size = _UNITS.get(resource, ("1", 1.0))
            row |= target | {
                "title": f"Larger {resource} for {service.name}",
                "resource": resource,
                "unit": unit,
            }
            row |= {"limit_value": round(limits[index, resource] / size * _GROWTH, 3), "monthly_cost": 90.0}
        rows.append(row)
    columns = ["purchase_id", "member_count"]
    return pd.DataFrame(rows, columns=None if rows else columns).astype(
        {"member_count": "Int64"} if rows and any("member_count" in row for row in rows) else {}
    )


def scenarios(estate: Estate, purchases: pd.DataFrame) -> pd.DataFrame:
    """A row a step: campaign, lost site, more hosts, retired service, moved host, late delivery."""
    first, last = estate.services[0], estate.services[-1]
    grown = _pool(estate, "app", 1 if len(estate.services) > 1 else 0)
    giver, taker = _pool(estate, "app", 0), _pool(estate, "app", len(estate.services) - 1)
    later = estate.settings.end_date + timedelta(days=21)
    steps: list[dict[str, Any]] = [
        {"scenario_id": "campaign", "scenario_name": f"Campaign: {first.name} +30 %"}
        | {"action": "scale_demand", "service_id": first.service_id, "factor": 1.3},
        {
            "scenario_id": "campaign-with-hosts",
            "scenario_name": f"Campaign: {first.name} +30 %, two more hosts",
        }
        | {"action": "scale_demand", "service_id": first.service_id, "factor": 1.3},
        {
            "scenario_id": "campaign-with-hosts",
            "scenario_name": f"Campaign: {first.name} +30 %, two more hosts",
        }
        | {"action": "add_nodes", **_group(estate, giver), "count": 2, "from_date": later},
        {
            "scenario_id": "lose-site",
            "scenario_name": f"Loss of {SITES[1]}",
            "action": "lose_site",
            "site": SITES[1],
        },
        {"scenario_id": "retire-service", "scenario_name": f"Retire {last.name}"}
        | {"action": "retire_service", "service_id": last.service_id, "from_date": later},
    ]
    if grown.group is not None:
        name = estate.services[grown.service].name
        steps.append(
            {
                "scenario_id": "more-hosts",
                "scenario_name": f"Two more hosts for {name}",
                "action": "add_nodes",
            }
            | {**_group(estate, grown), "count": 2, "one_off_cost": 4800.0}
        )
    if giver.group is not None and taker.group is not None and giver.index != taker.index:
        steps.append(
            {"scenario_id": "move-host", "scenario_name": f"A host of {first.name} for {last.name}"}
            | {"action": "move_ci", "ci_id": estate.cis[giver.stop - 1].ci_id, **_group(estate, taker)}
        )
    if len(purchases):
        steps.append(
            {"scenario_id": "late-delivery", "scenario_name": "The first purchase comes 60 days late"}
            | {"action": "delay_purchase", "purchase_id": purchases["purchase_id"].iloc[0], "days": 60}
        )
    frame = pd.DataFrame(steps).assign(**_AUTHOR, reason="Yearly capacity review")
    frame["step"] = frame.groupby("scenario_id").cumcount() + 1
    whole = {name: "Int64" for name in ("count", "days") if name in frame}
    return frame.astype(whole)


def _pool(estate: Estate, tier: Tier, service: int) -> Pool:
    return next(pool for pool in estate.pools if pool.tier == tier and pool.service == service)


def _group(estate: Estate, pool: Pool) -> dict[str, Any]:
    group = pool.group or estate.cis[pool.start].ci_id
    return {"service_id": estate.services[pool.service].service_id, "redundancy_group": group}
