"""Detections: what one rule found on one resource, put into one shape whatever the rule."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

THRESHOLD, FORECAST, BASELINE, DRIFT = "threshold", "forecast", "baseline", "drift"
INFORMATIONAL, WARNING, EXCEPTION = "informational", "warning", "exception"
#: So many hours of unusually high demand are a shift and no peak: a warning.
SHIFT_HOURS = 12
#: Probability of saturation within the lead time that opens a warning, and the one under which it closes.
OPEN_PROBABILITY, CLOSE_PROBABILITY = 0.5, 0.25
COLUMNS = [
    "source", "category", "ci_id", "pool_id", "resource", "unit", "direction", "opened_at", "exception_at", "ended_at",
    "quiet_until_at", "is_open", "peak_value", "threshold_value", "score", "basis", "probability_within_lead_time",
    "decision_date",
]  # fmt: skip


def detections(
    episodes: pd.DataFrame,
    anomalies: pd.DataFrame,
    forecasts: pd.DataFrame,
    drifts: pd.DataFrame,
    as_of: date,
) -> pd.DataFrame:
    """All detections (`COLUMNS`) in the order in which they open.

    `episodes` as `int_threshold_episodes`; `anomalies` as `find_anomalies` gives them; `forecasts` has one row a pool
    and as-of day, `drifts` as well. `quiet_until_at` is how long a later detection may count as the same condition.
    """
    parts = [_of_thresholds(episodes), _of_baselines(anomalies), _of_forecasts(forecasts, as_of)]
    parts.append(_of_drifts(drifts, as_of))
    found = pd.concat(
        [part.reindex(columns=COLUMNS) for part in parts if len(part)] or [pd.DataFrame(columns=COLUMNS)]
    )
    return found.sort_values(
        ["opened_at", "source", "resource", "ci_id", "pool_id"], kind="stable", ignore_index=True
    )


def _of_thresholds(episodes: pd.DataFrame) -> pd.DataFrame:
    is_exception = episodes["exception_at"].notna()
    return episodes.rename(columns={"usable_value": "threshold_value"}).assign(
        source=THRESHOLD, category=np.where(is_exception, EXCEPTION, WARNING), direction="up"
    )


def _of_baselines(anomalies: pd.DataFrame) -> pd.DataFrame:
    is_shift = (anomalies["direction"] == "up") & (anomalies["hour_count"] >= SHIFT_HOURS)
    return anomalies.rename(columns={"expected_value": "threshold_value"}).assign(
        source=BASELINE, category=np.where(is_shift, WARNING, INFORMATIONAL)
    )


def _of_forecasts(forecasts: pd.DataFrame, as_of: date) -> pd.DataFrame:
    """One row a pool and run of as-of days on which it was likely to saturate within its lead time."""
    rows = []
    likely = forecasts.loc[forecasts["probability_within_lead_time"] >= OPEN_PROBABILITY, "pool_id"]
    days_of_likely = forecasts[forecasts["pool_id"].isin(likely)].sort_values(["pool_id", "as_of_date"])
    for pool_id, days in days_of_likely.groupby("pool_id", sort=True):
        run: dict[str, object] | None = None
        row: Any
        for row in days.itertuples():
            known_at = _end_of(row.as_of_date)
            probability = float(row.probability_within_lead_time)
            if run is None and probability >= OPEN_PROBABILITY:
                run = {
                    "pool_id": pool_id,
                    "ci_id": row.ci_id,
                    "resource": row.resource,
                    "opened_at": known_at,
                }
                run |= {"unit": row.unit, "peak_value": np.nan, "threshold_value": row.usable_value}
                rows.append(run)
            elif run is not None and probability < CLOSE_PROBABILITY:
                run |= {"is_open": False, "ended_at": known_at, "quiet_until_at": known_at}
                run = None
            if run is not None:
                run |= {"probability_within_lead_time": probability, "decision_date": row.decision_date}
                run |= {"is_open": True, "ended_at": known_at, "quiet_until_at": _end_of(as_of)}
    return pd.DataFrame(rows).assign(source=FORECAST, category=WARNING, direction="up")


def _of_drifts(drifts: pd.DataFrame, as_of: date) -> pd.DataFrame:
    """One row a pool and run of as-of days on which its forecasts were worse than their backtest promised."""
    rows = []
    for pool_id, days in drifts.sort_values(["pool_id", "as_of_date"]).groupby("pool_id", sort=True):
        run: dict[str, object] | None = None
        row: Any
        for row in days.itertuples():
            known_at, drifting = _end_of(row.as_of_date), bool(row.is_drifting)
            if run is None and drifting:
                run = {
                    "pool_id": pool_id,
                    "ci_id": row.ci_id,
                    "resource": row.resource,
                    "opened_at": known_at,
                }
                rows.append(run)
            elif run is not None and not drifting:
                run |= {"is_open": False, "ended_at": known_at, "quiet_until_at": known_at}
                run = None
            if run is not None:
                run |= {"peak_value": row.recent_wql, "threshold_value": row.promised_wql, "unit": "1"}
                run |= {"is_open": True, "ended_at": known_at, "quiet_until_at": _end_of(as_of)}
    return pd.DataFrame(rows).assign(source=DRIFT, category=INFORMATIONAL, direction="up")


def _end_of(as_of: date) -> pd.Timestamp:
    return pd.Timestamp(as_of) + timedelta(days=1)
