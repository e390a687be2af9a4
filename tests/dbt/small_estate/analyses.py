"""Results of the Python analyses: sizes, staffing, causes, scalability."""

from datetime import timedelta

from tests.dbt.landing_fixture import Row
from tests.dbt.small_estate.moments import AS_OF, DAYS, at


def rightsizing() -> dict[str, list[Row]]:
    tested = {"tested_weeks": 13, "breached_weeks": 0, "as_of_date": AS_OF, "currency": "EUR"}
    return {
        "rightsizing": [
            {
                **tested,
                "ci_id": "web-1",
                "ladder_id": "hosts",
                "present_size": "medium",
                "proposed_size": "small",
                "direction": "down",
                "verdict": "proposed",
                "deciding_resource": "cpu",
                "required_value": 1.5,
                "size_limit_value": 2.0,
                "growth_ratio": 1.1,
                "present_monthly_cost": 100.0,
                "proposed_monthly_cost": 60.0,
                "breach_ratio": 0.0,
                "breach_low_ratio": 0.0,
                "breach_high_ratio": 0.247,
                "present_breached_weeks": 0,
                "rejected_sizes": 0,
                "reason": "cpu needs 75% of small, crossed in no week of 13",
            },
            {
                "ci_id": "db-1",
                "as_of_date": AS_OF,
                "ladder_id": "hosts",
                "direction": "keep",
                "verdict": "not_assessed",
                "reason": "4 weeks to test on; at least 8 are needed",
            },
        ],
        "rightsizing_backtest": [
            {
                **tested,
                "ci_id": "web-1",
                "size_name": size,
                "decision_date": AS_OF - timedelta(days=91),
                "is_present": size == "medium",
                "is_proposed": size == "small",
                "held_then": True,
                "saved_cost": saved,
            }
            for size, saved in (("small", 119.6), ("medium", 0.0))
        ],
    }


def staffing() -> dict[str, list[Row]]:
    needed = {"team_id": "operations", "as_of_date": AS_OF, "method": "seasonal_mean"}
    needed |= {
        "agents_needed": 1.0,
        "agents_needed_high": 2.0,
        "agents_available": 0.3,
        "shortage_agents": 0.7,
    }
    live = {"work": "live", "zone": "UTC", "weekday": 1, "is_open": True}
    arrivals = {"arrivals": 0.2, "arrivals_low": 0.1, "arrivals_high": 0.7}
    return {
        "staffing_needs": [
            {**needed, **live, **arrivals, "interval_number": 9, "local_hour": 9},
            {**needed, **arrivals, "work": "deferred", "interval_number": 0, "week_start_date": AS_OF},
        ]
    }


