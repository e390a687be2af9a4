"""Bills, business demand, KPIs and sizes of the small estate."""

from datetime import date, timedelta

from tests.dbt.landing_fixture import Row
from tests.dbt.small_estate.moments import ALWAYS, DAYS, HOSTS, at


def finance() -> dict[str, list[Row]]:
    """Two months of bills with every kind of charge, in two currencies, and demand of one driver."""
    may, june, july = date(2026, 5, 1), date(2026, 6, 1), date(2026, 7, 1)
    lines: list[tuple[str | None, str, str | None, date, date, float, str]] = [
        *((host, "Usage", None, june, july, 100.01 + number, "EUR") for number, host in enumerate(HOSTS[:3])),
        *((host, "Usage", None, may, june, 90.37, "EUR") for host in HOSTS[:2]),
        ("arn:db-1", "Usage", None, june, july, 333.33, "EUR"),
        ("arn:db-1", "Usage", "Correction", may, june, -1.1, "EUR"),
        ("lb-1", "Purchase", None, date(2026, 6, 17), date(2027, 6, 17), 1000.0, "EUR"),
        ("lb-1", "Credit", None, june, july, -20.5, "EUR"),
        ("mail-endpoint", "Usage", None, DAYS[1], DAYS[2], 7.77, "USD"),
        ("mail-endpoint", "Usage", None, june, july, 3.33, "EUR"),
        ("gone-1", "Usage", None, june, july, 50.0, "EUR"),
        (None, "Tax", None, june, july, 19.19, "EUR"),
        (None, "Adjustment", None, june, june, -0.01, "EUR"),
        ("web-1", "Usage", None, july, date(2026, 8, 1), 999.0, "EUR"),
    ]
    ladder = [("small", 2.0, 1.0, 60.0), ("medium", 4.0, 1.5, 100.0), ("large", 8.0, 3.0, 190.0)]
    return {
        "costs": [
            {
                "resource_id": resource,
                "service_name": "Hosting",
                "service_category": "Compute",
                "charge_category": category,
                "charge_class": correction,
                "charge_period_start": at(first, 0),
                "charge_period_end": at(end, 0),
                "billed_cost": cost,
                "effective_cost": round(0.9 * cost, 2),
                "billing_currency": currency,
            }
            for resource, category, correction, first, end, cost, currency in lines
        ],
        "business_demand": [
            {
                "driver_id": "orders",
                "driver_name": "Orders",
                "service_id": "shop",
                "demand_date": first + timedelta(days=day),
                "value": 1000.3 + 7 * day,
                "unit": "order",
            }
            for first, days in ((may, 31), (june, 20))
            for day in range(days)
        ],
        "kpis": [
            {
                "kpi_id": "efficiency",
                "parent_id": "vs-strategy-to-portfolio",
                "level": "kpi",
                "kpi_name": "Cost-efficiency gains",
                "formula": "1 - cost per unit of business demand / that of the baseline",
                "baseline_start_date": may,
                "baseline_end_date": date(2026, 5, 31),
                "owner": "Ann",
                "valid_from": ALWAYS,
            },
            {
                "kpi_id": "prompt",
                "parent_id": "vs-request-to-fulfil",
                "level": "kpi",
                "kpi_name": "Requests fulfilled within a day",
                "measure": "request_fulfilment_hours",
                "comparator": "<=",
                "target_value": 8.0,
                "weight": 2.0,
                "owner": "Ann",
                "valid_from": ALWAYS,
            },
        ],
        "size_ladders": [
            {
                "ladder_id": "hosts",
                "ci_kind": "host",
                "size_name": name,
                "resource": resource,
                "limit_value": limit,
                "unit": unit,
                "monthly_cost": cost,
                "currency": "EUR",
                "valid_from": ALWAYS,
            }
            for name, cpus, memory, cost in ladder
            for resource, limit, unit in (("cpu", cpus, "{cpu}"), ("memory", memory, "MiBy"))
        ],
    }
