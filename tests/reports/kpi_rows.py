"""Rows of a KPI tree for the fixture estates: one met, one missed, one not judged."""

from __future__ import annotations

from datetime import date

from tests.reports.marts import AS_OF, Rows


def kpis(rows: Rows, service_id: str) -> None:
    """Goal → value stream → three KPIs, in the month and the quarter of the as-of day."""
    month = AS_OF.replace(day=1)
    quarter = date(month.year, month.month - (month.month - 1) % 3, 1)
    for period, start in (("month", month), ("quarter", quarter)):
        when = {"period": period, "period_start_date": start, "period_end_date": AS_OF, "as_of_date": AS_OF}
        node = {**when, "kpi_count": 3, "judged_count": 2, "met_count": 1, "value": 0.5, "is_met": False}
        node |= {"numerator": 1.0, "denominator": 2.0, "is_default": True, "owner": "Ann", "weight": 1.0}
        node |= {"adds_up": "no", "reason": "1 of 3 KPIs under it are not judged in this period"}
        leaf = {**when, "parent_id": "vs", "depth": 3, "level": "kpi", "owner": "Bo", "weight": 1.0}
        leaf |= {
            "is_default": False,
            "comparator": ">=",
            "target_value": 0.9,
            "unit": "1",
            "source": "fct_changes",
        }
        rows.add("fct_kpis", **node, kpi_id="goal", path="goal", depth=1, level="goal", kpi_name="Right size")
        rows.add("fct_kpis", **node, kpi_id="vs", parent_id="goal", path="goal > vs", depth=2, level="value_stream",
                 kpi_name="Requirement to deploy")  # fmt: skip
        rows.add("fct_kpis", **leaf, kpi_id="good", kpi_name="Successful changes", formula="good / all", value=0.95,
                 numerator=19.0, denominator=20.0, is_met=True, previous_value=0.8, adds_up="yes",
                 reason="sum of its services")  # fmt: skip
        rows.add("fct_kpis", **leaf, kpi_id="late", kpi_name="Changes on time", formula="in time / all", value=0.5,
                 numerator=10.0, denominator=20.0, is_met=False, previous_value=0.8, adds_up="yes",
                 reason="sum of its services")  # fmt: skip
        rows.add("fct_kpis", **leaf, kpi_id="dark", kpi_name="Never measured", adds_up="not_applicable",
                 reason="nothing was measured in this period")  # fmt: skip
        rows.add("fct_kpi_parts", kpi_id="late", period=period, period_start_date=start, as_of_date=AS_OF,
                 service_id=service_id, numerator=10.0, denominator=20.0, value=0.5, is_met=False)  # fmt: skip
