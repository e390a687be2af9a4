"""What-if: headroom, saturation dates and cost of every service under a scenario, beside today.

Both sides are computed in the same way from the same forecasts with the same random numbers, so a difference is the
scenario's and not the simulation's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

from assets.capacity.scenario_model import Model, evaluate
from assets.capacity.scenario_steps import ScenarioError, Step, check_steps, read_step
from assets.capacity.today import Today, read_today
from assets.forecasting.dependence import Dependence
from assets.forecasting.forecast import PanelForecast
from assets.forecasting.frames import FloatArray, Panel
from assets.forecasting.paths import Groups
from assets.forecasting.saturation import Passages, passages_over, saturation, service_saturation
from assets.forecasting.spikes import Spikes
from assets.warehouse.computed import computed_tables

DAYS_A_MONTH = 365.25 / 12
_DATES = ("p10_date", "p50_date", "p90_date")
_PROBABILITIES = ("probability_within_horizon", "probability_within_lead_time")


@dataclass(frozen=True)
class Projection:
    """What becomes of the estate over the horizon, the dates of steps and purchases kept, and once all is in force.

    `values` [pool, horizon, quantile], `usable` [pool, horizon] (−inf: no member left) and `passages` are of every
    pool of today. `pools`: by pool, the state once every step is in force (purchases of the plan left aside), with
    saturation dates. `services`: by service, headroom and bottleneck of that state, dates, costs.
    """

    values: FloatArray
    usable: FloatArray
    passages: Passages
    pools: pd.DataFrame
    services: pd.DataFrame


def compute(frames: Mapping[str, pd.DataFrame], as_of: date, seed: int) -> dict[str, pd.DataFrame]:
    """Every scenario of the control record (frames as `what_if_queries`).

    A scenario that cannot be followed has rows too: today's side, and the reason in `notes`.
    """
    today = read_today(frames, as_of)
    base = project(today, (), seed)
    services, pools = [], []
    for scenario, rows in frames["scenarios"].groupby("scenario_id", sort=True):
        try:
            steps = tuple(
                read_step({str(k): v for k, v in row.items()})
                for row in rows.sort_values("step").to_dict("records")
            )
            check_steps(steps, today.known)
            compared = compare(today, base, project(today, steps, seed, base), str(scenario))
        except ScenarioError as error:
            compared = refused(today, base, str(scenario), str(error))
        services.append(compared[0])
        pools.append(compared[1])
    return {
        "what_if_services": _typed("what_if_services", services),
        "what_if_pools": _typed("what_if_pools", pools),
    }


def project(today: Today, steps: Sequence[Step], seed: int, base: Projection | None = None) -> Projection:
    """The estate under `steps` and the purchases of the plan. Pools that are as in `base` keep its passages.

    Raises ScenarioError for a step that fits nothing.
    """
    ordered = [step for step in steps if step.action != "delay_purchase"]
    dated = [*_delayed(today.plan, steps).values(), *ordered]
    in_force = today.model.after(ordered)
    segments = _segments(today, dated)
    values, usable, latest = _timeline(today, segments)
    changed = np.ones(len(today.pools), dtype=bool)
    if base is not None:
        same = _equal(values, base.values).all(axis=(1, 2)) & _equal(usable, base.usable).all(axis=1)
        changed = np.asarray(~same)
    found = _passages(today, values, usable, latest, changed, seed)
    pools = _pools(today, evaluate(in_force, today.pools, bare=True), found, base)
    passages = found if base is None else _together(base.passages, found, changed)
    services = _services(today, pools, passages, in_force.retired)
    monthly, unpriced = monthly_cost(today, in_force)
    services["monthly_cost"] = _amounts(today, services.index, monthly, in_force.retired)
    services["horizon_cost"] = _amounts(
        today, services.index, _horizon_cost(today, segments, dated), frozenset()
    )
    services["notes"] = [_joined(text, *unpriced) for text in services["notes"]]
    return Projection(values, usable, passages, pools, services)


def _delayed(plan: Mapping[str, Step], steps: Sequence[Step]) -> dict[str, Step]:
    """The plan with its dates moved by `delay_purchase` steps."""
    moved = dict(plan)
    for step in steps:
        if step.action == "delay_purchase":
            assert step.purchase_id is not None and step.days is not None
            purchase = moved[step.purchase_id]
            assert purchase.from_date is not None
            moved[step.purchase_id] = replace(
                purchase, from_date=purchase.from_date + timedelta(days=step.days)
            )
    return moved


@dataclass(frozen=True)
class Segment:
    """Days [start, stop) of the horizon (0 is the first day after the as-of day) in which one model holds."""

    start: int
    stop: int
    model: Model


def _first_day(today: Today, step: Step) -> int:
    return 0 if step.from_date is None else max(0, (step.from_date - today.as_of).days - 1)


def _segments(today: Today, steps: Sequence[Step]) -> list[Segment]:
    """Steps of one day take effect in the order given: purchases of the plan first."""
    ordered = sorted(steps, key=lambda step: _first_day(today, step))
    starts = sorted({0, *(_first_day(today, step) for step in ordered)})
    starts = [start for start in starts if start < today.horizon] or [0]
    stops = [*starts[1:], max(today.horizon, 1)]
    segments, model = [], today.model
    for start, stop in zip(starts, stops, strict=True):
        model = model.after(step for step in ordered if _first_day(today, step) == start)
        segments.append(Segment(start, stop, model))
    return segments


def _timeline(today: Today, segments: Sequence[Segment]) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Demand quantiles [pool, horizon, quantile], usable capacity [pool, horizon], last demand if scaled [pool]."""
    pools, horizon = today.pools.index, today.horizon
    nothing = np.full((horizon, len(today.quantiles)), np.nan)
    own = np.array([today.forecasts.get(f"pool/{pool}", nothing) for pool in pools]).reshape(
        len(pools), horizon, len(today.quantiles)
    )
    like_today = evaluate(today.model, today.pools)["like"].reindex(pools)
    last = today.pools["latest_value"].to_numpy(dtype=float)
    values, usable, latest = own.copy(), np.full((len(pools), horizon), np.nan), last.copy()
    rises, grows = np.zeros(own.shape), np.zeros(len(pools), dtype=bool)
    for segment in segments:
        days = slice(segment.start, segment.stop)
        state = evaluate(segment.model, today.pools).reindex(pools)
        source = own
        others = np.flatnonzero(state["like"].notna() & (state["like"] != like_today))
        if len(others):
            source = own.copy()
            for at in others:
                series = f"ci/{state['like'].iloc[at]}/{today.pools['resource'].iloc[at]}"
                source[at] = today.forecasts.get(series, own[at])
        level = state["demand_factor"].fillna(1.0).to_numpy(dtype=float)
        growth = state["growth_factor"].fillna(1.0).to_numpy(dtype=float)
        values[:, days] = source[:, days] * level[:, None, None]
        start = np.where(np.isnan(last)[:, None], source[:, 0], last[:, None])
        steps = np.diff(source, axis=1, prepend=start[:, None, :])
        rises[:, days] = steps[:, days] * growth[:, None, None]
        grows |= growth != 1.0
        left = state["usable_value"].to_numpy(dtype=float)
        usable[:, days] = np.where(state["member_count"] == 0, -np.inf, left)[:, None]
        if segment.start == 0:
            latest = last * level
    if grows.any():
        start = np.where(np.isnan(last)[:, None], own[:, 0], last[:, None])
        risen = np.maximum(start[:, None, :] + np.cumsum(rises, axis=1), 0.0)
        values[grows] = np.sort(risen[grows], axis=2)
    return values, usable, latest


