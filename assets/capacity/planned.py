"""Planned purchases in forecasts: usable capacity of each CI and pool from the day on which a purchase is available."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import pandas as pd

from assets.capacity.pools import survivors
from assets.capacity.scenario_model import Model
from assets.capacity.scenario_steps import Step
from assets.capacity.today import fitting, purchase_steps, start_model

#: Frames of `what_if_queries` that `planned_usable` reads, and the limits of every CI.
FRAMES = ("members", "service_map", "sites", "purchases")


def planned_usable(frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Usable capacity that purchases change, for `forecast_estate`: `series_id, ds, usable`, a row a change.

    `frames`: `FRAMES`, and `resources` with `ci_id, resource, limit_value, usable_value` (by the strictest threshold
    of the CI's services). A purchase that fits nothing changes nothing: a data test of the models names it.
    """
    model = start_model(frames["members"], frames["service_map"], frames["sites"])
    found: list[pd.DataFrame] = []
    for day, steps in _by_day(fitting(model, purchase_steps(frames["purchases"]))).items():
        before, model = model, model.after(steps)
        found.append(_changes(before, model, frames["resources"]).assign(ds=pd.Timestamp(day)))
    empty = pd.DataFrame(
        {"series_id": pd.Series(dtype=str), "ds": pd.Series(dtype="datetime64[ns]"), "usable": []}
    )
    return pd.concat([part for part in found if len(part)] or [empty])[["series_id", "ds", "usable"]]


def _by_day(steps: Mapping[str, Step]) -> dict[date, list[Step]]:
    days: dict[date, list[Step]] = {}
    for step in steps.values():
        assert step.from_date is not None
        days.setdefault(step.from_date, []).append(step)
    return days


def _changes(before: Model, after: Model, resources: pd.DataFrame) -> pd.DataFrame:
    """`series_id, usable` of pools and CIs that differ between two models."""
    pools = pd.DataFrame(
        {
            "before": survivors(before.members)["usable_value"],
            "usable": survivors(after.members)["usable_value"],
        }
    )
    pools = pools[pools["usable"] != pools["before"]].dropna(subset=["usable"])
    limits = after.members.groupby(["ci_id", "resource"])["limit_value"].first()
    old = before.members.groupby(["ci_id", "resource"])["limit_value"].first()
    moved = limits[limits != old.reindex(limits.index)].dropna()
    own = resources.set_index(["ci_id", "resource"])
    own = own.loc[own.index.intersection(moved.index)]
    grown = own["usable_value"] / own["limit_value"] * moved.reindex(own.index)
    names = [f"ci/{ci}/{resource}" for ci, resource in own.index]
    return pd.concat(
        [
            pd.DataFrame(
                {"series_id": "pool/" + pools.index.astype(str), "usable": pools["usable"].to_numpy()}
            ),
            pd.DataFrame({"series_id": names, "usable": grown.to_numpy(dtype=float)}),
        ]
    )
