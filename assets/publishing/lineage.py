"""What computed tables are computed from: the part of lineage that dbt does not see."""

from __future__ import annotations

from collections.abc import Mapping

from assets.capacity.analyses import ANALYSES
from assets.forecasting.assets import READS, TABLES


def computed_from() -> Mapping[str, tuple[str, ...]]:
    """The models, and other computed tables, behind each computed table, by name."""
    return dict.fromkeys(TABLES, READS) | {name: a.reads for a in ANALYSES for name in a.tables}
