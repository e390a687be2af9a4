"""Great Expectations suites on forecast frames, before they are stored and read by models.

One function a frame; each rule yields one `CheckResult`, and names the first row that breaks it. What needs
neighbouring rows (order of quantiles, complete horizons) is computed as a column first and then expected.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from checks.expectations import validate
from checks.results import CheckResult

STAGE = "forecasts"
_KEY = ["series_id", "target_date", "quantile"]
_LARGEST = sys.float_info.max


@dataclass(frozen=True)
class Rule:
    """One expectation on one column, or on the columns of a key, and what to say of rows that break it.

    `kind` is given, unique or range; a range ignores nulls, includes its ends, and leaves an end open when null.
    """

    name: str
    kind: str
    column: str
    fault: str
    minimum: float | None = None
    maximum: float | None = None


QUANTILE_RULES = (
    Rule("value_is_given", "given", "value", "have no value"),
    Rule("value_is_finite", "range", "value", "are infinite", -_LARGEST, _LARGEST),
    Rule("value_is_not_negative", "range", "value", "are negative, which demand cannot be", 0.0),
    Rule("quantile_is_a_level", "range", "quantile", "have a quantile outside 0 to 1", 0.0, 1.0),
    Rule("model_is_given", "given", "model", "do not name their model"),
    Rule("key_is_unique", "unique", "series_id", "repeat series, target date and quantile"),
    Rule("quantiles_rise", "range", "rise", "are below the next lower quantile of their day", 0.0),
)
COMPLETE_RULE = Rule("horizon_is_complete", "range", "absent", "lack target days or quantiles", 0.0, 0.0)
SATURATION_RULES = (
    Rule(
        "within_horizon_is_a_probability",
        "range",
        "probability_within_horizon",
        "are no probability",
        0.0,
        1.0,
    ),
    Rule(
        "within_lead_time_is_a_probability",
        "range",
        "probability_within_lead_time",
        "are no probability",
        0.0,
        1.0,
    ),
    Rule("series_is_unique", "unique", "series_id", "repeat a series"),
    Rule("dates_are_ordered", "range", "disorder", "have p10, p50 and p90 dates out of order", 0.0, 0.0),
    Rule("dates_are_ahead", "range", "days_ahead", "have a date outside the horizon", 1.0),
)
SCORE_RULES = (
    *(
        Rule(f"{name}_is_a_score", "range", name, "are negative or infinite", 0.0, _LARGEST)
        for name in ("wql", "mase", "naive_wql", "naive_mase")
    ),
    Rule("coverage_is_a_ratio", "range", "coverage_80_ratio", "are no ratio", 0.0, 1.0),
    Rule("series_is_unique", "unique", "series_id", "repeat a series"),
)


def check_quantiles(quantiles: pd.DataFrame, horizon_days: int | None = None) -> list[CheckResult]:
    """Check the columns of `landing.forecast_quantiles`; every failure blocks publishing.

    Each series must have every day up to `horizon_days` (by default, up to the farthest day of any series) in
    every quantile that occurs.
    A frame without rows passes, and says so: an estate may have too little history to forecast at all. Raises
    RuntimeError when Great Expectations could not evaluate a rule: a rule is never skipped.
    """
    table = quantiles.sort_values(_KEY, kind="stable", ignore_index=True)
    same = table["series_id"].eq(table["series_id"].shift()) & table["target_date"].eq(
        table["target_date"].shift()
    )
    table["rise"] = table["value"].diff().where(same.astype(bool))
    per_series = table.drop_duplicates(_KEY).groupby("series_id", sort=True).size()
    levels = table["quantile"].nunique()
    days = horizon_days or (int(table["horizon_days"].max()) if len(table) else 0)
    whole = pd.DataFrame({"series_id": per_series.index, "absent": levels * days - per_series.to_numpy()})
    results = _validate(table, QUANTILE_RULES, "forecast_quantiles", _KEY)
    return results + _validate(whole, (COMPLETE_RULE,), "forecast_quantiles", ["series_id"])


def check_saturation(saturation: pd.DataFrame) -> list[CheckResult]:
    """Check the columns of `landing.forecast_saturation`; every failure blocks publishing."""
    table = saturation.reset_index(drop=True)
    far = np.iinfo(np.int32).max
    start = pd.to_datetime(table["as_of_date"])
    dates = [(pd.to_datetime(table[name]) - start).dt.days for name in ("p10_date", "p50_date", "p90_date")]
    early, middle, late = (days.fillna(far) for days in dates)
    table["disorder"] = ((early > middle) | (middle > late)).astype(int)
    inside = pd.concat(
        [days.where(days <= table["horizon_days"].astype(float), -1) for days in dates], axis=1
    )
    table["days_ahead"] = inside.where(pd.concat(dates, axis=1).notna()).min(axis=1)
    return _validate(table, SATURATION_RULES, "forecast_saturation", ["series_id"])


def check_scores(scores: pd.DataFrame) -> list[CheckResult]:
    """Check the columns of `landing.forecast_scores`; every failure blocks publishing."""
    return _validate(scores.reset_index(drop=True), SCORE_RULES, "forecast_scores", ["series_id"])


def _validate(table: pd.DataFrame, rules: tuple[Rule, ...], name: str, key: list[str]) -> list[CheckResult]:
    if not len(table):
        text = "no rows: no series has enough history"
        return [CheckResult(rule.name, name, STAGE, True, blocking=True, message=text) for rule in rules]
    results = {}
    for outcome in _run(table, rules, key).results:
        rule = rules[outcome.expectation_config.meta["position"]]
        if outcome.exception_info.get("raised_exception", True) or "element_count" not in outcome.result:
            raise RuntimeError(f"the rule {rule.name} could not be evaluated: {outcome.exception_info}")
        results[rule.name] = _result(table, rule, name, key, outcome)
    return [results[rule.name] for rule in rules]


def _result(table: pd.DataFrame, rule: Rule, name: str, key: list[str], outcome: Any) -> CheckResult:
    broken = [] if outcome.success else sorted(outcome.result["unexpected_index_list"])
    message = ""
    if not outcome.success:
        first = ", ".join(f"{column} {table[column].iloc[broken[0]]}" for column in key)
        message = f"{len(broken)} of {len(table)} rows {rule.fault}; the first is {first}"
    return CheckResult(
        name=rule.name,
        table=name,
        stage=STAGE,
        passed=bool(outcome.success),
        blocking=True,
        rows_checked=len(table),
        rows_failed=len(broken),
        message=message,
    )


def _run(table: pd.DataFrame, rules: tuple[Rule, ...], key: list[str]) -> Any:
    columns = list(dict.fromkeys([*key, *(rule.column for rule in rules)]))
    plain = table[columns].copy()
    for column in plain.columns[
        [kind not in ("float64", "int64", "str") for kind in plain.dtypes.astype(str)]
    ]:
        plain[column] = plain[column].astype("str")
    return validate(
        plain, "forecasts", lambda: [_expectation(rule, position, key) for position, rule in enumerate(rules)]
    )


def _expectation(rule: Rule, position: int, key: list[str]) -> Any:
    import great_expectations.expectations as gxe

    meta = {"position": position}
    if rule.kind == "given":
        return gxe.ExpectColumnValuesToNotBeNull(column=rule.column, meta=meta)
    if rule.kind == "unique" and len(key) > 1:
        return gxe.ExpectCompoundColumnsToBeUnique(column_list=key, meta=meta)
    if rule.kind == "unique":
        return gxe.ExpectColumnValuesToBeUnique(column=rule.column, meta=meta)
    return gxe.ExpectColumnValuesToBeBetween(
        column=rule.column, min_value=rule.minimum, max_value=rule.maximum, meta=meta
    )
