"""What the simulated organisation plans and decides: purchases to come, what-if scenarios, states of improvements."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any

import pandas as pd

from assets.simulation.calibration import GIBIBYTE, Calibration
from assets.simulation.catalogue import SITES, Resource, Tier
from assets.simulation.control_records import FOLDER
from assets.simulation.estate import Estate, Pool
from assets.simulation.files import SourceFiles
from assets.simulation.incidence import Happenings

#: Each purchase in turn: what was decided about it. The truth knows of none of them.
_STATES = ("ordered", "approved", "proposed")
_LEAD_DAYS: dict[Resource, int] = {"cpu": 45, "connections": 7, "filesystem": 21}
#: A purchase comes this many days before its resource is meant to run out.
_MARGIN_DAYS = 5
_GROWTH = 1.5
_UNITS = {"connections": ("{connection}", 1.0), "filesystem": ("GiBy", GIBIBYTE)}
_AUTHOR = {"author": "Helene Vogt"}


def write_plans(estate: Estate, calibration: Calibration, happenings: Happenings, files: SourceFiles) -> None:
    """Write planned purchases, business events, forecast overrides, scenarios and states of improvements."""
    purchases = planned_purchases(estate, calibration)
    files.write_control(f"{FOLDER}/planned_purchases.csv", "planned_purchases", purchases)
    files.write_control(f"{FOLDER}/business_events.csv", "business_events", business_events(estate))
    files.write_control(f"{FOLDER}/forecast_overrides.csv", "forecast_overrides", forecast_overrides(estate))
    files.write_control(f"{FOLDER}/scenarios.csv", "scenarios", scenarios(estate, purchases))
    states = improvement_states(estate, happenings)
    files.write_control(f"{FOLDER}/improvement_states.csv", "improvement_states", states)


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


def business_events(estate: Estate) -> pd.DataFrame:
    """One campaign to come for the second service: known to the business, unknown to any history."""
    service = estate.services[min(1, len(estate.services) - 1)]
    first = estate.settings.end_date + timedelta(days=40)
    row = {
        "event_id": "EV-1",
        "title": "Autumn campaign",
        "service_id": service.service_id,
        "first_date": first,
    }
    return pd.DataFrame(
        [row | {"last_date": first + timedelta(days=9), "expected_factor": 1.25, "owner": "Helene Vogt"}]
    )


def forecast_overrides(estate: Estate) -> pd.DataFrame:
    """One analyst's word against the forecast: a batch load of the last service moves away."""
    pool = _pool(estate, "app", len(estate.services) - 1)
    name = estate.services[pool.service].service_id
    first = estate.settings.end_date + timedelta(days=30)
    row = {"override_id": "OV-1", "series_id": f"pool/{name}/{_name(estate, pool)}/cpu", "first_date": first}
    row |= {
        "last_date": first + timedelta(days=364),
        "factor": 0.8,
        "reason": "Nightly exports move to the archive",
    }
    return pd.DataFrame([row | {**_AUTHOR, "valid_from": estate.settings.start_date}])


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
    return {"service_id": estate.services[pool.service].service_id, "redundancy_group": _name(estate, pool)}


def improvement_states(estate: Estate, happenings: Happenings) -> pd.DataFrame:
    """States of improvements: those that changes of the window carried out, one that nothing came of, one rejected.

    What a change promises is what it does when the resource is full: 1 − 1 / factor of the limit, 1 − the factor on the
    load of a member.
    """
    rows: list[dict[str, Any]] = []
    for change in happenings.changes:
        planned = change.planned
        if planned is None or planned.pool is None or planned.reason not in {"raise_limit", "add_members"}:
            continue
        pool = estate.pools[planned.pool]
        subject = f"{estate.services[planned.service].service_id}/{_name(estate, pool)}/{planned.resource}"
        gain = 1 - (planned.factor if planned.reason == "add_members" else 1 / planned.factor)
        accepted = estate.day(max(planned.day - 14, 0))
        rows.append(
            _state(
                "extend_capacity", subject, f"{accepted}T10:00:00Z", "accepted", "Needed before it runs out"
            )
            | {"service_id": estate.services[planned.service].service_id, "resource": planned.resource}
            | {
                "title": planned.title,
                "change_id": change.change_id,
                "expected_benefit_value": round(gain, 3),
            }
        )
    idle = _pool(estate, "app", len(estate.services) - 1)
    ci = estate.cis[idle.start]
    claimed = estate.day(estate.settings.days // 2)
    rows.append(
        _state(
            "reclaim_idle",
            ci.ci_id,
            f"{claimed}T15:00:00Z",
            "done",
            "Said to be shrunk in the spring clean-up",
        )
        | {"ci_id": ci.ci_id, "title": f"Shrink {ci.name}", "expected_benefit_value": 60.0}
    )
    kept = estate.cis[_pool(estate, "app", 0).start]
    rows.append(
        _state("reclaim_idle", kept.ci_id, f"{claimed}T15:10:00Z", "rejected", "Kept for the yearly campaign")
        | {"ci_id": kept.ci_id, "title": f"Shrink {kept.name}", "expected_benefit_value": 60.0}
    )
    return pd.DataFrame(rows)


def _state(kind: str, subject: str, changed_at: str, state: str, reason: str) -> dict[str, Any]:
    digest = hashlib.md5(f"{kind}|{subject}".encode(), usedforsecurity=False).hexdigest()
    row = {"improvement_id": f"imp-{digest[:12]}", "kind": kind, "subject": subject, "changed_at": changed_at}
    return row | {"state": state, "changed_by": "Helene Vogt", "reason": reason}


def _name(estate: Estate, pool: Pool) -> str:
    return pool.group or estate.cis[pool.start].ci_id
