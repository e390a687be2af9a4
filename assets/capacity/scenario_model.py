"""An estate's pools under the steps of a scenario: who is left in each, with what demand and usable capacity.

Demand of a shared pool belongs to the pool: what members leave behind spreads over those that stay. Demand of an own
pool belongs to its members; the part of it that follows load moves when the number of members changes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from assets.capacity.pools import OWN, survivors
from assets.capacity.scenario_steps import ScenarioError, Step

MEMBER_COLUMNS = (
    "pool_id",
    "service_id",
    "redundancy_group",
    "resource",
    "pooling",
    "tolerance",
    "ci_id",
    "limit_value",
    "usable_value",
    "demand_value",
    "load_ratio",
    "is_accumulating",
)


@dataclass(frozen=True)
class NewNode:
    """A member that a step adds, the CI that it resembles, and whether the step states what it costs."""

    ci_id: str
    like: str
    is_priced: bool


@dataclass(frozen=True)
class Model:
    """Pool members with what steps did to them. Steps give a new model; none changes one.

    `members`: `MEMBER_COLUMNS`, `like` (the CI whose demand the member's resembles), `is_active`, `was_there`.
    `shares`: `ci_id, service_id, share_ratio`, the part of a CI's load that each service causes. `scales`: service,
    resource (None: all) and factor of each change of demand. `carriers`: `ci_id, service_id, share_ratio`, who pays
    for which CI. `sites`: site of each CI. `running_cost`: further monthly cost by service.
    """

    members: pd.DataFrame
    shares: pd.DataFrame
    carriers: pd.DataFrame
    sites: dict[str, str]
    scales: tuple[tuple[str, str | None, float], ...] = ()
    retired: frozenset[str] = frozenset()
    nodes: tuple[NewNode, ...] = ()
    running_cost: tuple[tuple[str, float], ...] = ()

    def after(self, steps: Iterable[Step]) -> Model:
        """The model with the steps in force, one after the other.

        Raises ScenarioError for a step that fits nothing, such as a resource that the group does not have.
        """
        model = self
        for step in steps:
            model = _ACTIONS[step.action](model, step)
            if step.monthly_cost is not None:
                more = (model.payer(step), step.monthly_cost)
                model = replace(model, running_cost=(*model.running_cost, more))
        return model

    def payer(self, step: Step) -> str:
        """The service that pays for a step: the one it names, else the one with the largest share of its CI."""
        if step.service_id is not None:
            return step.service_id
        carried = self.carriers[self.carriers["ci_id"] == step.ci_id].sort_values(
            ["share_ratio", "service_id"], ascending=[False, True], kind="stable"
        )
        return str(carried["service_id"].iloc[0]) if len(carried) else ""


def evaluate(model: Model, pools: pd.DataFrame, *, bare: bool = False) -> pd.DataFrame:
    """Pools of a model, indexed by `pool_id`, sorted; those of retired services are gone.

    `pools`: `demand_value` of today, indexed by `pool_id`. Gives `member_count, usable_value` (0 when no member is
    left), `demand_value`, `demand_factor` (on the forecast's level), `growth_factor` (on its rises, of demand that
    accumulates), `deciding_ci_id` and `like` (the CI whose forecast an own pool follows); with `bare` also
    `bare_usable_value`, while no further member fails.
    """
    rows = model.members
    if model.retired:
        rows = rows[~rows["service_id"].isin(model.retired)].reset_index(drop=True)
    code, names = pd.factorize(rows["pool_id"].astype(object), sort=True)
    active, old = (rows[name].to_numpy(dtype=bool) for name in ("is_active", "was_there"))
    was = np.bincount(code[old], minlength=len(names))
    now = np.bincount(code[active], minlength=len(names))
    is_own = np.asarray(rows["pooling"] == OWN, dtype=bool)
    load = _load_factors(model, rows)
    # An own pool's members share its load: fewer of them carry more each.
    load = np.where(is_own & (now[code] > 0), load * was[code] / np.maximum(now[code], 1), load)
    grows = rows["is_accumulating"].to_numpy(dtype=bool)
    level = np.where(grows, 1.0, _follow(load, rows["load_ratio"].to_numpy(dtype=float)))
    growth = np.where(grows, load, 1.0)
    demand = rows["demand_value"].to_numpy(dtype=float)

    members = rows.assign(demand_value=demand * level)[active].reset_index(drop=True)
    index = pd.Index(names, name="pool_id")
    left = survivors(members).reindex(index)
    is_lost = now == 0
    own_pool = np.zeros(len(names), dtype=bool)
    own_pool[code[is_own]] = True
    decided = own_pool & ~is_lost
    at = np.flatnonzero(active)[left["deciding"].fillna(-1).to_numpy(dtype=np.int64)[decided]]
    today = pools["demand_value"].reindex(index).to_numpy(dtype=float)
    factors = []
    for values in (level, growth):
        factor = _means(values[old], demand[old], code[old], len(names))
        factor[decided] = values[at]
        factors.append(factor)
    total = today * factors[0]
    total[decided] = (demand * level)[at]
    like = np.full(len(names), None, dtype=object)
    like[decided] = rows["like"].to_numpy(dtype=object)[at]
    frame = pd.DataFrame(
        {
            "member_count": now,
            "usable_value": np.where(is_lost, 0.0, left["usable_value"]),
            "deciding_ci_id": left["deciding_ci_id"],
            "demand_value": total,
            "demand_factor": factors[0],
            "growth_factor": factors[1],
            "like": like,
        },
        index=index,
    )
    if bare:
        whole = survivors(members.assign(tolerance=0)).reindex(index)
        frame["bare_usable_value"] = np.where(is_lost, 0.0, whole["usable_value"])
    return frame


def _follow(factor: np.ndarray, load_ratio: np.ndarray) -> np.ndarray:
    """Demand that results when load is multiplied: only the part that follows load moves.

    Where that part was not measured (NaN), a rise counts whole and a fall not at all.
    """
    ratio = np.where(np.isnan(load_ratio), np.where(factor > 1, 1.0, 0.0), load_ratio)
    return np.asarray(1 + ratio * (factor - 1), dtype=float)


def _means(values: np.ndarray, weights: np.ndarray, code: np.ndarray, count: int) -> np.ndarray:
    """Mean of the members of each pool, weighted; exactly their value where they have only one."""
    weights = np.nan_to_num(weights)
    total = np.bincount(code, weights, count)
    weights = np.where(total[code] > 0, weights, 1.0)
    mean = np.bincount(code, weights * values, count) / np.maximum(np.bincount(code, weights, count), 1e-300)
    low, high = np.full(count, np.inf), np.full(count, -np.inf)
    np.minimum.at(low, code, values)
    np.maximum.at(high, code, values)
    return np.asarray(np.where(low == high, low, mean), dtype=float)


def _load_factors(model: Model, rows: pd.DataFrame) -> np.ndarray:
    """Factor on the load of each member: 1 + Σ share × (factor of the service − 1)."""
    if not model.scales and not model.retired:
        return np.ones(len(rows))
    factors = np.ones(len(rows))
    share = model.shares.set_index(["service_id", "ci_id"])["share_ratio"]
    touched = sorted({service for service, _, _ in model.scales} | model.retired)
    resources = rows["resource"].to_numpy()
    for service in touched:
        of_service = np.ones(len(rows))
        for name, resource, factor in model.scales:
            if name == service:
                of_service *= np.where((resource is None) | (resources == resource), factor, 1.0)
        if service in model.retired:
            of_service[:] = 0.0
        part = share[service] if service in share.index.get_level_values(0) else pd.Series(dtype=float)
        factors += part.reindex(rows["like"]).fillna(0.0).to_numpy(dtype=float) * (of_service - 1)
    return np.maximum(factors, 0.0)


def _scale_demand(model: Model, step: Step) -> Model:
    services = [step.service_id] if step.service_id else sorted(set(model.shares["service_id"]))
    assert step.factor is not None
    return replace(
        model, scales=(*model.scales, *((service, step.resource, step.factor) for service in services))
    )


def _lose(model: Model, lost: pd.Series) -> Model:
    members = model.members.assign(is_active=model.members["is_active"] & ~lost)
    return replace(model, members=members)


def _lose_site(model: Model, step: Step) -> Model:
    return _lose(model, model.members["ci_id"].map(model.sites) == step.site)


def _lose_ci(model: Model, step: Step) -> Model:
    return _lose(model, model.members["ci_id"] == step.ci_id)


def _retire_service(model: Model, step: Step) -> Model:
    assert step.service_id is not None
    return replace(model, retired=model.retired | {step.service_id})


def _add_nodes(model: Model, step: Step) -> Model:
    """New members like the one with the median demand of each pool, in every pool that has the same members."""
    assert step.count is not None
    group = _group_rows(model, step)
    same = _pools_of_the_same_members(model, group)
    first = len(model.nodes) + 1
    names = [f"new-{first + number}" for number in range(step.count)]
    kept, added = model.members, []
    for pool in same:
        template = _typical(kept[kept["pool_id"] == pool])
        added += [template | {"ci_id": name, "is_active": True, "was_there": False} for name in names]
    typical_ci = str(_typical(group)["ci_id"])
    carriers = pd.concat(
        [
            model.carriers,
            *(model.carriers[model.carriers["ci_id"] == typical_ci].assign(ci_id=name) for name in names),
        ],
        ignore_index=True,
    )
    nodes = tuple(NewNode(name, typical_ci, step.monthly_cost is not None) for name in names)
    return replace(
        model,
        members=pd.concat([kept, _rows_like(kept, added)], ignore_index=True),
        carriers=carriers,
        sites={**model.sites, **dict.fromkeys(names, model.sites.get(typical_ci, ""))},
        nodes=(*model.nodes, *nodes),
    )


def _move_ci(model: Model, step: Step) -> Model:
    """The CI leaves all of its pools and joins those of the target group, with its own limits."""
    assert step.ci_id is not None
    group = _group_rows(model, step)
    targets = _pools_of_the_same_members(model, group)
    own = model.members[(model.members["ci_id"] == step.ci_id) & model.members["is_active"]]
    joined = []
    for pool in targets:
        template = _typical(model.members[model.members["pool_id"] == pool])
        limits = own[own["resource"] == template["resource"]]
        if len(limits):
            limit = float(limits["limit_value"].iloc[0])
            threshold = template["usable_value"] / template["limit_value"]
            joined.append(
                template
                | {"ci_id": step.ci_id, "limit_value": limit, "usable_value": limit * threshold}
                | {"is_active": True, "was_there": False}
            )
    if not joined:
        raise ScenarioError(
            f"step {step.step}: '{step.ci_id}' has no measured resource in common with "
            f"'{step.service_id}/{step.redundancy_group}'"
        )
    left = _lose(model, model.members["ci_id"] == step.ci_id)
    typical_ci = str(_typical(group)["ci_id"])
    carriers = model.carriers[model.carriers["ci_id"] != step.ci_id]
    payers = model.carriers[model.carriers["ci_id"] == typical_ci].assign(ci_id=step.ci_id)
    return replace(
        left,
        members=pd.concat([left.members, _rows_like(model.members, joined)], ignore_index=True),
        carriers=pd.concat([carriers, payers], ignore_index=True),
    )


def _resize(model: Model, step: Step) -> Model:
    rows = model.members
    if step.ci_id is not None:
        chosen = (rows["ci_id"] == step.ci_id) & (rows["resource"] == step.resource)
    else:
        cis = set(_group_rows(model, step)["ci_id"])
        chosen = rows["ci_id"].isin(cis) & (rows["resource"] == step.resource)
    chosen &= rows["is_active"]
    what = step.ci_id or f"{step.service_id}/{step.redundancy_group}"
    if not chosen.any():
        raise ScenarioError(f"step {step.step}: '{what}' has no measured resource '{step.resource}'")
    old = rows.loc[chosen, "limit_value"]
    if old.isna().any():
        raise ScenarioError(f"step {step.step}: the limit of '{step.resource}' on '{what}' is not known")
    new = old * (1.0 if step.factor is None else step.factor)
    new = new if step.limit_value is None else pd.Series(step.limit_value, index=old.index)
    new = new + (step.added_value or 0.0)
    ratio = (new / old.where(old != 0)).reindex(rows.index)
    usable = rows["usable_value"].mask(chosen, rows["usable_value"] * ratio)
    limit = rows["limit_value"].mask(chosen, new.reindex(rows.index))
    return replace(model, members=rows.assign(limit_value=limit, usable_value=usable))


def _purchase(model: Model, step: Step) -> Model:
    """More members, or more of a resource, as the purchase says; both when it says both."""
    if step.count is not None:
        model = _add_nodes(model, step)
    if step.resource is not None and (step.limit_value, step.added_value, step.factor) != (None, None, None):
        model = _resize(model, step)
    return model


def _delay_purchase(model: Model, step: Step) -> Model:  # noqa: ARG001
    """Moves a date of the plan; nothing about what is there."""
    return model


_ACTIONS = {
    "scale_demand": _scale_demand,
    "lose_site": _lose_site,
    "lose_ci": _lose_ci,
    "add_nodes": _add_nodes,
    "resize": _resize,
    "retire_service": _retire_service,
    "move_ci": _move_ci,
    "delay_purchase": _delay_purchase,
    "purchase": _purchase,
}


def _group_rows(model: Model, step: Step) -> pd.DataFrame:
    rows = model.members
    group = rows[
        (rows["service_id"] == step.service_id) & (rows["redundancy_group"] == step.redundancy_group)
    ]
    if not len(group):
        raise ScenarioError(
            f"step {step.step}: '{step.service_id}/{step.redundancy_group}' has no measured member"
        )
    return group


def _pools_of_the_same_members(model: Model, group: pd.DataFrame) -> list[str]:
    """Pools of the group, and of any other service that shares all of its members."""
    wanted = frozenset(group["ci_id"])
    found = []
    near = model.members[model.members["ci_id"].isin(wanted)]
    for pool, rows in model.members[model.members["pool_id"].isin(near["pool_id"])].groupby("pool_id"):
        if frozenset(rows["ci_id"]) <= wanted:
            found.append(str(pool))
    return found


def _typical(rows: pd.DataFrame) -> dict[str, Any]:
    """The member whose demand is the lower median: what a new one will look like."""
    old = rows[rows["was_there"]] if rows["was_there"].any() else rows
    ordered = old.sort_values(["demand_value", "ci_id"], kind="stable")
    return {str(name): value for name, value in ordered.iloc[(len(ordered) - 1) // 2].items()}


def _rows_like(rows: pd.DataFrame, records: list[dict[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame(records, columns=list(rows.columns)).astype(rows.dtypes.to_dict())
