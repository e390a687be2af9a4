"""The page of KPIs: the tree, node by node, with what was measured and whether the target was met. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from reports import formats
from reports.records.kpis import Kpi, KpiPart

LISTED_PARTS = 8
LEVEL_WORDS = {
    "goal": "Goal",
    "critical_success_factor": "Critical success factor",
    "value_stream": "Value stream",
    "kpi": "KPI",
}


@dataclass(frozen=True)
class Node:
    """One node with what stands under it."""

    kpi: Kpi
    children: tuple[Node, ...]
    parts: tuple[KpiPart, ...]
    part_count: int

    @property
    def state(self) -> tuple[str, str, str]:
        """Class, shape and word of whether it is met."""
        if self.kpi.is_met is None:
            return ("unknown", "○", "not judged")
        return ("enough", "●", "met") if self.kpi.is_met else ("beyond", "■", "missed")

    @property
    def arrow(self) -> str:
        """Up, down or level against the month before; nothing without one."""
        return self.trend[0] if self.trend[0] in "↗↘→" else ""

    @property
    def trend(self) -> str:
        """Against the month before: better or worse only where a target says which side is better."""
        now, before = self.kpi.value, self.kpi.previous_value
        if now is None or before is None:
            return "no month before to compare with"
        if abs(now - before) < 5e-4 * max(abs(now), abs(before), 1e-9):
            return f"→ as in the month before ({shown(before, self.kpi)})"
        arrow = "↗" if now > before else "↘"
        sign = {"<=": -1, ">=": 1}.get(self.kpi.comparator or (">=" if self.kpi.level != "kpi" else ""), 0)
        word = "changed" if sign == 0 else ("better" if (now - before) * sign > 0 else "worse")
        return f"{arrow} {word}, {shown(before, self.kpi)} in the month before"


@dataclass(frozen=True)
class KpiPage:
    """Everything that the template prints."""

    roots: tuple[Node, ...]
    met: int
    judged: int
    total: int

    @property
    def answer(self) -> str:
        """One sentence."""
        if not self.judged:
            return "No KPI could be judged this month: nothing that has a target was measured."
        rest = self.total - self.judged
        missing = f"; {rest} could not be judged" if rest else ""
        return f"{self.met} of {formats.counted(self.judged, 'KPI')} met their target this month{missing}."


def kpi_page(kpis: Sequence[Kpi], parts: Iterable[KpiPart] = ()) -> KpiPage:
    """The tree of `kpis`, in their order; a node whose parents lead nowhere stands at the top.

    A circle of parents is cut where it is entered first, so that each node is drawn once.
    """
    children: dict[str | None, list[Kpi]] = defaultdict(list)
    known = {kpi.kpi_id for kpi in kpis}
    for kpi in kpis:
        children[kpi.parent_id if kpi.parent_id in known else None].append(kpi)
    by_kpi: dict[str, list[KpiPart]] = defaultdict(list)
    for part in parts:
        by_kpi[part.kpi_id].append(part)
    drawn: set[str] = set()
    roots = [_node(kpi, children, by_kpi, drawn) for kpi in children[None]]
    roots += [_node(kpi, children, by_kpi, drawn) for kpi in kpis if kpi.kpi_id not in drawn]
    leaves = [kpi for kpi in kpis if kpi.level == "kpi"]
    return KpiPage(
        roots=tuple(roots),
        met=sum(1 for kpi in leaves if kpi.is_met),
        judged=sum(1 for kpi in leaves if kpi.is_met is not None),
        total=len(leaves),
    )


def _node(
    kpi: Kpi,
    children: Mapping[str | None, Sequence[Kpi]],
    parts: Mapping[str, Sequence[KpiPart]],
    drawn: set[str],
) -> Node:
    drawn.add(kpi.kpi_id)
    under = [
        _node(child, children, parts, drawn)
        for child in children.get(kpi.kpi_id, ())
        if child.kpi_id not in drawn
    ]
    own = parts.get(kpi.kpi_id, ())
    return Node(kpi=kpi, children=tuple(under), parts=tuple(own[:LISTED_PARTS]), part_count=len(own))


def shown(value: float | None, kpi: Kpi) -> str:
    """A value in the unit of its KPI; shares in percent."""
    if value is None:
        return formats.MISSING
    if kpi.level != "kpi" or kpi.unit in (None, "1"):
        return formats.percent(value)
    unit = (kpi.unit or "").strip("{}")
    return f"{formats.number(value)}{formats.NARROW_SPACE}{unit}"


def target_of(kpi: Kpi) -> str:
    """At least 95 %, at most 24 h."""
    if kpi.target_value is None or kpi.comparator is None:
        return "no target"
    words = {">=": "at least", "<=": "at most"}
    is_ratio = kpi.level != "kpi" or kpi.unit in (None, "1")
    value = formats.agreed_percent(kpi.target_value) if is_ratio else shown(kpi.target_value, kpi)
    return f"{words.get(kpi.comparator, kpi.comparator)} {value}"
