"""A few rows made wrong on purpose, as real sources deliver them, and the count of each kind."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pyarrow as pa

from assets.simulation.files import ParquetFile

DUPLICATES = 3
_REPEATED_WEEK, _SPOILT_WEEK = 1, 2
_NAN_ROW, _NEGATIVE_ROW = 40, 200
UNKNOWN_STATE = "Parked"
MALFORMED_TIME = "31.02.2026 25:61:00"


@dataclass
class Dirt:
    """Spoils rows and counts them: table → reason → count."""

    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    _repeated: pa.Table | None = None

    def spoil_samples(self, table: pa.Table, week: int) -> pa.Table:
        """One value that is no number and one negative utilisation; notes rows to repeat."""
        if week == _REPEATED_WEEK:
            self._repeated = table.slice(10, DUPLICATES)
        if week != _SPOILT_WEEK:
            return table
        values = table.column("value").to_numpy().copy()
        values[_NAN_ROW % values.size], values[_NEGATIVE_ROW % values.size] = np.nan, -0.05
        self._count("metric_samples", "not_a_number")
        self._count("metric_samples", "negative_utilisation")
        return table.set_column(table.column_names.index("value"), "value", pa.array(values))

    def repeat_samples(self, file: ParquetFile, week: int) -> None:
        """Deliver some rows of this week twice."""
        if week == _REPEATED_WEEK and self._repeated is not None:
            total = float(self._repeated.column("value").to_numpy().sum())
            file.append(self._repeated, {"value": total})
            self._count("metric_samples", "duplicate", DUPLICATES)

    def spoil_incidents(self, frame: pd.DataFrame, states: list[int], times: list[int]) -> pd.DataFrame:
        """Give rows at positions `states` an unknown state, those at `times` an impossible date."""
        spoilt = frame.copy()
        for position in states:
            spoilt.loc[spoilt.index[position], "State"] = UNKNOWN_STATE
            self._count("incidents", "unknown_state")
        for position in times:
            spoilt.loc[spoilt.index[position], "Updated"] = MALFORMED_TIME
            self._count("incidents", "malformed_time")
        return spoilt

    def repeat_requests(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Deliver the first request twice."""
        if frame.empty:
            return frame
        self._count("service_requests", "duplicate")
        return pd.concat([frame, frame.iloc[:1]], ignore_index=True)

    def _count(self, table: str, reason: str, count: int = 1) -> None:
        reasons = self.counts.setdefault(table, {})
        reasons[reason] = reasons.get(reason, 0) + count
