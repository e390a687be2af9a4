"""Plan, sizes, room in business terms, kinds of resource: words must say what the figures say, and no more."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

from reports import business, plan, sizes
from reports.data import PublishedReader
from reports.records.business import BusinessRoom, DriverDemand
from reports.records.cost import UnitCost
from reports.records.planning import Improvement, SizeOfItem, SizesTaken
from reports.records.resources import Capacity
from reports.resources import answer as answer_of_resources
from reports.settings import ReportSettings
from tests.reports.marts import AS_OF, Rows, publish

Record = TypeVar("Record")


def made(record: type[Record], **values: Any) -> Record:
    """A record in which all but the given values are missing."""
    return record(**dict.fromkeys(record.__annotations__) | values)


EXTEND = made(
    Improvement,
    improvement_id="i1",
    kind="extend_capacity",
    subject="shop/app/cpu",
    title="Extend cpu of shop/app",
    service_id="shop",
    redundancy_group="app",
    pooling="shared",
    member_count=4,
    tolerance=1,
    usable_value=2.4,
    resource="cpu",
    state="proposed",
    is_current=True,
    benefit_measure="headroom_ratio",
    expected_benefit_value=0.34,
    amount_value=1.5,
    amount_unit="1",
    decision_date=date(2026, 7, 9),
)
SIZE = made(
    SizeOfItem,
    ci_id="h1",
    redundancy_group="app",
    service_name="Shop",
    direction="down",
    verdict="proposed",
    present_size="l",
    proposed_size="m",
    monthly_saving=40.0,
    currency="EUR",
    tested_weeks=13,
    breached_weeks=0,
    breach_ratio=0.0,
    reason="cpu needs 86% of m",
)
ROOM = made(
    BusinessRoom,
    driver_id="d",
    driver_name="Orders",
    driver_unit="order",
    service_id="shop",
    pool_id="shop/app/cpu",
    redundancy_group="app",
    resource="cpu",
    headroom_kind="a_day",
    headroom_units=14_361.7,
    headroom_units_low=8361.0,
    headroom_units_high=21_695.8,
    is_tightest=True,
    busy_day_units=100_000.0,
    is_refused=False,
)
BUDGET = made(
    Capacity,
    capacity_id="budget/a",
    series_id="budget/a",
    resource_kind="financial",
    subject_kind="budget",
    subject_id="a",
    resource="budget",
    unit="EUR",
    headroom_ratio=-0.1,
    is_low_coverage=False,
)


def plain(text: str) -> str:
    return text.replace("\u202f", " ")


def test_proposals_are_put_in_words_and_decisions_keep_the_title_they_were_made_on() -> None:
    assert plain(plan.task(EXTEND, None)) == "Extend CPU of app by 2 members"  # of 0.8 each
    assert plain(plan.task(replace(EXTEND, usable_value=None), None)) == "Extend CPU of app by 1.5 members"
    seats = replace(
        EXTEND, redundancy_group="crm", resource="licence_seats", amount_value=45.2, amount_unit="{seat}"
    )
    assert plain(plan.task(seats, None)) == "Extend licence seats of crm by 46 seats"
    assert plan.task(replace(EXTEND, state="accepted", title="Buy two hosts"), None) == "Buy two hosts"
    assert plan.task(replace(EXTEND, redundancy_group=None), None) == "Extend cpu of shop/app"


def test_the_register_counts_what_is_due_and_lists_sizes_apart_until_they_are_accepted() -> None:
    size = replace(EXTEND, improvement_id="i2", kind="right_size_down", decision_date=None)
    late = replace(EXTEND, improvement_id="i3", decision_date=date(2026, 6, 1))
    gone = replace(EXTEND, improvement_id="i4", is_current=False)
    rows = [EXTEND, size, late, gone, replace(size, improvement_id="i5", state="accepted")]
    found = plan.register(rows, {}, AS_OF, ReportSettings())

    assert [line.improvement.improvement_id for line in found.open] == ["i1", "i3", "i5"]
    assert (found.open_count, found.size_count, found.due) == (3, 1, 2)
    assert found.answer == (
        "3 improvements are proposed; for 1 the day to decide has passed; 1 must be decided within 30 days; "
        "1 is accepted and not done yet."
    )


def test_benefits_read_in_the_words_of_their_measure_and_unknown_ones_are_not_nought() -> None:
    cases = {
        "headroom_ratio": "34 points of headroom",
        "target_attainment": "34 points more within the target",
        "saturation_minutes": "0.34 min less at the limit in 28 days",
        "event_count": "0.34 events fewer in 28 days",
    }
    for measure, expected in cases.items():
        assert plain(plan.benefit(replace(EXTEND, benefit_measure=measure), 0.34)) == expected
    assert (
        plain(plan.benefit(replace(EXTEND, benefit_measure="monthly_cost", currency="EUR"), 1240.0))
        == "1,240 EUR a month"
    )
    assert plan.benefit(EXTEND, None) == "–"


def test_an_amount_without_currency_is_in_that_of_the_settings() -> None:
    row = replace(EXTEND, monthly_cost=60.0)
    [line] = plan.register([row], {}, AS_OF, ReportSettings(currency="CHF")).open
    assert plain(line.costs[0]) == "60 CHF a month"


def test_members_of_a_group_are_one_line_with_the_back_test_of_the_worst() -> None:
    worst = replace(SIZE, ci_id="h2", breached_weeks=1, breach_ratio=1 / 13)
    found = sizes.sizes([SIZE, worst, replace(SIZE, ci_id="h3", service_name="Other")], [], ReportSettings())

    assert [(line.count, line.monthly_saving) for line in found.down] == [(2, 80.0), (1, 40.0)]
    assert found.down[0].item.breached_weeks == 1
    assert plain(found.answer) == "3 items are larger than needed (120 EUR a month would be saved)."


def test_a_reason_writes_resources_and_shares_as_the_rest_of_the_report() -> None:
    reason = "cpu needs 89% of cpu-l; cpu-m: filesystem will need 110% of it within a quarter"
    [line] = sizes.sizes([replace(SIZE, reason=reason)], [], ReportSettings()).down

    assert (
        plain(line.why) == "CPU needs 89 % of cpu-l; cpu-m: disk space will need 110 % of it within a quarter"
    )


def test_refused_sizes_say_why_and_items_without_a_candidate_are_only_counted() -> None:
    rows = [
        replace(SIZE, verdict="no_size_fits", direction="up", proposed_size=None, monthly_saving=None),
        replace(SIZE, ci_id="h2", verdict="keep", direction="keep", proposed_size=None, rejected_sizes=2),
        replace(SIZE, ci_id="h3", verdict="keep", direction="keep", proposed_size=None, rejected_sizes=0),
        replace(SIZE, ci_id="h4", verdict="not_assessed", direction="keep", proposed_size=None),
    ]
    found = sizes.sizes(rows, [], ReportSettings())

    assert sorted(line.item.verdict for line in found.refused) == ["keep", "no_size_fits", "not_assessed"]
    assert (found.kept, found.up, found.down) == (1, (), ())
    assert found.answer == (
        "for 1 item that is too small no size of the ladder is enough; 2 keep their size; 1 could not be assessed."
    )


def test_savings_of_several_currencies_are_never_added() -> None:
    answer = sizes.answer([SIZE, replace(SIZE, ci_id="h2", currency="USD")])
    assert plain(answer) == "2 items are larger than needed (40 EUR and 40 USD a month would be saved)."


def test_the_back_test_says_what_the_refused_sizes_would_have_done() -> None:
    taken = SizesTaken(date(2026, 3, 31), "EUR", 1, 13, 0, 120.0, 3, 1)
    assert plain(sizes.backtest(taken)) == (
        "Had the 1 smaller size been taken on 31 Mar 2026, demand would have crossed them in 0 of 13 weeks since then, "
        "and 120 EUR would have been saved at list prices. 3 other cheaper sizes held what was known that day and are "
        "not proposed; 1 was crossed later."
    )


def test_room_is_rounded_to_what_is_known_and_too_many_is_said_so() -> None:
    assert (
        plain(business.sentence(ROOM))
        == "Room for 14,400 more a day (90 %: 8,360 to 21,700); what decides is CPU of app."
    )
    short = replace(
        ROOM, headroom_units=-3_485_481.0, headroom_units_low=-4_293_973.0, headroom_units_high=-2_963_193.0
    )
    assert plain(business.more(short)) == "3.49 million too many"
    assert plain(business.spread(short)) == "2.96 million to 4.29 million"
    either = replace(ROOM, headroom_units_low=-154_196.0)
    assert plain(business.spread(either)) == "154,000 too many to 21,700 more"
    assert plain(business.spread(replace(ROOM, headroom_units_high=None))) == "8,360 or more"


def test_the_driver_with_the_least_room_for_a_busy_day_comes_first_whatever_its_unit() -> None:
    many = replace(ROOM, driver_id="big", headroom_units=50_000.0, busy_day_units=1_000_000.0)
    refused = replace(ROOM, driver_id="no", headroom_units=None, is_refused=True, is_tightest=False)
    cost = UnitCost("big", "Orders", date(2026, 6, 1), "EUR", "order", 10.0, 0.5, None, False)
    older = replace(cost, month_start_date=date(2026, 5, 1), unit_cost=0.9)
    found = business.table([ROOM, many, refused], [cost, older], 10)

    assert [line.room.driver_id for line in found.lines] == ["big", "d"]
    assert (found.total, found.untold) == (2, 1)
    assert found.lines[0].costs == (cost,)


def test_refused_relations_are_grouped_by_reason_and_drivers_without_any_are_kept() -> None:
    refused = replace(ROOM, headroom_units=None, is_refused=True, is_tightest=False, reason="no relation")
    demand = DriverDemand("other", "Seats", "seat", "shop", 66_000.0, 60_000.0)
    first, other = business.drivers([refused, replace(refused, resource="memory")], [demand], [])

    assert first.refused == (("no relation", ("CPU of app", "memory of app")),)
    assert (first.answers, first.pools) == ((), ())
    assert (
        plain(other.demand)
        == "The mean day of the last four weeks has 66,000, 10 % more than in the four before."
    )


def test_the_unit_of_a_driver_stands_only_where_its_name_does_not_say_it() -> None:
    assert business.unit_note("Orders", "{order}") == ""
    assert business.unit_note("Rows loaded", "1000 rows") == "1000 rows"


def test_the_answer_on_resources_counts_kinds_that_are_there() -> None:
    fine = replace(BUDGET, capacity_id="budget/b", headroom_ratio=0.2)
    assert answer_of_resources([BUDGET, fine], AS_OF) == (
        "1 of 2 budgets will not last to its end if spending goes on as so far."
    )
    assert answer_of_resources([replace(BUDGET, headroom_ratio=None)], AS_OF).startswith("Neither teams")


def test_an_improvement_on_a_shared_pool_stands_with_every_service_that_shares_it(tmp_path: Path) -> None:
    rows = Rows()
    for service in ("a", "b"):
        rows.add("bridge_service_ci", service_id=service, ci_id="lb", redundancy_group="lb")
        rows.add("fct_pool_members", pool_id=f"{service}/lb/network", ci_id="lb", as_of_date=AS_OF)
    rows.add("fct_improvements", improvement_id="i", kind="extend_capacity", subject="a/lb/network", state="proposed",
             pool_id="a/lb/network", service_id="a", as_of_date=AS_OF)  # fmt: skip
    with PublishedReader(publish(tmp_path, rows), AS_OF) as reader:
        assert [len(reader.improvements(service)) for service in (None, "a", "b", "c")] == [1, 1, 1, 0]


def test_a_licence_that_stands_alone_runs_out_when_its_pool_does(tmp_path: Path) -> None:
    """Pool and item are forecast apart: two dates for one thing would be read as two things."""
    rows = Rows()
    rows.add("fct_capacity", capacity_id="ci/l/seats", as_of_date=AS_OF, resource_kind="information", subject_kind="ci",
             subject_id="l", service_id="a", resource="seats", unit="{seat}")  # fmt: skip
    rows.add("fct_pool_capacity", pool_id="a/l/seats", service_id="a", resource="seats", member_count=1,
             deciding_ci_id="l", as_of_date=AS_OF)  # fmt: skip
    with PublishedReader(publish(tmp_path, rows), AS_OF) as reader:
        assert [c.series_id for c in reader.capacities()] == ["pool/a/l/seats"]
        assert reader.capacities(technical=True) == []
