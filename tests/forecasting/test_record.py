"""The record of published forecasts: what is kept to score them by, who falls back, which days are replayed."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd

from assets.forecasting.forecast import LEARNED, NAIVE, PanelForecast
from assets.forecasting.frames import DEFAULT_QUANTILES
from assets.forecasting.record import fall_back, naive_and_scale, replay_days
from assets.forecasting.run import forecast_estate
from tests.forecasting.forecasts import line, made_forecast
from tests.forecasting.test_run import AS_OF, MEMBERSHIP, daily

RECORD = pd.DataFrame(
    {"series_id": ["a", "b"], "day_count": [63, 63], "wql": [1.4, 1.4], "naive_wql": [1.1, 1.1]}
)


def three() -> PanelForecast:
    """Series a, b and c with two weeks of history, of which b is forecast by something simple."""
    made = made_forecast(("a", "b", "c"), np.repeat(line(1.0, 50.0, 10), 3, axis=0))
    weeks = np.tile([1.0, 2, 3, 4, 5, 6, 7], 2) + np.repeat([0.0, 1.0], 7)
    panel = replace(made.panel, values=np.tile(weeks, (3, 1)))
    return replace(made, panel=panel, models=(LEARNED, "constant", LEARNED))


def test_only_series_with_a_worse_record_fall_back_and_say_so() -> None:
    made = fall_back(three(), RECORD)

    assert made.models == (NAIVE, "constant", LEARNED)
    assert "WQL 1.10 against 1.40 on 63 days" in made.notes[0]
    assert made.notes[1] == made.notes[2] == ""
    median = DEFAULT_QUANTILES.index(0.5)
    np.testing.assert_allclose(made.values[0, :8, median], [2, 3, 4, 5, 6, 7, 8, 2])
    np.testing.assert_array_equal(made.values[1:], three().values[1:])


def test_the_scale_is_the_error_of_seasonal_naive_in_the_history() -> None:
    """Without an error there is no scale: a score divided by it would be infinite."""
    made = three()
    _, scale = naive_and_scale(made)
    assert scale.tolist() == [1.0, 1.0, 1.0]
    _, none = naive_and_scale(replace(made, panel=replace(made.panel, values=np.tile([1.0] * 14, (3, 1)))))
    assert np.isnan(none).all()


def test_replays_reach_back_only_as_far_as_history_teaches() -> None:
    as_of = date(2026, 6, 30)
    assert list(replay_days(as_of, date(2026, 3, 3))) == [date(2026, 4, 28), date(2026, 6, 2)]
    assert list(replay_days(as_of, date(2026, 3, 5))) == [date(2026, 6, 2)]
    assert list(replay_days(as_of, date(2026, 5, 1))) == []


def test_a_published_forecast_carries_what_it_will_be_scored_by() -> None:
    """Naive, scale and promise as known on the day: later history must not move them."""
    made = forecast_estate(daily(), MEMBERSHIP, AS_OF, 30, seed=7)
    rows = made.quantiles
    assert rows[["naive_value", "scale_value", "promised_wql"]].notna().all().all()
    assert set(rows["promised_days"]) == {20}
    assert not rows["is_replayed"].any()
    promised = rows.groupby("series_id")["promised_wql"].first()
    pd.testing.assert_series_equal(
        promised, made.scores.set_index("series_id")["wql"], check_names=False, check_exact=True
    )


def test_a_replay_has_the_forecast_of_the_day_and_no_backtest() -> None:
    published = forecast_estate(daily(), MEMBERSHIP, AS_OF, 30, seed=7)
    replayed = forecast_estate(daily(), MEMBERSHIP, AS_OF, 30, seed=7, is_replayed=True)
    assert replayed.quantiles["is_replayed"].all()
    assert replayed.quantiles["promised_wql"].isna().all()
    assert replayed.scores.empty
    pd.testing.assert_series_equal(
        replayed.quantiles["value"], published.quantiles["value"], check_exact=True
    )
    pd.testing.assert_frame_equal(replayed.saturation, published.saturation)


def test_nothing_falls_back_in_an_estate_without_series() -> None:
    made = made_forecast((), np.empty((0, 10, len(DEFAULT_QUANTILES))))
    assert fall_back(made, RECORD.iloc[:0]).models == ()
