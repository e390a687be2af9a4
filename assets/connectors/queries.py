"""What the settings of sources that are asked by metric have in common."""

from __future__ import annotations

from collections.abc import Iterable


def see_one_query_a_metric(metrics: Iterable[str], fix: str = "give it its own name") -> None:
    """Raise `ValueError` where two queries feed one metric: which of two values lands would be a guess."""
    names: set[str] = set()
    for position, name in enumerate(metrics):
        if name in names:
            raise ValueError(f"{position}.metric: {name!r} has a query already; fix: {fix}")
        names.add(name)
