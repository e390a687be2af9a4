"""The estate of one as-of day as what-if scenarios start from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import pandas as pd

from assets.capacity.scenario_model import MEMBER_COLUMNS, Model
from assets.capacity.scenario_steps import Known, ScenarioError, Step
from assets.forecasting.dependence import DEFAULT_RHO, DEFAULT_SHARED
from assets.forecasting.frames import DEFAULT_QUANTILES, FloatArray
from assets.forecasting.paths import DEFAULT_SERVICE_SHARE


@dataclass(frozen=True)
class Today:
    """The estate on `as_of`.

    `pools` (indexed by `pool_id`, sorted): `service_id, redundancy_group, resource, unit, demand_value,
    lead_time_days, latest_value, error_shared_ratio, error_rho, error_service_ratio, spike_chance_ratio,
    spike_height_ratio`. `forecasts`: series →
    [horizon, quantile], of pools and of members of own pools. `costs`: monthly cost by CI. `plan`: the purchases that
    are counted on, as steps, by purchase. `known`: what steps may name.
    """

    as_of: date
    model: Model
    pools: pd.DataFrame
    services: tuple[str, ...]
    quantiles: tuple[float, ...]
    horizon: int
    forecasts: Mapping[str, FloatArray]
    costs: Mapping[str, float]
    kinds: Mapping[str, str]
    currency: str | None
    plan: Mapping[str, Step]
    known: Known


def read_today(frames: Mapping[str, pd.DataFrame], as_of: date) -> Today:
    """Put the frames of `what_if_queries` together."""
    members, service_map = frames["members"], frames["service_map"]
    sites = frames["sites"]
    levels, horizon, forecasts = _forecasts(frames["quantiles"])
    costs = frames["costs"].dropna(subset=["ci_id", "monthly_cost"])
    currencies = sorted(set(costs["currency"].dropna()))
    model = start_model(members, service_map, sites)
    plan = fitting(model, purchase_steps(frames["purchases"]))
    return Today(
        as_of=as_of,
        model=model,
        pools=_pools(frames),
        services=tuple(frames["services"]["service_id"]),
        quantiles=levels,
        horizon=horizon,
        forecasts=forecasts,
        costs=dict(zip(costs["ci_id"], costs["monthly_cost"].astype(float), strict=True)),
        kinds=dict(zip(sites["ci_id"], sites["ci_kind"], strict=True)),
        currency=currencies[0] if len(currencies) == 1 else None,
        plan=plan,
        known=_known(frames, plan),
    )


def start_model(members: pd.DataFrame, service_map: pd.DataFrame, sites: pd.DataFrame) -> Model:
    """Members as they are, everyone active, no step in force."""
    rows = members[list(MEMBER_COLUMNS)].assign(like=members["ci_id"], is_active=True, was_there=True)
    carriers = service_map.groupby(["ci_id", "service_id"])[["share_ratio"]].max().reset_index()
    total = carriers.groupby("ci_id")["share_ratio"].transform("sum")
    shares = carriers.assign(share_ratio=carriers["share_ratio"] / total.clip(lower=1.0))
    places = dict(zip(sites["ci_id"], sites["site"].fillna("").astype(str), strict=True))
    return Model(rows.reset_index(drop=True), shares, carriers, places)


def purchase_steps(purchases: pd.DataFrame) -> dict[str, Step]:
    """Purchases that are counted on (`is_counted`) as steps dated by `available_from`, by purchase, in their order."""
    counted = purchases[purchases["is_counted"].fillna(False).astype(bool)]
    names = ("service_id", "redundancy_group", "ci_id", "resource", "limit_value", "added_value")
    steps = {}
    for number, row in enumerate(
        counted.sort_values(["available_from", "purchase_id"]).to_dict("records"), 1
    ):
        given = {str(k): v for k, v in row.items() if not pd.isna(v)}
        steps[str(row["purchase_id"])] = Step(
            action="purchase",
            step=number,
            **{name: given.get(name) for name in names},
            count=int(given["member_count"]) if "member_count" in given else None,
            one_off_cost=given.get("one_off_cost"),
            monthly_cost=given.get("monthly_cost"),
            from_date=pd.Timestamp(given["available_from"]).date(),
        )
    return steps


def fitting(model: Model, steps: Mapping[str, Step]) -> dict[str, Step]:
    """The steps that fit the model, one after the other; a data test of the models names the others."""
    kept: dict[str, Step] = {}
    for name, step in steps.items():
        try:
            model = model.after([step])
        except ScenarioError:
            continue
        kept[name] = step
    return kept


def _pools(frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    pools = frames["pools"].assign(series_id="pool/" + frames["pools"]["pool_id"].astype(str))
    joined = pools.merge(frames["leads"], on="series_id", how="left")
    joined = joined.merge(frames["dependence"], on="series_id", how="left")
    latest = frames["latest"].rename(columns={"demand_value": "latest_value"})
    joined = joined.merge(latest, on="series_id", how="left").fillna(
        {
            "error_shared_ratio": DEFAULT_SHARED,
            "error_rho": DEFAULT_RHO,
            "error_service_ratio": DEFAULT_SERVICE_SHARE,
            "spike_chance_ratio": 0.0,
            "spike_height_ratio": 0.0,
        }
    )
    return joined.set_index("pool_id").sort_index()


def _forecasts(quantiles: pd.DataFrame) -> tuple[tuple[float, ...], int, dict[str, FloatArray]]:
    """Quantile levels, horizon, and [horizon, quantile] of each series; rows come in order."""
    if not len(quantiles):  # nothing is forecast: one day of which nothing is known
        return DEFAULT_QUANTILES, 1, {}
    levels = tuple(sorted(float(level) for level in quantiles["quantile"].unique()))
    horizon = int(quantiles["target_date"].nunique())
    names = quantiles["series_id"].unique()
    values = quantiles["value"].to_numpy(dtype=float).reshape(len(names), horizon, len(levels))
    return levels, horizon, {str(name): values[position] for position, name in enumerate(names)}


def _known(frames: Mapping[str, pd.DataFrame], plan: Mapping[str, Step]) -> Known:
    groups = frames["service_map"].groupby("service_id")["redundancy_group"]
    return Known(
        services=set(frames["services"]["service_id"]),
        cis=set(frames["service_map"]["ci_id"]),
        sites=set(frames["sites"]["site"].dropna()),
        resources=set(frames["members"]["resource"]),
        purchases=set(plan),
        groups={str(service): set(names) for service, names in groups},
    )