def _passages(
    today: Today, values: FloatArray, usable: FloatArray, latest: FloatArray, chosen: np.ndarray, seed: int
) -> Passages:
    """First passages of the chosen pools, in the order of `today.pools`."""
    pools = today.pools[chosen]
    count = len(pools)
    panel = Panel(
        ids=tuple("pool/" + str(pool) for pool in pools.index),
        values=latest[chosen, None],
        last=np.full(count, (pd.Timestamp(today.as_of) - pd.Timestamp(0)).days, dtype=np.int64),
        step=pd.Timedelta(days=1),
        lower=np.zeros(count),
        upper=np.full(count, np.inf),
    )
    shared, rho = (pools[name].to_numpy(dtype=float) for name in ("error_shared_ratio", "error_rho"))
    chance, height = (
        pools[name].to_numpy(dtype=float) for name in ("spike_chance_ratio", "spike_height_ratio")
    )
    nothing = ("",) * count
    forecast = PanelForecast(
        panel=panel,
        quantiles=today.quantiles,
        values=values[chosen],
        models=nothing,
        notes=nothing,
        dependence=Dependence(shared=shared, rho=rho),
        spikes=Spikes(chance=chance, height=height),
    )
    share = float(pools["error_service_ratio"].max()) if count else 0.0
    groups = Groups(tuple(pools["service_id"].astype(str)), share)
    return passages_over(forecast, usable[chosen], seed, groups=groups)


