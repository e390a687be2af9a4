"""The analyses that Python makes of the marts, as data: what each reads, which function it calls, what it gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import pandas as pd


class Compute(Protocol):
    """A pure function from frames (one a query, by name) to frames (one a computed table, by name)."""

    def __call__(
        self, frames: Mapping[str, pd.DataFrame], as_of: date, seed: int
    ) -> dict[str, pd.DataFrame]: ...


@dataclass(frozen=True)
class Analysis:
    """One analysis.

    `function` is `module:name` of a `Compute`, imported when it runs: scientific libraries stay out of definition
    loading. `queries` are SQL on the warehouse by frame name, with `landing.run_window` for the as-of day. `reads`
    names the models behind them, `tables` the computed tables (`computed_tables.yaml`) that it gives.
    """

    name: str
    title: str
    function: str
    queries: Mapping[str, str]
    reads: tuple[str, ...]
    tables: tuple[str, ...]
    kinds: frozenset[str] = field(default=frozenset({"python", "parquet"}))


ANALYSES: tuple[Analysis, ...] = ()
