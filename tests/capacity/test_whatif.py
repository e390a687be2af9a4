"""What-if scenarios: today's side is today, and each action does what it says to those that it is about."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pandas as pd
import pytest

from assets.capacity.planned import planned_usable
from assets.capacity.scenario_steps import ScenarioError, Step, check_steps, read_step
from assets.capacity.today import read_today
from assets.capacity.whatif import Projection, compute, project
from assets.warehouse.computed import as_arrow
from tests.capacity.what_if_estate import AS_OF, SHOP, empty, frames


def after(*steps: Step, **estate: Any) -> Projection:
    """The tiny estate once the steps are in force."""
    today = read_today(frames(**estate), AS_OF)
    return project(today, steps, seed=1, base=project(today, (), seed=1))


def pool(projection: Projection, name: str) -> pd.Series:
    return projection.pools.loc[name]


def test_nothing_changed_is_today() -> None:
    """Survivors of shared pools, the deciding member of own ones, and no pool that differs."""
    today = after()
    app, memory = pool(today, "shop/app/cpu"), pool(today, "shop/app/memory")
    assert app["usable_value"] == pytest.approx(1.6)
    assert app["headroom_ratio"] == pytest.approx(1 - 1.2 / 1.6)
    assert (memory["deciding_ci_id"], memory["demand_value"]) == ("a2", 60)
    scenarios = [{"scenario_id": "same", "step": 1, "action": "scale_demand", "factor": 1.0}]
    made = compute(frames(scenarios=scenarios), AS_OF, seed=1)
    assert len(made["what_if_pools"]) == 0
    row = made["what_if_services"].set_index("service_id").loc["shop"]
    assert row["today_headroom_ratio"] == row["scenario_headroom_ratio"]


def test_demand_scales_shared_cis_by_the_share_of_the_service() -> None:
    """The shop causes three quarters of the database's load, and the wiki's pool on the same database sees it too."""
    made = after(Step("scale_demand", service_id="shop", factor=1.4))
    assert pool(made, "shop/app/cpu")["demand_value"] == pytest.approx(1.2 * 1.4)
    assert pool(made, "shop/db/cpu")["demand_value"] == pytest.approx(0.5 * 1.3)
    assert pool(made, "wiki/db/cpu")["demand_value"] == pytest.approx(0.5 * 1.3)


def test_only_the_part_that_follows_load_scales() -> None:
    made = after(Step("scale_demand", service_id="shop", factor=1.5))
    assert pool(made, "shop/app/memory")["demand_value"] == pytest.approx(60 * (1 + 0.4 * 0.5))


def test_what_was_not_measured_rises_whole_and_falls_not_at_all() -> None:
    """Where nobody knows how demand follows load, the cautious answer counts."""
    unknown = tuple((*row[:9], None) for row in SHOP)
    assert pool(after(Step("scale_demand", factor=1.5), members=unknown), "shop/app/cpu")[
        "demand_value"
    ] == pytest.approx(1.8)
    assert pool(after(Step("scale_demand", factor=0.5), members=unknown), "shop/app/cpu")[
        "demand_value"
    ] == pytest.approx(1.2)


def test_accumulating_demand_grows_faster_from_where_it_is() -> None:
    """Twice the orders fill a volume twice as fast; they do not double what is on it."""
    base, made = after(growth=0.02), after(Step("scale_demand", factor=2.0), growth=0.02)
    assert pool(made, "shop/v1/filesystem")["demand_value"] == 400
    at = list(base.pools.index).index("shop/v1/filesystem")
    rises = base.values[at, :, 1] - 400
    assert made.values[at, :, 1] == pytest.approx(400 + 2 * rises)


def test_a_lost_site_leaves_its_load_to_the_rest_and_tolerance_still_applies() -> None:
    """Two of three hosts go: the last one carries all of the shared load, and the memory that follows load."""
    made = after(Step("lose_site", site="north"))
    app, memory = pool(made, "shop/app/cpu"), pool(made, "shop/app/memory")
    assert (app["member_count"], app["usable_value"], app["demand_value"]) == (1, 0.8, pytest.approx(1.2))
    assert memory["demand_value"] == pytest.approx(70 * (1 + 0.4 * 2))
    south = after(Step("lose_site", site="south"))
    both = pool(south, "shop/app/cpu")
    assert (both["usable_value"], both["bare_usable_value"]) == (0.8, pytest.approx(1.6))


def test_a_pool_without_members_decides_and_is_out_at_once() -> None:
    made = after(Step("lose_ci", ci_id="d1"))
    shop = made.services.loc["shop"]
    assert pool(made, "shop/db/cpu")["is_lost"]
    assert (shop["bottleneck_pool_id"], shop["p90_date"]) == ("shop/db/cpu", AS_OF + timedelta(days=1))
    assert pd.isna(shop["headroom_ratio"])
    assert shop["probability_within_horizon"] == 1.0


def test_new_nodes_are_like_the_others_and_cost_like_them() -> None:
    made = after(Step("add_nodes", service_id="shop", redundancy_group="app", count=2))
    app, memory = pool(made, "shop/app/cpu"), pool(made, "shop/app/memory")
    assert (app["member_count"], app["usable_value"]) == (5, pytest.approx(3.2))
    assert memory["member_count"] == 5
    assert memory["demand_value"] < 60
    assert made.services.loc["shop", "monthly_cost"] == pytest.approx(300 + 400 * 0.75 + 200)


def test_a_node_for_a_shared_group_serves_everyone_on_it() -> None:
    made = after(Step("add_nodes", service_id="shop", redundancy_group="db", count=1))
    assert pool(made, "wiki/db/cpu")["member_count"] == 2


def test_a_retired_service_leaves_its_load_and_its_part_of_the_cost() -> None:
    made = after(Step("retire_service", service_id="shop"))
    assert "shop/app/cpu" not in made.pools.index
    assert pool(made, "wiki/db/cpu")["demand_value"] == pytest.approx(0.5 * 0.25)
    assert made.services.loc["wiki", "monthly_cost"] == pytest.approx(400)
    assert made.services.loc["shop", "monthly_cost"] == 0


def test_a_moved_ci_takes_its_capacity_along() -> None:
    made = after(Step("move_ci", ci_id="a3", service_id="wiki", redundancy_group="db"))
    assert pool(made, "shop/app/cpu")["member_count"] == 2
    assert pool(made, "wiki/db/cpu")["usable_value"] == pytest.approx(1.6)
    assert pool(made, "wiki/db/cpu")["demand_value"] == pytest.approx(0.5)
    assert pool(made, "shop/db/cpu")["member_count"] == 2


def test_a_resized_ci_keeps_its_threshold() -> None:
    made = after(Step("resize", ci_id="v1", resource="filesystem", limit_value=2000.0))
    assert pool(made, "shop/v1/filesystem")["usable_value"] == pytest.approx(1600)


def test_steps_wait_for_their_day() -> None:
    """Headroom is that of every step in force; dates are those of the days on which steps take effect."""
    start = AS_OF + timedelta(days=11)
    step = Step("scale_demand", service_id="shop", factor=3.0, from_date=start)
    made = after(step)
    assert pool(made, "shop/app/cpu")["headroom_ratio"] < 0
    assert pool(made, "shop/app/cpu")["p50_date"] == start


def test_a_purchase_of_the_plan_counts_in_dates_and_a_delay_undoes_it() -> None:
    """Not in headroom: it is not there yet. Its cost counts from its day on."""
    bought = {"purchase_id": "po", "ci_id": "v1", "resource": "filesystem", "limit_value": 2000.0}
    bought |= {"available_from": AS_OF + timedelta(days=5), "monthly_cost": 30.4375, "service_id": "shop"}
    estate: dict[str, Any] = {"purchases": [bought], "growth": 0.105}
    base = after(**estate)
    late = after(Step("delay_purchase", purchase_id="po", days=30), **estate)
    volume = "shop/v1/filesystem"
    assert pool(base, volume)["headroom_ratio"] == pytest.approx(0.5)
    assert pool(base, volume)["probability_within_horizon"] == 0
    assert pool(late, volume)["p50_date"] == AS_OF + timedelta(days=10)
    saved = base.services.loc["shop", "horizon_cost"] - late.services.loc["shop", "horizon_cost"]
    assert saved == pytest.approx(16)


def test_planned_purchases_raise_what_forecasts_may_use() -> None:
    """The CI by its own threshold, its pools by theirs, from the day on; a purchase that fits nothing is left out."""
    bought = {"purchase_id": "po", "ci_id": "v1", "resource": "filesystem", "added_value": 500.0}
    unfit = bought | {"purchase_id": "no", "ci_id": "gone"}
    day = AS_OF + timedelta(days=5)
    given = frames(purchases=[bought | {"available_from": day}, unfit | {"available_from": day}])
    given["resources"] = pd.DataFrame(
        {"ci_id": ["v1"], "resource": ["filesystem"], "limit_value": [1000.0], "usable_value": [700.0]}
    )
    rows = planned_usable(given).set_index("series_id")["usable"]
    assert rows.to_dict() == {
        "pool/shop/v1/filesystem": pytest.approx(1200),
        "ci/v1/filesystem": pytest.approx(1050),
    }


def test_pools_that_a_scenario_leaves_alone_keep_their_dates() -> None:
    """Recomputing some pools must not move others: random numbers belong to a pool."""
    base, made = after(growth=0.04), after(Step("scale_demand", service_id="wiki", factor=2), growth=0.04)
    assert made.pools.loc["shop/app/cpu", "p50_date"] == base.pools.loc["shop/app/cpu", "p50_date"]
    assert made.pools.loc["shop/db/cpu", "p50_date"] < base.pools.loc["shop/db/cpu", "p50_date"]


def test_every_action_of_the_record_makes_rows_that_can_be_stored() -> None:
    """Also a scenario that names what is not there: it says so, beside today's figures."""
    steps = [
        {"scenario_id": "grow", "step": 1, "action": "scale_demand", "service_id": "shop", "factor": 1.3},
        {"scenario_id": "grow", "step": 2, "action": "lose_ci", "ci_id": "a1"},
        {"scenario_id": "typo", "step": 1, "action": "lose_site", "site": "nort"},
    ]
    made = compute(frames(scenarios=steps), AS_OF, seed=1)
    stored = as_arrow("what_if_services", made["what_if_services"]).to_pandas()
    as_arrow("what_if_pools", made["what_if_pools"])
    typo = stored[(stored["scenario_id"] == "typo") & (stored["service_id"] == "shop")].iloc[0]
    assert typo["notes"] == "step 1: no site 'nort'; did you mean 'north'?"
    assert typo["today_headroom_ratio"] > 0
    assert pd.isna(typo["scenario_headroom_ratio"])