def _together(base: Passages, found: Passages, changed: np.ndarray) -> Passages:
    """`base` with the passages of changed pools replaced by those found."""
    at = np.flatnonzero(changed)
    steps, known, notes = base.steps.copy(), base.is_known.copy(), list(base.notes)
    steps[at], known[at] = found.steps, found.is_known
    for position, note in zip(at, found.notes, strict=True):
        notes[position] = note
    return replace(base, steps=steps, is_known=known, notes=tuple(notes))


def _pools(today: Today, state: pd.DataFrame, found: Passages, base: Projection | None) -> pd.DataFrame:
    """State and saturation dates of each pool that still serves someone; dates not found anew are those of `base`."""
    dates = saturation(found, _leads(today)).set_index("unique_id")[[*_DATES, *_PROBABILITIES, "notes"]]
    dates.index = dates.index.str.removeprefix("pool/")
    if base is not None:
        kept = base.pools.index.difference(dates.index)
        dates = pd.concat([base.pools.loc[kept, list(dates.columns)].astype(object), dates.astype(object)])
    usable = state["usable_value"].where(state["usable_value"] != 0)
    state = state.assign(
        service_id=today.pools["service_id"].reindex(state.index),
        resource=today.pools["resource"].reindex(state.index),
        headroom_ratio=1 - state["demand_value"] / usable,
        is_lost=state["member_count"] == 0,
    )
    return state.join(dates)


def _equal(left: FloatArray, right: FloatArray) -> np.ndarray:
    return (left == right) | (np.isnan(left) & np.isnan(right))


def monthly_cost(today: Today, model: Model) -> tuple[dict[str, float], tuple[str, ...]]:
    """Cost a month by service, and what is not known of it. A CI is paid by its services in proportion to their shares;
    a retired service leaves its part of shared CIs to the others, and a lost CI still costs.
    """
    costs, notes = dict(today.costs), []
    for node in model.nodes:
        cost = 0.0 if node.is_priced else _cost_like(today, node.like)
        costs[node.ci_id] = cost
        if np.isnan(cost) and today.costs:
            notes.append(f"no cost is known that '{node.ci_id}' could be priced by")
    paid = model.carriers[~model.carriers["service_id"].isin(model.retired)]
    share = paid["share_ratio"] / paid.groupby("ci_id")["share_ratio"].transform("sum")
    amount = paid["ci_id"].map(costs).astype(float) * share
    total = amount.groupby(paid["service_id"]).sum(min_count=1)
    result = {str(service): float(value) for service, value in total.items()}
    for service, more in model.running_cost:
        result[service] = result.get(service, 0.0) + more
    return result, tuple(notes)


def _cost_like(today: Today, ci_id: str) -> float:
    """What a CI costs: as the CI itself, else as the mean of its kind, else unknown."""
    if ci_id in today.costs:
        return today.costs[ci_id]
    kind = today.kinds.get(ci_id)
    alike = [cost for ci, cost in sorted(today.costs.items()) if today.kinds.get(ci) == kind]
    return float(np.mean(alike)) if alike else float("nan")


def _horizon_cost(today: Today, segments: Sequence[Segment], steps: Sequence[Step]) -> dict[str, float]:
    """Cost by service over the horizon: the monthly cost by day, and what is paid once within it."""
    total: dict[str, float] = {}
    for segment in segments:
        for service, monthly in monthly_cost(today, segment.model)[0].items():
            days = segment.stop - segment.start
            total[service] = total.get(service, 0.0) + monthly * days / DAYS_A_MONTH
    for step in steps:
        if step.one_off_cost and _first_day(today, step) < today.horizon:
            service = today.model.payer(step)
            total[service] = total.get(service, 0.0) + step.one_off_cost
    return total


def _amounts(
    today: Today, services: pd.Index, amounts: Mapping[str, float], none: frozenset[str]
) -> list[float]:
    """Amounts by service, 0 for the services `none`; unknown without any cost rows."""
    known = {**amounts, **dict.fromkeys(none, 0.0)} if today.costs else {}
    return [known.get(service, np.nan) for service in services]


