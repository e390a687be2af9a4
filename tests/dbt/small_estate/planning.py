"""Plans of the small estate: a purchase to come, a scenario and its result, an improvement that is done."""

from datetime import date, datetime

from tests.dbt.landing_fixture import Row


def planning(as_of: date) -> dict[str, list[Row]]:
    """Landing rows of purchases, improvements, scenarios and what-if results as of `as_of`."""
    scenario = {"scenario_id": "growth", "scenario_name": "Growth", "author": "Ann"}
    compared = {"scenario_id": "growth", "as_of_date": as_of, "service_id": "shop", "horizon_days": 90}
    return {
        "business_events": [
            {
                "event_id": "sale",
                "title": "Summer sale",
                "service_id": "shop",
                "first_date": date(2026, 7, 3),
                "last_date": date(2026, 7, 5),
                "expected_factor": 1.3,
                "owner": "Ann",
            }
        ],
        "forecast_overrides": [
            {
                "override_id": "o-1",
                "series_id": "ci/web-1/cpu",
                "first_date": date(2026, 7, 3),
                "last_date": date(2026, 7, 9),
                "factor": 0.9,
                "author": "Ann",
                "reason": "Fewer shops",
                "valid_from": date(2026, 6, 1),
            }
        ],
        "planned_purchases": [
            {
                "purchase_id": "po-1",
                "title": "Memory",
                "ci_id": "web-1",
                "resource": "memory",
                "limit_value": 2.2,
                "unit": "MiBy",
                "available_from": date(2026, 7, 9),
                "monthly_cost": 4.7,
                "state": "ordered",
            }
        ],
        "improvement_states": [
            {
                "improvement_id": "web-hosts",
                "changed_at": datetime(2026, 6, 28, 9),  # noqa: DTZ001  naive UTC, as landed
                "state": "done",
                "changed_by": "Ann",
                "kind": "extend_capacity",
                "subject": "shop/web/cpu",
                "service_id": "shop",
                "expected_benefit_value": 0.3,
            }
        ],
        "scenarios": [
            scenario | {"step": 1, "action": "scale_demand", "service_id": "shop", "factor": 1.3},
            scenario
            | {"step": 2, "action": "resize", "ci_id": "db-1", "resource": "memory", "limit_value": 3.1}
            | {"unit": "MiBy", "from_date": date(2026, 7, 20)},
        ],
        "what_if_services": [
            compared
            | {
                "today_headroom_ratio": 0.3,
                "scenario_headroom_ratio": 0.1,
                "today_p50_date": date(2026, 8, 1),
            }
            | {
                "scenario_p50_date": date(2026, 7, 11),
                "today_monthly_cost": 17.1,
                "scenario_monthly_cost": 19.3,
            }
        ],
        "what_if_pools": [
            compared
            | {"pool_id": "shop/web/cpu", "today_demand_value": 0.7, "today_usable_value": 1.3}
            | {
                "scenario_demand_value": 0.91,
                "scenario_usable_value": 1.3,
                "scenario_bare_usable_value": 1.95,
            }
        ],
    }
