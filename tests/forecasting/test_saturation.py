"""Saturation dates: exact where truth is exact, censored where the horizon ends, joint over pools."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from assets.forecasting.dependence import Dependence
from assets.forecasting.forecast import forecast_panel
from assets.forecasting.frames import DEFAULT_QUANTILES, build_panel
from assets.forecasting.saturation import COLUMNS, first_passages, saturation, service_saturation
from tests.forecasting.forecasts import line, made_forecast
from tests.forecasting.series import START, history

SCORES = norm.ppf(np.array(DEFAULT_QUANTILES))
DATES = ["p10_date", "p50_date", "p90_date"]


def limits(values: dict[str, float]) -> pd.DataFrame:
    return pd.DataFrame(
        {"unique_id": list(values), "ds": START - pd.Timedelta(days=9), "usable": list(values.values())}
    )


def membership(**services: list[str]) -> pd.DataFrame:
    rows = [(service, pool) for service, pools in services.items() for pool in pools]
    return pd.DataFrame(rows, columns=["service_id", "series_id"])


def chances(values: dict[str, np.ndarray], usable: float, n_paths: int = 20_000) -> pd.DataFrame:
    made = made_forecast(tuple(values), np.concatenate(list(values.values())))
    return saturation(first_passages(made, limits(dict.fromkeys(values, usable)), 1, n_paths), {})


def test_a_noiseless_line_saturates_on_the_analytic_day() -> None:
    # 100 + 0.5·d from 2026-01-01 (d = 0) reaches 160 on d = 120, which is 2026-05-01.
    frame = history({"volume": 100 + 0.5 * np.arange(90)})
    made = forecast_panel(build_panel(frame, "D"), 60, DEFAULT_QUANTILES, seed=0)

    row = saturation(first_passages(made, limits({"volume": 160.0}), seed=0), {"volume": 30}).iloc[0]

    assert [row[name] for name in DATES] == [date(2026, 5, 1)] * 3
    assert row["probability_within_horizon"] == 1
    assert row["probability_within_lead_time"] == 0
    assert (row["lead_time_days"], row["horizon_days"]) == (30, 60)


def test_reaching_the_limit_exactly_is_saturation() -> None:
    made = made_forecast(("a",), line(1.0, 10.0, 5))

    assert saturation(first_passages(made, limits({"a": 13.0}), 0), {})["p50_date"][0] == date(2026, 1, 3)


def test_beyond_the_horizon_dates_are_null_not_guessed() -> None:
    made = made_forecast(("a",), line(1.0, 10.0, 5))

    row = saturation(first_passages(made, limits({"a": 16.0}), 0), {"a": 3}).iloc[0]

    assert row[DATES].isna().all()
    assert row["probability_within_horizon"] == 0
    assert row["probability_within_lead_time"] == 0


def test_quantile_dates_are_censored_one_by_one() -> None:
    # All steps move together, so the chance to pass at all is that of one step: 30 %.
    values = np.tile(100 + SCORES, (1, 10, 1))
    made = made_forecast(("a",), values, Dependence(np.array([0.999]), np.array([0.0])))

    row = saturation(first_passages(made, limits({"a": 100 + SCORES[6]}), 1, 4000), {}).iloc[0]

    assert row["probability_within_horizon"] == pytest.approx(0.3, abs=0.05)
    assert row["p10_date"] == date(2026, 1, 1)
    assert row[["p50_date", "p90_date"]].isna().all()


def test_a_dated_purchase_moves_saturation() -> None:
    made = made_forecast(("a",), line(1.0, 10.0, 30))
    bought = pd.DataFrame({"unique_id": ["a"], "ds": [START + pd.Timedelta(days=4)], "usable": [30.0]})

    now = saturation(first_passages(made, limits({"a": 17.0}), 0), {})
    then = saturation(first_passages(made, pd.concat([bought, limits({"a": 17.0})]), 0), {})

    assert now["p50_date"][0] == date(2026, 1, 7)
    assert then["p50_date"][0] == date(2026, 1, 20)


def test_saturated_already_means_the_first_day_ahead() -> None:
    made = made_forecast(("a",), line(0.0, 5.0, 10), last=9.0)

    row = saturation(first_passages(made, limits({"a": 8.0}), 0), {"a": 1}).iloc[0]

    assert [row[name] for name in DATES] == [date(2026, 1, 1)] * 3
    assert row["probability_within_lead_time"] == 1
    assert row["notes"] == "saturated already at the end of the history"


def test_no_limit_or_no_forecast_means_no_probability() -> None:
    values = np.concatenate([line(1.0, 0.0, 5), np.full((1, 5, 9), np.nan)])
    made = made_forecast(("limitless", "unknown"), values, notes=("", "2 values"))

    rows = saturation(first_passages(made, limits({"unknown": 3.0}), 0), {"limitless": 3})

    assert rows[[*DATES, "probability_within_horizon", "probability_within_lead_time"]].isna().all(axis=None)
    assert rows["notes"].tolist() == ["no usable capacity is known for the whole horizon", "2 values"]
    assert rows["lead_time_days"][0] == 3


def test_a_lead_time_beyond_the_horizon_says_so() -> None:
    made = made_forecast(("a",), line(1.0, 0.0, 5))

    row = saturation(first_passages(made, limits({"a": 3.0}), 0), {"a": 60}).iloc[0]

    assert row["probability_within_lead_time"] == 1
    assert row["notes"] == "the lead time of 60 days is longer than the horizon"


def test_hourly_lead_times_are_days() -> None:
    frame = history({"h": 10 + 0.5 * np.arange(24 * 9)}, "h")
    made = forecast_panel(build_panel(frame, "h"), 48, DEFAULT_QUANTILES, seed=0)
    at_hour_30 = limits({"h": 10 + 0.5 * (24 * 9 - 1 + 30)})

    row = saturation(first_passages(made, at_hour_30, 0), {"h": 1}).iloc[0]

    assert row["p50_date"] == (START + pd.Timedelta(days=10)).date()
    assert row["probability_within_lead_time"] == 0
    assert row["horizon_days"] == 2


def test_a_service_saturates_with_its_first_pool() -> None:
    made = made_forecast(("pool/x", "pool/y"), np.concatenate([line(1.0, 0.0, 20), line(2.0, 0.0, 20)]))
    passages = first_passages(made, limits({"pool/x": 10.0, "pool/y": 10.0}), 0)

    rows = service_saturation(passages, membership(shop=["pool/x", "pool/y"]), {"pool/x": 20, "pool/y": 4})

    assert list(rows.columns) == list(COLUMNS)
    assert rows["p50_date"][0] == date(2026, 1, 5)
    # y passes on day 5, after its own lead time; x on day 10, within its own.
    assert rows["probability_within_lead_time"][0] == 1
    assert rows["lead_time_days"][0] == 20


def test_pools_of_a_service_are_joined_path_by_path_as_independent() -> None:
    made = made_forecast(
        ("pool/x", "pool/y"),
        np.tile(100 + SCORES, (2, 1, 1)),
    )
    passages = first_passages(made, limits({"pool/x": 100 + SCORES[7], "pool/y": 100 + SCORES[5]}), 1, 20_000)

    alone = saturation(passages, {})["probability_within_horizon"]
    joint = service_saturation(passages, membership(shop=["pool/x", "pool/y"]), {})[
        "probability_within_horizon"
    ][0]

    np.testing.assert_allclose(alone, [0.2, 0.4], atol=0.015)
    assert joint == pytest.approx(1 - 0.8 * 0.6, abs=0.015)


def test_pools_that_are_unknown_are_left_out_and_counted() -> None:
    made = made_forecast(("pool/x", "pool/y"), np.concatenate([line(1.0, 0.0, 9), line(1.0, 0.0, 9)]))
    passages = first_passages(made, limits({"pool/x": 4.0}), 0)

    rows = service_saturation(passages, membership(shop=["pool/x", "pool/y"], desk=["pool/z"]), {})

    assert rows["unique_id"].tolist() == ["desk", "shop"]
    assert rows["p50_date"].tolist() == [None, date(2026, 1, 4)]
    assert rows["notes"].tolist() == [
        "1 of 1 pools left out: no forecast or no usable capacity",
        "1 of 2 pools left out: no forecast or no usable capacity",
    ]
    assert np.isnan(rows["probability_within_horizon"][0])


def test_earlier_and_later_dates_follow_the_spread() -> None:
    slow = np.arange(1, 61)[None, :, None] * 1.0 + 3 * SCORES
    row = chances({"a": slow}, 30.0).iloc[0]

    assert row["p10_date"] < row["p50_date"] < row["p90_date"] < date(2026, 2, 10)