def test_the_same_input_in_another_order_gives_the_same_rows() -> None:
    steps = [{"scenario_id": "s", "step": 1, "action": "lose_site", "site": "north"}]
    given = frames(scenarios=steps, growth=0.01)
    shuffled = given | {
        name: given[name].sample(frac=1, random_state=3) for name in ("members", "sites", "service_map")
    }
    first, again = compute(given, AS_OF, seed=1), compute(shuffled, AS_OF, seed=1)
    for table in first:
        assert as_arrow(table, first[table]).equals(as_arrow(table, again[table]))


def test_an_estate_without_measurements_has_scenarios_too() -> None:
    steps = [{"scenario_id": "s", "step": 1, "action": "scale_demand", "factor": 1.3}]
    given = frames(scenarios=steps)
    bare = empty(given) | {"services": given["services"], "scenarios": given["scenarios"]}
    made = compute(bare, AS_OF, seed=1)
    assert as_arrow("what_if_services", made["what_if_services"])["scenario_headroom_ratio"].null_count == 2


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"action": "scale"}, "step 1: no action 'scale'; did you mean 'scale_demand'?"),
        ({"action": "scale_demand"}, "step 1: scale_demand needs factor"),
        ({"action": "scale_demand", "factor": "much"}, "step 1: factor 'much' is not a usable value"),
        ({"action": "scale_demand", "factor": -1}, "step 1: factor -1 is negative; 1.3 means 30 % more"),
        ({"action": "resize", "ci_id": "a"}, "step 1: resize needs resource"),
        ({"action": "lose_ci", "step": 2}, "step 2: lose_ci needs ci_id"),
        (
            {"action": "delay_purchase", "purchase_id": "p", "days": 1.5},
            "step 1: days '1.5' is not a usable value",
        ),
    ],
)
def test_a_step_that_says_too_little_is_refused(record: dict[str, Any], message: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        read_step(record)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (Step("retire_service", service_id="shp"), "no service 'shp'; did you mean 'shop'?"),
        (Step("lose_ci", ci_id="zz"), "no configuration item 'zz'; known: a1, a2, a3, d1, v1"),
        (
            Step("add_nodes", service_id="shop", redundancy_group="apps", count=1),
            "service 'shop' has no group 'apps'; did you mean 'app'?",
        ),
        (Step("delay_purchase", purchase_id="po", days=3), "no planned purchase 'po'; none is known"),
    ],
)
def test_unknown_names_come_with_the_nearest_known_one(step: Step, message: str) -> None:
    with pytest.raises(ScenarioError, match="step 1") as caught:
        check_steps([step], read_today(frames(), AS_OF).known)
    assert message in str(caught.value)


def test_dates_of_files_and_records_are_read_alike() -> None:
    record = {
        "action": "lose_ci",
        "ci_id": "a",
        "from_date": pd.Timestamp("2026-07-01"),
        "count": float("nan"),
    }
    assert (
        read_step(record).from_date
        == read_step(record | {"from_date": "2026-07-01"}).from_date
        == date(2026, 7, 1)
    )
