"""Scores: checked by hand, never looking into the window that they score."""

from __future__ import annotations

import numpy as np
import pytest

from assets.forecasting.backtest import backtest, score_window
from assets.forecasting.forecast import forecast, forecast_panel
from assets.forecasting.frames import DEFAULT_QUANTILES, ForecastInputError, build_panel
from tests.forecasting.forecasts import made_forecast
from tests.forecasting.series import history, trended


def test_measures_are_those_of_their_definitions() -> None:
    made = made_forecast(("a",), np.tile(np.arange(10.0, 19.0), (1, 2, 1)))
    past = np.array([[0.0, 5.0, 1, 1, 1, 1, 1, 2.0, 5.0]])
    object.__setattr__(made.panel, "values", past)
    truth = np.array([[14.0, 20.0]])

    window = score_window(made, truth)

    scale = 1.0  # |2 − 0| and |5 − 5|
    levels = np.array(DEFAULT_QUANTILES)
    miss = truth[0][:, None] - np.arange(10.0, 19.0)
    pinball = np.where(miss >= 0, levels * miss, (levels - 1) * miss).mean()
    assert window.measures["wql"][0] == pytest.approx(2 * pinball / scale)
    assert window.measures["mase"][0] == (0 + 6) / 2 / scale
    assert window.measures["coverage_80_ratio"][0] == 0.5
    # Naive repeats the last season, which starts at the third value.
    assert window.measures["naive_mase"][0] == (13 + 19) / 2 / scale


def test_missing_truth_is_not_counted() -> None:
    made = made_forecast(("a", "b"), np.tile(np.arange(10.0, 19.0), (2, 2, 1)))
    object.__setattr__(made.panel, "values", np.array([[0.0, 5, 1, 1, 1, 1, 1, 2, 5]] * 2))

    window = score_window(made, np.array([[14.0, np.nan], [np.nan, np.nan]]))

    assert window.measures["mase"][0] == 0
    assert window.is_scored.tolist() == [True, False]


def test_trended_series_score_better_than_naive() -> None:
    scores = backtest(history(trended(40, 120)), 14, "D", seed=1, windows=2)

    assert list(scores.columns) == [
        "unique_id", "model", "wql", "mase", "coverage_80_ratio", "naive_wql", "naive_mase", "window_count", "notes",
    ]  # fmt: skip
    assert (scores["window_count"] == 2).all()
    assert scores["wql"].mean() < 0.8 * scores["naive_wql"].mean()
    assert scores["mase"].mean() < 0.8 * scores["naive_mase"].mean()
    assert 0.7 < scores["coverage_80_ratio"].mean() < 0.9


def test_a_window_is_forecast_without_knowing_it() -> None:
    values = trended(20, 100)
    changed = {name: np.concatenate([y[:-14], y[-14:] * 3 + 100]) for name, y in values.items()}
    panel, other = (build_panel(history(y), "D") for y in (values, changed))

    first = forecast_panel(panel.until(14), 14, DEFAULT_QUANTILES, seed=1).values
    second = forecast_panel(other.until(14), 14, DEFAULT_QUANTILES, seed=1).values
    plain = forecast(history({name: y[:-14] for name, y in values.items()}), 14, "D", seed=1)

    assert first.tobytes() == second.tobytes()
    np.testing.assert_array_equal(first[0, :, 4], plain["q0.5"][:14])


def test_what_cannot_be_scored_is_null_with_the_reason() -> None:
    scores = backtest(history({"flat": [3.0] * 90, "short": [1.0, 2.0] * 5, "one": [1.0]}), 7, "D").set_index(
        "unique_id"
    )

    assert scores["window_count"].tolist() == [0, 0, 0]
    assert scores[["wql", "mase", "naive_wql"]].isna().all(axis=None)
    assert scores.loc["flat", "notes"] == (
        "not scored: the history repeats exactly, so there is no error to compare with"
    )
    assert scores.loc["short", "notes"] == "not scored: the history is too short to hold some of it back"
    assert scores.loc["one", "notes"] == "not scored: fewer than 3 values"


def test_windows_and_steps_below_one_are_refused() -> None:
    with pytest.raises(ForecastInputError, match="at least 1"):
        backtest(history({"a": [1.0] * 30}), 7, "D", windows=0)
