"""The plan: sizes, redundancy, shared CIs, and a service map whose periods fit together."""

from __future__ import annotations

import pandas as pd
import pytest

from assets.simulation import SimulationSettings
from assets.simulation.estate import build_estate
from tests.simulation.conftest import Written


@pytest.mark.parametrize(("services", "cis"), [(1, 4), (4, 16), (24, 240), (50, 1234)])
def test_the_estate_has_the_size_asked_for(services: int, cis: int) -> None:
    estate = build_estate(SimulationSettings(services=services, cis=cis))
    assert len(estate.services) == services
    assert len({ci.ci_id for ci in estate.cis}) == cis
    assert len({service.service_id for service in estate.services}) == services


def test_pools_cover_every_ci_once_but_the_endpoints() -> None:
    estate = build_estate(SimulationSettings())
    members = [index for pool in estate.pools for index in range(pool.start, pool.stop)]
    rest = [ci.kind for index, ci in enumerate(estate.cis) if index not in set(members)]
    assert len(members) == len(set(members))
    assert rest == ["endpoint"] * 24


def test_a_pool_never_counts_on_losing_its_last_member() -> None:
    estate = build_estate(SimulationSettings(services=4, cis=16, days=21))
    shop = estate.pools[0]
    assert (shop.members(0), shop.survivable(0)) == (1, 0)
    assert (shop.members(20), shop.survivable(20)) == (2, 1)


def test_periods_of_the_service_map_follow_each_other_without_overlap(full: Written) -> None:
    rows = full.csv("sources/cmdb/service_cis.csv")
    rows["until"] = rows["valid_to"].replace("", "9999-12-31")
    rows = rows.sort_values(["service_id", "ci_id", "valid_from"])
    before = rows.groupby(["service_id", "ci_id"])["until"].shift()
    assert (before.isna() | (before < rows["valid_from"])).all()
    assert (rows["valid_to"] != "").any()  # members do leave
    assert (rows["valid_from"] > "2026-03-03").any()  # and join


def test_shares_of_a_shared_ci_add_up(full: Written) -> None:
    rows = full.csv("sources/cmdb/service_cis.csv")
    shared = rows[rows["share_ratio"] != ""].astype({"share_ratio": float})
    sums = shared.groupby("ci_id")["share_ratio"].sum()
    assert sums.between(0.999, 1.001).all()
    assert len(sums) >= 12


def test_metrics_stop_and_start_with_the_life_of_a_ci(full: Written) -> None:
    versions = full.csv("sources/cmdb/configuration_items.csv").sort_values(["name", "installed"])
    rows = versions.groupby("name").agg({"installed": "first", "retired": "last"})
    retired = rows[rows["retired"] != ""].index[0]
    samples = full.samples("system.cpu.utilization", retired)
    assert samples["time"].max().date() == pd.Timestamp(rows.loc[retired, "retired"]).date()
    added = rows[rows["installed"] > "2026-03-03"].index[0]
    samples = full.samples("system.cpu.utilization", added)
    assert samples["time"].min() == pd.Timestamp(rows.loc[added, "installed"])


def test_limits_change_where_a_change_raised_them(full: Written) -> None:
    raised = full.truth.tables["changes"].query("reason == 'raise_limit'")
    limits = full.csv("sources/cmdb/resource_limits.csv").astype({"limit_value": float})
    for change in raised.itertuples():
        rows = limits[(limits["ci_id"] == change.ci_id) & (limits["resource"] == change.resource)]
        old, new = rows.sort_values("valid_from")["limit_value"]
        assert new / old == pytest.approx(change.factor)
        assert rows["valid_from"].max() == str(change.effective_date)[:10]
