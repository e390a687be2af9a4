"""The tree of KPIs as drawn: every node once, trends read by the side of the target that is better."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from reports.kpis import Node, kpi_page, shown, target_of
from reports.records.kpis import Kpi

LEAF = Kpi(
    kpi_id="a",
    parent_id=None,
    level="kpi",
    kpi_name="A",
    formula="a / b",
    source="fct_a",
    unit="1",
    owner="Ann",
    is_default=False,
    weight=1.0,
    numerator=9.0,
    denominator=10.0,
    value=0.9,
    comparator=">=",
    target_value=0.8,
    is_met=True,
    previous_value=0.7,
    kpi_count=None,
    judged_count=None,
    met_count=None,
    adds_up="yes",
    reason="sum",
    period_start_date=date(2026, 6, 1),
    quarter_value=None,
    quarter_is_met=None,
    quarter_previous_value=None,
)


def names(nodes: tuple[Node, ...]) -> list[object]:
    return [(node.kpi.kpi_id, names(node.children)) for node in nodes]


def test_every_node_is_drawn_once() -> None:
    """Under its parent, at the top when the parent is not there, and cut where parents lead in a circle."""
    kpis = [
        replace(LEAF, kpi_id="goal", level="goal"),
        replace(LEAF, kpi_id="under", parent_id="goal"),
        replace(LEAF, kpi_id="orphan", parent_id="gone"),
        replace(LEAF, kpi_id="one", parent_id="two"),
        replace(LEAF, kpi_id="two", parent_id="one"),
    ]
    drawn = names(kpi_page(kpis).roots)
    assert drawn == [("goal", [("under", [])]), ("orphan", []), ("one", [("two", [])])]


def test_the_answer_counts_what_could_be_judged() -> None:
    """A KPI without a value is neither met nor missed."""
    kpis = [LEAF, replace(LEAF, kpi_id="b", is_met=False), replace(LEAF, kpi_id="c", is_met=None)]
    assert kpi_page(kpis).answer == "1 of 2 KPIs met their target this month; 1 could not be judged."
    assert kpi_page([]).answer.startswith("No KPI could be judged")


def test_a_trend_is_better_on_the_side_of_the_target() -> None:
    """More is better with >=, less with <=; without a target it only changed."""

    def trend(**changes: object) -> str:
        return Node(replace(LEAF, **changes), (), (), 0).trend  # type: ignore[arg-type]

    assert "better" in trend()
    assert "worse" in trend(comparator="<=")
    assert "changed" in trend(comparator=None)
    assert trend(previous_value=None) == "no month before to compare with"
    assert trend(previous_value=0.9).startswith("→")


def test_values_and_targets_have_their_unit() -> None:
    """Shares in percent, all else with its unit."""
    hours = replace(LEAF, unit="h", value=7.5, comparator="<=", target_value=8.0)
    assert shown(hours.value, hours).split() == ["7.5", "h"]
    assert target_of(hours).split() == ["at", "most", "8", "h"]
    assert target_of(LEAF).startswith("at least 80")
    assert target_of(replace(LEAF, target_value=None)) == "no target"