def _services(today: Today, pools: pd.DataFrame, passages: Passages, retired: frozenset[str]) -> pd.DataFrame:
    """Headroom, bottleneck, dates and probabilities of every service, by service.

    A pool without a member decides first.
    """
    decides = pools[pools["headroom_ratio"].notna() | pools["is_lost"]]
    ranked = decides.rename_axis("bottleneck_pool_id").reset_index()
    order = ["is_lost", "headroom_ratio", "bottleneck_pool_id"]
    first = ranked.sort_values(order, ascending=[False, True, True]).drop_duplicates("service_id")
    first = first.set_index("service_id")[["headroom_ratio", "bottleneck_pool_id", "resource"]]
    membership = pd.DataFrame(
        {"service_id": pools["service_id"].to_numpy(), "series_id": "pool/" + pools.index.astype(str)}
    )
    dates = service_saturation(passages, membership, _leads(today)).set_index("unique_id")
    names = [*_DATES, *_PROBABILITIES, "lead_time_days", "notes"]
    frame = pd.DataFrame(index=pd.Index(today.services, name="service_id"))
    frame = frame.join(first.rename(columns={"resource": "bottleneck_resource"})).join(dates[names])
    lost = pools[pools["is_lost"]].groupby("service_id").size()
    frame["notes"] = frame["notes"].where(frame["notes"].notna(), "")
    frame["lost_pool_count"] = lost.reindex(frame.index).fillna(0)
    frame["is_retired"] = frame.index.isin(list(retired))
    return frame


def compare(
    today: Today, base: Projection, scenario: Projection, scenario_id: str
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows of `what_if_services` (every service) and `what_if_pools` (pools that differ)."""
    changed = _changed(base, scenario, today)
    counts = today.pools["service_id"].reindex(changed).value_counts()
    common: dict[str, Any] = {
        "scenario_id": scenario_id,
        "as_of_date": today.as_of,
        "horizon_days": today.horizon,
    }
    right = scenario.services
    services = base.services.add_prefix("today_").join(right.add_prefix("scenario_"))
    services = services.assign(
        **common,
        service_id=services.index,
        lead_time_days=base.services["lead_time_days"],
        currency=today.currency,
        changed_pool_count=counts.reindex(services.index).fillna(0),
        lost_pool_count=right["lost_pool_count"],
        is_retired=right["is_retired"],
        notes=right["notes"],
    )
    pools = base.pools.add_prefix("today_").join(scenario.pools.add_prefix("scenario_")).loc[changed]
    facts = today.pools[["service_id", "redundancy_group", "resource", "unit", "lead_time_days"]]
    pools = pools.join(facts).assign(
        **common, pool_id=pools.index, is_lost=pools["scenario_is_lost"], notes=pools["scenario_notes"]
    )
    return services, pools


def refused(
    today: Today, base: Projection, scenario_id: str, reason: str
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows of a scenario that cannot be followed: today's side and the reason."""
    services, pools = compare(today, base, base, scenario_id)
    for column in services.columns[services.columns.str.startswith("scenario_")].difference(["scenario_id"]):
        services[column] = None
    return services.assign(notes=reason), pools[:0]


def _changed(base: Projection, scenario: Projection, today: Today) -> pd.Index:
    """Pools that still serve someone and differ in capacity, demand or forecast."""
    names = ["member_count", "usable_value", "bare_usable_value", "demand_value"]
    pools = scenario.pools.index
    before = base.pools[names].reindex(pools).to_numpy(dtype=float)
    same = _equal(before, scenario.pools[names].to_numpy(dtype=float)).all(axis=1)
    at = today.pools.index.get_indexer(pools)
    same &= _equal(base.values[at], scenario.values[at]).all(axis=(1, 2))
    same &= _equal(base.usable[at], scenario.usable[at]).all(axis=1)
    return pools[np.flatnonzero(~same)]


def _leads(today: Today) -> dict[str, int]:
    known = today.pools["lead_time_days"].dropna()
    return {f"pool/{pool}": int(days) for pool, days in known.items()}


def _joined(*texts: str) -> str:
    return "; ".join(text for text in texts if text)


def _typed(table: str, frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Declared columns in their order; whole numbers as such."""
    columns = computed_tables()[table].columns
    if not frames:
        return pd.DataFrame({name: pd.Series(dtype=object) for name in columns})
    frame = pd.concat([part[list(columns)].astype(object) for part in frames], ignore_index=True)
    types: dict[str, Any] = {"int": "Int32", "number": "Float64", "boolean": "boolean"}
    chosen = {name: types[kind] for name, kind in columns.items() if kind in types}
    return frame.where(frame.notna(), None).astype(chosen)