def changed() -> dict[str, list[Row]]:
    common = {
        "change_id": "chg-1",
        "as_of_date": AS_OF,
        "subject_kind": "ci",
        "relation": "named",
        "unit": "1",
    }
    tested = {
        "control_count": 5,
        "days_before": 14,
        "days_after": 14,
        "placebo_count": 500,
        "is_parallel": True,
    }
    before = {
        "incident_id": "inc-3",
        "as_of_date": AS_OF,
        "ci_id": "web-1",
        "resource": "cpu",
        "saturated_minutes": 43.7,
        "peak_usage_ratio": 1.13,
        "started_at": at(DAYS[1], 0, 16),
    }
    told = {"service_id": "shop", "chance_basis": "hour_of_week", "opened_at": at(DAYS[1], 1)}
    scored = {"confidence_ratio": 0.91, "chance_ratio": 0.07, "chance_moments": 71, "service_p_value": 0.003}
    return {
        "capacity_incidents": [
            {
                **before,
                **told,
                **scored,
                "verdict": "capacity",
                "scope": "named_ci",
                "service_capacity_ratio": 0.4,
                "evidence_count": 1,
            },
            {
                **told,
                "incident_id": "inc-4",
                "as_of_date": AS_OF,
                "verdict": "not_capacity",
                "reason": "nothing on its path was saturated before it",
                "confidence_ratio": 0.0,
                "evidence_count": 0,
            },
        ],
        "capacity_incident_evidence": [
            {
                **before,
                "is_named_ci": True,
                "ended_at": at(DAYS[1], 0, 59),
                "minutes_before_opening": 44.0,
                "evidence_rank": 1,
            },
        ],
        "change_impact": [
            {
                **common,
                **tested,
                "subject_id": "web-1",
                "metric": "cpu_utilisation",
                "before_value": 0.31,
                "after_value": 0.47,
                "expected_value": 0.32,
                "effect_value": 0.15,
                "effect_ratio": 0.46875,
                "effect_low": 0.3,
                "effect_high": 0.66,
                "usual_size": 0.07,
                "score": 5.5,
                "p_value": 0.0003,
                "q_value": 0.01,
                "pre_trend": 0.01,
                "pre_trend_p_value": 0.7,
                "nearby_change_count": 1,
                "verdict": "raised",
            },
            {
                **common,
                "subject_id": "web-1",
                "metric": "memory_utilisation",
                "control_count": 2,
                "nearby_change_count": 1,
                "verdict": "not_testable",
                "reason": "too few controls: fewer than 3 comparable and untouched",
            },
        ],
    }


def scalability() -> dict[str, list[Row]]:
    told = {"is_refused": False, "sustainable_per_second": 10 / 3}
    fit = {
        "service_id": "shop",
        "as_of_date": AS_OF,
        "first_date": DAYS[0],
        "last_date": AS_OF,
        "point_count": 90,
    }
    return {
        "load_tests": [
            {
                "service_id": "shop",
                "tested_at": at(DAYS[0], 20),
                "load": load,
                "load_unit": "user",
                "throughput_per_second": load / (1 + load / 7),
            }
            for load in (1.0, 2.0, 4.0, 8.0, 16.0)
        ],
        "scalability_fits": [
            {**fit, "method": "queueing", **told, "sustainable_per_second_low": 3.1, "held_out_ratio": 0.3},
            {
                **fit,
                "method": "production_usl",
                "is_refused": True,
                "reason": "load never came near the knee",
            },
        ],
        "shared_use": [
            {
                "ci_id": "db-1",
                "resource": resource,
                "service_id": service,
                "as_of_date": AS_OF,
                "use_ratio": ratio,
                "use_ratio_low": None if ratio is None else ratio - 0.1,
                "use_ratio_high": None if ratio is None else ratio + 0.1,
                "r2_unseen": 0.87 if ratio else 0.31,
                "day_count": 28,
                "is_refused": ratio is None,
                "reason": None if ratio else "use cannot be told: requests explain 31% of it",
            }
            for service, resource, ratio in (
                ("shop", "cpu", 0.7),
                ("wiki", "cpu", 0.3),
                ("shop", "memory", None),
                ("wiki", "memory", None),
            )
        ],
        "business_capacity_fits": [
            {
                "driver_id": "orders",
                "driver_name": "Orders",
                "driver_unit": "order",
                "service_id": "shop",
                "pool_id": "shop/web/cpu",
                "resource": "cpu",
                "as_of_date": AS_OF,
                "headroom_kind": "a_day",
                "headroom_units": 100 / 3,
                "headroom_units_low": 30.1,
                "usable_value": 1.3,
                "demand_value": 0.9,
                "is_refused": False,
            },
        ],
        "scalability_points": [
            {
                "service_id": "shop",
                "as_of_date": AS_OF,
                "method": "queueing",
                "series": series,
                "point_number": number,
                "load": number / 3,
                "throughput_per_second": number / 7,
                "latency_seconds": 0.1 + number / 11,
            }
            for series in ("measured", "fitted")
            for number in (1, 2, 3)
        ],
    }
