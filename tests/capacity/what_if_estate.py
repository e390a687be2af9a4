"""A tiny estate for what-if tests: frames as the queries of `assets.capacity.what_if_queries` give them."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pandas as pd

from assets.capacity.pools import survivors

AS_OF = date(2026, 6, 30)
HORIZON = 20
LEVELS = (0.1, 0.5, 0.9)

#: service, group, resource, pooling, tolerance, ci, limit, usable, demand, load ratio
Member = tuple[str, str, str, str, int, str, float | None, float | None, float, float | None]
CPU = ("cpu", "shared")
SHOP: tuple[Member, ...] = (
    ("shop", "app", "cpu", "shared", 1, "a1", 1.0, 0.8, 0.4, 1.0),
    ("shop", "app", "cpu", "shared", 1, "a2", 1.0, 0.8, 0.4, 1.0),
    ("shop", "app", "cpu", "shared", 1, "a3", 1.0, 0.8, 0.4, 1.0),
    ("shop", "app", "memory", "own", 1, "a1", 100.0, 90.0, 50.0, 0.4),
    ("shop", "app", "memory", "own", 1, "a2", 100.0, 90.0, 60.0, 0.4),
    ("shop", "app", "memory", "own", 1, "a3", 100.0, 90.0, 70.0, 0.4),
    ("shop", "db", "cpu", "shared", 0, "d1", 1.0, 0.8, 0.5, 1.0),
    ("wiki", "db", "cpu", "shared", 0, "d1", 1.0, 0.8, 0.5, 1.0),
    ("shop", "v1", "filesystem", "own", 0, "v1", 1000.0, 800.0, 400.0, None),
)
SITES = {"a1": "north", "a2": "north", "a3": "south", "d1": "north", "v1": "south"}
SHARES = {("shop", "d1"): 0.75, ("wiki", "d1"): 0.25}


def frames(
    members: tuple[Member, ...] = SHOP,
    scenarios: list[dict[str, Any]] | None = None,
    purchases: list[dict[str, Any]] | None = None,
    growth: float = 0.0,
) -> dict[str, pd.DataFrame]:
    """Frames of the estate; each pool's forecast starts at its demand and grows by `growth` of it a day."""
    names = ["service_id", "redundancy_group", "resource", "pooling", "tolerance", "ci_id"]
    names += ["limit_value", "usable_value", "demand_value", "load_ratio"]
    rows = pd.DataFrame(list(members), columns=names)
    rows.insert(0, "pool_id", rows["service_id"] + "/" + rows["redundancy_group"] + "/" + rows["resource"])
    rows["is_accumulating"] = rows["resource"] == "filesystem"
    state = survivors(rows)
    summed = rows.groupby("pool_id")["demand_value"].sum()
    deciding = rows["demand_value"].reindex(state["deciding"]).set_axis(state.index)
    demand = summed.where(state["pooling"] == "shared", deciding)
    pools = rows.drop_duplicates("pool_id").set_index("pool_id").sort_index()
    pools = pools[["service_id", "redundancy_group", "resource"]].assign(demand_value=demand, unit="1")
    series = {f"pool/{pool}": value for pool, value in demand.items()}
    series |= {
        f"ci/{row.ci_id}/{row.resource}": row.demand_value
        for row in rows.itertuples()
        if row.pooling == "own"
    }
    ids = ["pool/" + pool for pool in pools.index]
    service_map = rows.drop_duplicates(["ci_id", "service_id"])[["ci_id", "service_id", "redundancy_group"]]
    service_map["share_ratio"] = [
        SHARES.get((s, c), 1.0) for s, c in zip(service_map["service_id"], service_map["ci_id"], strict=True)
    ]
    return {
        "members": rows,
        "pools": pools.reset_index(),
        "services": pd.DataFrame({"service_id": sorted(rows["service_id"].unique())}),
        "sites": pd.DataFrame({"ci_id": list(SITES), "site": list(SITES.values()), "ci_kind": "host"}),
        "service_map": service_map,
        "purchases": _purchases(purchases or []),
        "scenarios": pd.DataFrame(scenarios or [], columns=None if scenarios else ["scenario_id", "step"]),
        "quantiles": _quantiles(series, growth),
        "dependence": pd.DataFrame(
            {
                "series_id": ids,
                "error_shared_ratio": 0.3,
                "error_rho": 0.3,
                "error_service_ratio": 0.0,
                "spike_chance_ratio": 0.0,
                "spike_height_ratio": 0.0,
            }
        ),
        "leads": pd.DataFrame({"series_id": ids, "lead_time_days": 7}),
        "latest": pd.DataFrame({"series_id": ids, "demand_value": [series[name] for name in ids]}),
        "costs": pd.DataFrame(
            {
                "ci_id": ["a1", "a2", "a3", "d1"],
                "monthly_cost": [100.0, 100.0, 100.0, 400.0],
                "currency": "EUR",
            }
        ),
    }


def empty(like: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """The same frames without a row."""
    return {name: frame.iloc[:0] for name, frame in like.items()}


def _purchases(rows: list[dict[str, Any]]) -> pd.DataFrame:
    columns = [
        "purchase_id",
        "service_id",
        "redundancy_group",
        "ci_id",
        "resource",
        "limit_value",
        "added_value",
    ]
    columns += ["member_count", "available_from", "one_off_cost", "monthly_cost", "is_counted"]
    return pd.DataFrame([{"is_counted": True} | row for row in rows], columns=columns)


def _quantiles(series: dict[str, float], growth: float) -> pd.DataFrame:
    rows = [
        (name, AS_OF + timedelta(days=ahead), level, start * (1 + growth * ahead) * (1 + (level - 0.5) / 50))
        for name, start in sorted(series.items())
        for ahead in range(1, HORIZON + 1)
        for level in LEVELS
    ]
    return pd.DataFrame(rows, columns=["series_id", "target_date", "quantile", "value"])
