"""Rows of plans for the fixture estates: improvements, sizes, room in business terms, the four kinds of resource."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from tests.reports.marts import AS_OF, Rows


def improvements(rows: Rows, key: str, pool: dict[str, Any]) -> None:
    """An extension that is overdue, a missed target, an extension that came true, and an idea that was rejected."""
    same: dict[str, Any] = {"as_of_date": AS_OF, "service_id": key, "owner": "Ana Kovač", "currency": "EUR"}
    rows.add("fct_improvements", **same, improvement_id=f"imp-{key[:20]}-1", kind="extend_capacity",
             subject=pool["pool_id"], pool_id=pool["pool_id"], resource=pool["resource"], title="Extend it",
             reason="demand exceeds usable capacity", state="proposed", first_seen_date=date(2026, 6, 2),
             is_current=True, benefit_measure="headroom_ratio", benefit_unit="1", expected_benefit_value=0.34,
             expected_benefit_low_value=0.11, expected_benefit_high_value=0.34, amount_value=1.5,
             amount_unit=pool["unit"], one_off_cost=4000.0, monthly_cost=784.0, risk="medium", effort_days=5.0,
             decision_date=date(2026, 6, 20), priority_score=95.0)  # fmt: skip
    rows.add("fct_improvements", **same, improvement_id=f"imp-{key[:20]}-2", kind="meet_target",
             subject=f"{key}/res-p1", title="Meet it", reason="not met", state="proposed", first_seen_date=AS_OF,
             is_current=True, benefit_measure="target_attainment", benefit_unit="1", expected_benefit_value=0.12,
             risk="low", effort_days=15.0, priority_score=60.0)  # fmt: skip
    decided = same | {
        "state_changed_by": "Helene Vogt",
        "state_changed_at": datetime.fromisoformat("2026-05-02T09:00"),
    }
    rows.add("fct_improvements", **decided, improvement_id=f"imp-{key[:20]}-3", kind="extend_capacity",
             subject=pool["pool_id"], pool_id=pool["pool_id"], resource=pool["resource"],
             title=f"Add 2 hosts to {key}", state="done", state_reason="Needed before it runs out",
             change_id="CHG0000155", is_current=False, benefit_measure="headroom_ratio", benefit_unit="1",
             expected_benefit_value=0.3, done_date=date(2026, 5, 20), days_before=28, days_after=28,
             before_value=-0.1, after_value=0.23, measured_benefit_value=0.33, realised_ratio=1.1,
             verdict="realised", priority_score=20.0)  # fmt: skip
    rows.add("fct_improvements", **decided, improvement_id=f"imp-{key[:20]}-4", kind="other", subject=key,
             title=f"Shrink {key}", state="rejected", state_reason="Kept for the yearly campaign", is_current=False,
             benefit_measure="monthly_cost", expected_benefit_value=60.0, priority_score=10.0)  # fmt: skip


def sizes(rows: Rows, key: str) -> None:
    """Hosts that are too large, a volume that is too small, and a database for which nothing smaller passes."""
    hosts = [f"{key}-host-{n + 1}" for n in range(4)]
    for ci_id, direction, verdict, present, proposed, saving in (
        *((host, "down", "proposed", "gp-8x32", "gp-4x16", 140.0) for host in hosts),
        (f"{key}-volume-1", "up", "proposed", "vol-2000", "vol-3000", -55.0),
        (f"{key}-database-1", "keep", "keep", "db-8x800", None, None),
    ):
        crossed = 3 if direction == "up" else 0
        rows.add("fct_rightsizing", ci_id=ci_id, as_of_date=AS_OF, ladder_id="sizes", present_size=present,
                 proposed_size=proposed, direction=direction, verdict=verdict, deciding_resource="cpu",
                 required_value=3.4, size_limit_value=4.0, monthly_saving=saving,
                 effective_monthly_saving=None if saving is None else saving * 0.9, currency="EUR", tested_weeks=13,
                 breached_weeks=0, breach_ratio=0.0, breach_low_ratio=0.0, breach_high_ratio=0.247,
                 present_breached_weeks=crossed, rejected_sizes=1 if verdict == "keep" else 0,
                 reason="cpu needs 86% of it, crossed in no week of 13" if proposed
                 else "db-6x600: connections crossed in 1 of 17 weeks")  # fmt: skip
        for weeks in (13, 4):
            rows.add("fct_rightsizing_backtest", ci_id=ci_id, as_of_date=AS_OF, size_name=proposed or "db-6x600",
                     decision_date=AS_OF - timedelta(weeks=weeks), is_present=False, is_proposed=bool(proposed),
                     held_then=True, tested_weeks=weeks, breached_weeks=0 if proposed else 1,
                     saved_cost=(saving or 70.0) * weeks * 7 / 30, currency="EUR")  # fmt: skip


def business(rows: Rows, key: str, pools: list[dict[str, Any]]) -> None:
    """Orders: room a day decided by the tightest pool, room in total, and a pool of which the data do not tell."""
    same: dict[str, Any] = {"driver_id": f"{key}-orders", "driver_name": "Orders", "driver_unit": "{order}",
                            "service_id": key}  # fmt: skip
    for number, pool in enumerate(pools[:3]):
        units = 81_000 * pool["headroom_ratio"]
        told = number < 2
        kind = "in_total" if number == 1 else "a_day"
        rows.add("fct_business_capacity", **same, as_of_date=AS_OF, pool_id=pool["pool_id"], resource=pool["resource"],
                 headroom_kind=kind, headroom_units=units if told else None, is_tightest=told,
                 headroom_units_low=units - 2000 if told else None,
                 headroom_units_high=units + 2000 if number == 0 else None, busy_day_units=81_000.0, lag_days=number,
                 elasticity_ratio=0.75 if number == 0 else None, day_count=84, is_refused=not told,
                 reason=None if told else "on unseen days the driver told demand no better than last week")  # fmt: skip
    for offset in range(56):
        rows.add("fct_business_demand", **same, demand_date=AS_OF - timedelta(days=offset),
                 demand_units=66_000.0 if offset < 28 else 60_000.0)  # fmt: skip


def kinds(rows: Rows, key: str, name: str) -> None:
    """A licence that is nearly used up and a budget that ends early."""
    rows.add(
        "dim_ci", ci_id=f"{key}-licences", ci_name=f"{name} licences", ci_kind="licence", valid_from=AS_OF
    )
    same: dict[str, Any] = {"as_of_date": AS_OF, "service_id": key, "is_low_coverage": False}
    rows.add("fct_capacity", **same, capacity_id=f"ci/{key}-licences/licence_seats", resource_kind="information",
             subject_kind="ci", subject_id=f"{key}-licences", resource="licence_seats", unit="{seat}",
             statistic="maximum", limit_value=400.0, threshold_ratio=0.95, usable_value=380.0, demand_value=354.0,
             headroom_ratio=1 - 354 / 380, demand_now_value=350.0, headroom_now_ratio=0.08)  # fmt: skip
    rows.add("fct_capacity", **same, capacity_id=f"budget/run-{key}", resource_kind="financial", subject_kind="budget",
             subject_id=f"run-{key}", resource="budget", unit="EUR", statistic="period_total", limit_value=35_700.0,
             threshold_ratio=1.0, usable_value=35_700.0, demand_value=42_260.0, headroom_ratio=1 - 42_260 / 35_700,
             demand_now_value=14_125.0, period_start_date=date(2026, 3, 1), period_end_date=date(2027, 2, 28),
             run_out_date=date(2027, 1, 3))  # fmt: skip
    rows.add("fct_capacity", **same, capacity_id=f"ci/{key}-host-1/cpu", resource_kind="technical", subject_kind="ci",
             subject_id=f"{key}-host-1", resource="cpu", unit="1", statistic="busy_hour", limit_value=1.0,
             threshold_ratio=0.8, usable_value=0.8, demand_value=0.6, headroom_ratio=0.25)  # fmt: skip


def team(rows: Rows, team_id: str) -> None:
    """A team with more work than hours in its busiest week."""
    rows.add("fct_capacity", as_of_date=AS_OF, is_low_coverage=False, capacity_id=f"team/{team_id}/team_hours",
             resource_kind="human", subject_kind="team", subject_id=team_id, resource="team_hours", unit="h/wk",
             statistic="busiest_week", limit_value=96.0, threshold_ratio=0.85, usable_value=81.6, demand_value=93.0,
             headroom_ratio=1 - 93 / 81.6, demand_now_value=33.0, headroom_now_ratio=0.6)  # fmt: skip
    rows.add("fct_team_capacity", team_id=team_id, as_of_date=AS_OF, ticket_count=97, week_count=4,
             open_ticket_count=3, backlog_hours=6.0, days_in_system=1.4)  # fmt: skip


def shared_use(rows: Rows, key: str) -> None:
    """A database that the service uses beyond its share, and a resource of which use cannot be told apart."""
    same: dict[str, Any] = {"service_id": key, "ci_id": f"{key}-database-1", "as_of_date": AS_OF, "share_ratio": 0.6,
                            "share_basis": "agreed_share"}  # fmt: skip
    rows.add("fct_resource_shares", **same, resource="connections", service_count=2)
    rows.add("fct_shared_use", **same, resource="connections", unit="{connection}", use_ratio=0.82, use_ratio_low=0.8,
             use_ratio_high=0.84, share_headroom_ratio=0.06, is_above_share=True, r2_unseen=0.93, day_count=28,
             is_refused=False)  # fmt: skip
    rows.add("fct_shared_use", **same, resource="cpu", unit="1", is_refused=True,
             reason="requests explain 41% of unseen days")  # fmt: skip
