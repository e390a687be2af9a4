"""Known regressors move the forecast where they explained the past, and only there."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from assets.forecasting.forecast import forecast_known_ahead

DAYS = pd.date_range("2026-01-05", periods=134)
KNOWN = 120


def panel(effect: float) -> pd.DataFrame:
    """Six weekly series; on campaign days (known ahead) demand is `effect` higher; the last 14 rows have no y."""
    random = np.random.default_rng(3)
    campaign = (random.random(134) < 0.2).astype(float)
    campaign[KNOWN : KNOWN + 4] = [1, 0, 1, 0]
    frames = []
    for number in range(6):
        y = 100 + 10 * np.sin(np.arange(134) * 2 * np.pi / 7) + random.normal(0, 2, 134) + effect * campaign
        y[KNOWN:] = np.nan
        frames.append(pd.DataFrame({"unique_id": f"s{number}", "ds": DAYS, "y": y, "campaign": campaign}))
    return pd.concat(frames)


def test_a_regressor_that_explained_the_past_moves_the_days_ahead() -> None:
    made = forecast_known_ahead(panel(40.0), 14, "D").frame()

    one = made[made["unique_id"] == "s0"]
    assert one["ds"].iloc[0] == DAYS[KNOWN]
    expected = 100 + 10 * np.sin(np.arange(KNOWN, KNOWN + 4) * 2 * np.pi / 7) + [40, 0, 40, 0]
    np.testing.assert_allclose(one["q0.5"].iloc[:4], expected, atol=6)
    assert one["notes"].iloc[0] == "known regressors used: campaign"


def test_a_regressor_without_effect_is_left_out_and_said() -> None:
    with_it = forecast_known_ahead(panel(0.0), 14, "D").frame()
    without = forecast_known_ahead(panel(0.0).drop(columns="campaign"), 14, "D").frame()

    left_out = with_it["notes"] == "known regressors left out, no effect found: campaign"
    assert left_out.iloc[0]
    assert left_out.mean() > 0.8  # one of six may show an effect by chance
    np.testing.assert_allclose(with_it["q0.5"][left_out], without["q0.5"][left_out], atol=1.0)


def test_a_regressor_that_is_not_known_to_the_end_is_said() -> None:
    history = panel(40.0)

    made = forecast_known_ahead(history[history["ds"] < DAYS[KNOWN + 4]], 14, "D").frame()

    assert "not known for every step ahead" in made["notes"].iloc[0]


def test_bounds_hold_for_the_sum_of_forecast_and_effect() -> None:
    history = panel(40.0).assign(upper=145.0)

    made = forecast_known_ahead(history, 14, "D").frame()

    assert made["q0.9"].max() == pytest.approx(145.0, abs=5)
    assert made["q0.9"].max() <= 145.0


def test_seasons_can_be_given() -> None:
    y = np.tile([1.0, 5.0, 9.0, 2.0, 7.0], 24) + np.random.default_rng(1).normal(0, 0.1, 120)
    history = pd.DataFrame({"unique_id": "five", "ds": DAYS[:120], "y": y})

    made = forecast_known_ahead(history, 5, "D", seasons=(5,)).frame()

    np.testing.assert_allclose(made["q0.5"], [1, 5, 9, 2, 7], atol=0.5)
