"""Each rule on forecast frames is shown to pass on good rows and to fail on bad ones."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from checks.forecasts import (
    COMPLETE_RULE,
    QUANTILE_RULES,
    SATURATION_RULES,
    SCORE_RULES,
    check_quantiles,
    check_saturation,
    check_scores,
)
from checks.results import CheckResult

AS_OF = date(2026, 6, 30)
Change = Callable[[pd.DataFrame], object]


def quantiles() -> pd.DataFrame:
    rows = [
        (name, AS_OF + timedelta(days=day), day, level, 10 * level + day, "trees")
        for name in ("ci/a", "ci/b")
        for day in (1, 2, 3)
        for level in (0.1, 0.5, 0.9)
    ]
    frame = pd.DataFrame(
        rows, columns=["series_id", "target_date", "horizon_days", "quantile", "value", "model"]
    )
    return frame.assign(as_of_date=AS_OF, notes="")


def saturation() -> pd.DataFrame:
    days = [AS_OF + timedelta(days=day) for day in (5, 10, 20)]
    rows = [
        ("ci/a", *days, 0.95, 0.4),
        ("ci/b", days[0], None, None, 0.3, None),
        ("ci/c", None, None, None, None, None),
    ]
    columns = ["series_id", "p10_date", "p50_date", "p90_date"]
    columns += ["probability_within_horizon", "probability_within_lead_time"]
    frame = pd.DataFrame(rows, columns=columns).astype({columns[-1]: float, columns[-2]: float})
    return frame.assign(as_of_date=AS_OF, horizon_days=30)


def scores() -> pd.DataFrame:
    frame = pd.DataFrame({"series_id": ["ci/a", "ci/b"], "coverage_80_ratio": [0.8, np.nan]})
    return frame.assign(wql=[0.5, np.nan], mase=0.7, naive_wql=1.0, naive_mase=1.1)


def put(row: int, column: str, value: object) -> Change:
    return lambda frame: frame.__setitem__(column, frame[column].where(frame.index != row, value))


def failed(results: list[CheckResult]) -> dict[str, CheckResult]:
    return {result.name: result for result in results if not result.passed}


def test_good_frames_pass_every_rule() -> None:
    results = check_quantiles(quantiles()) + check_saturation(saturation()) + check_scores(scores())

    assert not failed(results)
    rules = (*QUANTILE_RULES, COMPLETE_RULE, *SATURATION_RULES, *SCORE_RULES)
    assert [result.name for result in results] == [rule.name for rule in rules]
    assert all(result.blocking and result.rows_checked for result in results)


@pytest.mark.parametrize(
    ("change", "rules", "where"),
    [
        (put(4, "value", np.nan), {"value_is_given"}, "series_id ci/a, target_date 2026-07-02, quantile 0.5"),
        (put(8, "value", np.inf), {"value_is_finite"}, "target_date 2026-07-03, quantile 0.9"),
        (put(0, "value", -0.1), {"value_is_not_negative"}, "target_date 2026-07-01, quantile 0.1"),
        (put(1, "value", 99.0), {"quantiles_rise"}, "target_date 2026-07-01, quantile 0.9"),
        (put(3, "model", None), {"model_is_given"}, "target_date 2026-07-02, quantile 0.1"),
        (put(17, "quantile", 1.5), {"quantile_is_a_level", "horizon_is_complete"}, "quantile 1.5"),
        (put(1, "quantile", 0.1), {"key_is_unique", "horizon_is_complete"}, "quantile 0.1"),
    ],
)
def test_each_rule_on_quantiles_fails_on_a_row_that_breaks_it(
    change: Change, rules: set[str], where: str
) -> None:
    frame = quantiles()
    change(frame)

    found = failed(check_quantiles(frame))

    assert set(found) == rules
    result = found[min(rules, key=lambda name: name == "horizon_is_complete")]
    assert result.stops_publishing
    assert result.rows_failed >= 1
    assert where in result.message


def test_a_missing_day_or_quantile_of_one_series_fails() -> None:
    for rows in (quantiles()["horizon_days"] == 3, quantiles()["quantile"] == 0.5):
        frame = quantiles()[~(rows & (quantiles()["series_id"] == "ci/b"))]

        found = failed(check_quantiles(frame))

        assert set(found) == {"horizon_is_complete"}
        assert found["horizon_is_complete"].message.endswith("the first is series_id ci/b")


def test_a_horizon_that_all_series_lack_fails_when_it_is_known() -> None:
    assert set(failed(check_quantiles(quantiles(), horizon_days=4))) == {"horizon_is_complete"}


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (put(0, "probability_within_horizon", 1.2), "within_horizon_is_a_probability"),
        (put(0, "probability_within_lead_time", -0.1), "within_lead_time_is_a_probability"),
        (put(1, "series_id", "ci/a"), "series_is_unique"),
        (put(0, "p90_date", AS_OF + timedelta(days=7)), "dates_are_ordered"),
        (put(0, "p90_date", AS_OF + timedelta(days=31)), "dates_are_ahead"),
        (put(1, "p10_date", AS_OF), "dates_are_ahead"),
    ],
)
def test_each_rule_on_saturation_fails_on_a_row_that_breaks_it(change: Change, rule: str) -> None:
    frame = saturation()
    change(frame)

    assert set(failed(check_saturation(frame))) == {rule}


def test_a_median_date_without_an_early_one_is_out_of_order() -> None:
    frame = saturation()
    put(0, "p10_date", None)(frame)

    assert set(failed(check_saturation(frame))) == {"dates_are_ordered"}


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        *((put(0, name, -0.1), f"{name}_is_a_score") for name in ("wql", "mase", "naive_wql", "naive_mase")),
        (put(0, "wql", np.inf), "wql_is_a_score"),
        (put(0, "coverage_80_ratio", 80.0), "coverage_is_a_ratio"),
        (put(1, "series_id", "ci/a"), "series_is_unique"),
    ],
)
def test_each_rule_on_scores_fails_on_a_row_that_breaks_it(change: Change, rule: str) -> None:
    frame = scores()
    change(frame)

    assert set(failed(check_scores(frame))) == {rule}


def test_no_rows_pass_and_say_so() -> None:
    results = check_quantiles(quantiles().iloc[:0])

    assert not failed(results)
    assert {result.message for result in results} == {"no rows: no series has enough history"}
