"""The Great Expectations suites: every rule has a row that passes it and a row that breaks it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from assets.landing.contracts import contract, contracts
from assets.landing.faults import Fault, RuleOutcome
from assets.landing.plan import MeasurementPlan
from checks.batches import Rule, batch_rules, key_rule, rule_columns, validate_keys, validate_rows

AT = datetime(2026, 7, 1, tzinfo=UTC)
PAST = pd.Timestamp("2026-06-30 10:00")
SAMPLE = {
    "ci_id": "h",
    "metric": "cpu",
    "observed_at": PAST,
    "value": 0.5,
    "unit": "1",
    "kind": "gauge",
    "interval_seconds": 60.0,
}
INCIDENT = {
    "incident_id": "i",
    "event_sequence": 1,
    "updated_at": PAST,
    "state": "new",
    "priority": 3,
    "opened_at": PAST,
    "reassignment_count": 0,
    "reopen_count": 0,
}
CHANGE = {
    "change_id": "c",
    "change_kind": "normal",
    "state": "new",
    "outcome": "failed",
    "updated_at": PAST,
}
DEMAND = {
    "driver_id": "d",
    "driver_name": "orders",
    "service_id": "s",
    "demand_date": date(2026, 6, 30),
    "value": 1.0,
    "unit": "1",
}
PLAN = MeasurementPlan.from_rows(
    [
        {
            "metric": "cpu",
            "unit": "1",
            "valid_from": date(2020, 1, 1),
            "minimum_value": 0.0,
            "maximum_value": 1.0,
        },
        {"metric": "net", "unit": "By/s", "valid_from": date(2020, 1, 1), "maximum_value": 10.0},
    ]
)


def outcomes(table: str, *rows: dict[str, Any]) -> dict[str, RuleOutcome]:
    """Outcomes by rule; text is categorical, as landing delivers it."""
    frame = pd.DataFrame(list(rows))
    for name in frame.columns:
        if frame[name].dtype in ("object", "str") and not isinstance(rows[0][name], date):
            frame[name] = frame[name].astype("category")
        if pd.api.types.is_datetime64_any_dtype(frame[name]):
            frame[name] = frame[name].astype("datetime64[us]")
    return {item.name: item for item in validate_rows(frame, contract(table), PLAN, AT)}


def broken(found: dict[str, RuleOutcome]) -> dict[str, Fault]:
    return {name: item.fault for name, item in found.items() if item.fault is not None}


@pytest.mark.parametrize(
    ("table", "good", "change", "rule", "words"),
    [
        ("metric_samples", SAMPLE, {"ci_id": None}, "ci_id_is_given", "is missing"),
        ("metric_samples", SAMPLE, {"value": np.nan}, "value_is_given", "is missing"),
        ("metric_samples", SAMPLE, {"observed_at": pd.NaT}, "observed_at_is_given", "is missing"),
        ("metric_samples", SAMPLE, {"kind": "histogram"}, "kind_is_allowed", "is not allowed"),
        (
            "metric_samples",
            SAMPLE,
            {"interval_seconds": 0.0},
            "interval_seconds_is_in_range",
            "is not 0.001 or more",
        ),
        (
            "metric_samples",
            SAMPLE,
            {"observed_at": pd.Timestamp("2026-07-01 00:05:01")},
            "observed_at_is_not_future",
            "is in the future",
        ),
        (
            "metric_samples",
            SAMPLE,
            {"unit": "By"},
            "unit_fits_plan",
            "does not convert to 1, the unit in the plan",
        ),
        (
            "metric_samples",
            SAMPLE,
            {"value": -0.1},
            "value_fits_plan",
            "(-0.1 in unit 1) is not between 0 and 1",
        ),
        (
            "metric_samples",
            SAMPLE,
            {"value": 1.1},
            "value_fits_plan",
            "(1.1 in unit 1) is not between 0 and 1",
        ),
        (
            "metric_samples",
            {**SAMPLE, "metric": "net", "unit": "By", "kind": "counter", "value": 1e12},
            {"value": -1.0},
            "counter_is_not_negative",
            "is a negative counter",
        ),
        ("incidents", INCIDENT, {"priority": 6}, "priority_is_in_range", "is not between 1 and 5"),
        ("incidents", INCIDENT, {"state": "-100"}, "state_is_allowed", "is not allowed"),
        ("incidents", INCIDENT, {"reopen_count": -1}, "reopen_count_is_in_range", "is not 0 or more"),
        ("changes", CHANGE, {"outcome": "fine"}, "outcome_is_allowed", "is not allowed"),
        ("business_demand", DEMAND, {"demand_date": date(2026, 7, 2)}, "demand_date_is_not_future", "future"),
    ],
)
def test_each_rule_passes_a_good_row_and_names_a_bad_one(
    table: str, good: dict[str, Any], change: dict[str, Any], rule: str, words: str
) -> None:
    """Exactly the second of two rows breaks exactly this rule: the suite evaluates, and does not skip."""
    found = outcomes(table, good, {**good, **change})
    (name,) = broken(found)
    assert name == rule
    fault = broken(found)[rule]
    assert fault.rows.tolist() == [1]
    what, fix = fault.text_of(0)
    assert words in what
    assert fix
    assert found[rule].rows_checked == 2
    assert broken(outcomes(table, good, good)) == {}


def test_optional_values_may_be_missing() -> None:
    """Rules about values say nothing of cells without one."""
    assert broken(outcomes("incidents", INCIDENT, {**INCIDENT, "priority": None, "reopen_count": None})) == {}
    assert broken(outcomes("changes", CHANGE, {**CHANGE, "outcome": None})) == {}


def test_conversion_noise_at_a_limit_is_no_fault() -> None:
    """100.00000000001 % is 1."""
    assert broken(outcomes("metric_samples", {**SAMPLE, "unit": "%", "value": 100.0 + 1e-9})) == {}


def test_a_plan_rule_holds_on_its_days_only() -> None:
    """A range agreed from July on does not judge June."""
    rows = [
        {"metric": "cpu", "unit": "1", "valid_from": date(2026, 1, 1), "valid_to": date(2026, 6, 29)},
        {"metric": "cpu", "unit": "1", "valid_from": date(2026, 6, 30), "maximum_value": 0.4},
    ]
    frame = pd.DataFrame([{**SAMPLE, "observed_at": pd.Timestamp("2026-06-29 10:00")}, SAMPLE])
    found = validate_rows(frame, contract("metric_samples"), MeasurementPlan.from_rows(rows), AT)
    fault = broken({item.name: item for item in found})["value_fits_plan"]
    assert fault.rows.tolist() == [1]


def test_metrics_outside_the_plan_pass() -> None:
    """Nothing is known of them: they land, with a warning elsewhere."""
    assert (
        broken(outcomes("metric_samples", {**SAMPLE, "metric": "unknown", "unit": "By", "value": -5.0})) == {}
    )


def keys(*rows: tuple[int, str, str]) -> RuleOutcome:
    frame = pd.DataFrame(rows, columns=["batch", "team_id", "note"])
    frame["team_id"] = frame["team_id"].astype("category")
    frame["source_row"] = np.arange(10, 10 + len(frame))
    return validate_keys(pa.Table.from_pandas(frame), contract("teams"))


def test_the_first_row_of_a_key_stays_and_later_ones_name_it() -> None:
    fault = keys((0, "a", ""), (0, "b", ""), (0, "a", ""), (0, "a", "")).fault
    assert fault is not None
    assert fault.rows.tolist() == [2, 3]
    assert [fault.text_of(i)[0] for i in (0, 1)] == ["repeats the key (team_id) of row 10"] * 2


def test_missing_parts_of_a_key_equal_each_other() -> None:
    """Bills have charges without a resource: two taxes of one period are one charge said twice, unless numbered."""
    rules = contract("costs")
    charge = dict.fromkeys(rules.key) | {"charge_period_start": PAST, "charge_category": "Tax"}
    lines = [charge, charge, charge | {"x_line_id": "7"}, charge | {"resource_id": "a"}]
    frame = pd.DataFrame(lines).assign(batch=0, source_row=range(1, 5))
    fault = validate_keys(pa.Table.from_pandas(frame), rules).fault
    assert fault is not None
    assert fault.rows.tolist() == [1]


def test_two_batches_may_bring_the_same_key() -> None:
    """Batches are checked together, yet each has its own keys: late data repeats keys on purpose."""
    assert keys((0, "a", ""), (1, "a", "")).fault is None


def test_no_rows_break_no_rule() -> None:
    """An empty file is checked without a suite."""
    frame = pd.DataFrame({name: [] for name in rule_columns(contract("metric_samples"))})
    frame["observed_at"] = frame["observed_at"].astype("datetime64[us]")
    frame["demand_date"] = []
    found = validate_rows(frame, contract("metric_samples"), PLAN, AT)
    assert all(item.fault is None and item.rows_checked == 0 for item in found)
    assert keys().fault is None


def test_a_rule_that_cannot_be_evaluated_is_an_error() -> None:
    """A suite that silently skips rules is worse than none."""
    with pytest.raises(RuntimeError, match="could not be evaluated"):
        validate_rows(
            pd.DataFrame([SAMPLE]).drop(columns="interval_seconds"), contract("metric_samples"), PLAN, AT
        )


def test_every_statement_of_every_contract_becomes_a_rule() -> None:
    """A rule in contracts.yaml without a check behind it would be a promise nobody keeps."""
    for table in contracts().values():
        names = {rule.name for rule in batch_rules(table)} | {key_rule(table).name}
        for name, field in table.fields.items():
            assert not field.required or f"{name}_is_given" in names
            assert field.values is None or f"{name}_is_allowed" in names
            assert (field.minimum is None and field.maximum is None) or f"{name}_is_in_range" in names
        for moment in {table.time, table.since} - {None}:
            assert f"{moment}_is_not_future" in names
        assert len(names) == len(batch_rules(table)) + 1
        assert all(isinstance(rule, Rule) and rule.fix for rule in batch_rules(table))


@pytest.mark.slow
def test_a_million_rows_are_checked_in_seconds() -> None:
    """Row-by-row paths in Great Expectations (comparing timestamps) would take minutes a day of metrics."""
    import time

    count = 1_000_000
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(
        {
            "ci_id": pd.Categorical.from_codes(
                rng.integers(0, 500, count), pd.Index([f"h{i}" for i in range(500)])
            ),
            "metric": pd.Categorical.from_codes(np.zeros(count, dtype=int), pd.Index(["cpu"])),
            "observed_at": (np.datetime64("2026-01-01") + np.arange(count).astype("timedelta64[s]")).astype(
                "datetime64[us]"
            ),
            "value": rng.random(count),
            "unit": pd.Categorical.from_codes(np.zeros(count, dtype=int), pd.Index(["1"])),
            "kind": pd.Categorical.from_codes(np.zeros(count, dtype=int), pd.Index(["gauge"])),
            "interval_seconds": 60.0,
        }
    )
    validate_rows(frame.head(10), contract("metric_samples"), PLAN, AT)
    started = time.process_time()
    assert all(item.fault is None for item in validate_rows(frame, contract("metric_samples"), PLAN, AT))
    assert timedelta(seconds=time.process_time() - started) < timedelta(seconds=10)
