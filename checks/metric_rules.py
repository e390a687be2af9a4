"""Columns that say of each metric sample whether the measurement plan allows it; each unit converts once."""

from __future__ import annotations

from datetime import date
from typing import Any, cast

import numpy as np
import pandas as pd

from assets.landing.plan import MeasurementPlan, PlanRule, plan_conversion

#: Conversions round: a value counts as outside only beyond this share of the limit.
RELATIVE_TOLERANCE = 1e-9


def add_plan_columns(table: pd.DataFrame, plan: MeasurementPlan, time: str | None) -> None:
    """Add to a frame of metric rows what the plan says of each row.

    `unit__fits_plan`; and where the frame has `value`: `value__fits_plan`, `value__is_countable`, and for
    messages `plan__unit`, `plan__value`, `plan__minimum`, `plan__maximum`. Rows of metrics that are not
    planned pass. The range of a counter is that of its rate, so single counter values are only expected not
    to be negative.
    """
    count = len(table)
    factor, offset = np.ones(count), np.zeros(count)
    low, high = np.full(count, -np.inf), np.full(count, np.inf)
    fits = np.ones(count, dtype=bool)
    unit = np.full(count, None, dtype=object)
    kinds = table["kind"] if "kind" in table else pd.Series("gauge", index=table.index)
    is_counter = (kinds == "counter").to_numpy(dtype=bool, na_value=False)
    combinations = pd.DataFrame({"metric": table["metric"], "unit": table["unit"], "kind": kinds})
    groups = combinations.groupby(["metric", "unit", "kind"], observed=True).indices
    for (metric, source_unit, kind), rows in cast(dict[Any, Any], groups).items():
        rules = plan.of(metric)
        for rule in rules:
            chosen = rows if len(rules) == 1 else rows[_covered(table, rows, rule, time)]
            found = plan_conversion(source_unit, kind, rule)
            unit[chosen] = rule.unit
            fits[chosen] = found is not None
            if found is None or kind == "counter":
                continue
            factor[chosen], offset[chosen] = found
            low[chosen] = -np.inf if rule.minimum is None else rule.minimum
            high[chosen] = np.inf if rule.maximum is None else rule.maximum
    table["unit__fits_plan"] = fits
    table["plan__unit"] = unit
    if "value" in table:
        _add_value_columns(table, is_counter, (factor, offset, low, high))


def _add_value_columns(
    table: pd.DataFrame, is_counter: np.ndarray, plan: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
) -> None:
    factor, offset, low, high = plan
    raw = table["value"].to_numpy(dtype=float)
    value = raw * factor + offset
    with np.errstate(invalid="ignore"):
        below = value < low - np.abs(low) * RELATIVE_TOLERANCE
        above = value > high + np.abs(high) * RELATIVE_TOLERANCE
        table["value__is_countable"] = ~(is_counter & (raw < 0))
    table["value__fits_plan"] = ~(below | above)
    table["plan__value"], table["plan__minimum"], table["plan__maximum"] = value, low, high


def _covered(table: pd.DataFrame, rows: np.ndarray, rule: PlanRule, time: str | None) -> np.ndarray:
    if time is None:
        return np.ones(len(rows), dtype=bool)
    days = table[time].to_numpy()[rows].astype("datetime64[D]")
    return (days >= np.datetime64(rule.valid_from)) & (days <= np.datetime64(rule.valid_to or date.max))
