"""The cheap forecasts: each does the one thing it is there for."""

from __future__ import annotations

import numpy as np
import pytest

from assets.forecasting.experts import (
    EXPERTS,
    cheap_forecasts,
    decompose,
    expert_names,
    kinds_of_days,
    weighted_line,
)
from assets.forecasting.mixture import weighted_centre
from tests.forecasting.series import WEEK

TIME = np.arange(84)
AHEAD = np.arange(84, 98)


def expert(values: np.ndarray, name: str, horizon: int = 14) -> np.ndarray:
    forecasts, _ = cheap_forecasts(values[None, :], (7,), horizon)
    return forecasts[EXPERTS.index(name), 0]


def test_line_continues_trend_and_season() -> None:
    forecast = expert(20 + 0.5 * TIME + WEEK[TIME % 7], "line")

    np.testing.assert_allclose(forecast, 20 + 0.5 * AHEAD + WEEK[AHEAD % 7], atol=1.5)


def test_seasonal_naive_repeats_the_last_season() -> None:
    values = np.random.default_rng(1).normal(size=84)

    np.testing.assert_array_equal(expert(values, "naive"), np.tile(values[-7:], 2))


def test_seasonal_naive_takes_the_season_before_where_the_last_is_missing() -> None:
    values = TIME.astype(float)
    values[-1] = np.nan

    assert expert(values, "naive")[6] == 76


def test_history_before_a_level_shift_is_moved_to_the_level_after_it() -> None:
    values = np.where(TIME < 50, 10.0, 30.0) + np.random.default_rng(2).normal(0, 0.5, 84)

    parts = decompose(values[None, :], (7,), 14)

    assert parts.steps[0] == 1
    assert parts.base[0, :50].mean() == pytest.approx(30, abs=0.5)
    assert expert(values, "line")[-1] == pytest.approx(30, abs=1)


def test_a_steady_trend_is_not_taken_for_a_shift() -> None:
    values = 10 + 0.5 * TIME + np.random.default_rng(3).normal(0, 0.5, 84)

    assert decompose(values[None, :], (7,), 14).steps[0] == 0


def test_outliers_hardly_move_the_line() -> None:
    values = 10 + 0.1 * TIME + np.random.default_rng(4).normal(0, 0.2, 84)
    values[[20, 40, 80]] += 100

    parts = decompose(values[None, :], (7,), 14)

    assert parts.outliers[0] == 3
    assert parts.slope[0] == pytest.approx(0.1, abs=0.03)


def test_a_long_and_a_short_season_are_both_found() -> None:
    hours = np.arange(24 * 28)
    values = 50 + 10 * np.sin(hours / 24 * 2 * np.pi) - 20.0 * (hours // 24 % 7 >= 5)

    forecasts, _ = cheap_forecasts(values[None, :], (24, 168), 48)

    later = np.arange(24 * 28, 24 * 28 + 48)
    truth = 50 + 10 * np.sin(later / 24 * 2 * np.pi) - 20.0 * (later // 24 % 7 >= 5)
    np.testing.assert_allclose(forecasts[EXPERTS.index("level"), 0], truth, atol=6)


def working_hours(first: int, count: int) -> np.ndarray:
    """10 on working days and 2 on weekends, twice as much from nine to five, `first` hours after a Monday began."""
    hours = first + np.arange(count)
    kind = np.where(hours // 24 % 7 >= 5, 2.0, 10.0)
    return kind * np.where((hours % 24 >= 9) & (hours % 24 < 17), 2.0, 1.0)


@pytest.mark.parametrize("first", [0, 31, 90])
def test_the_same_kind_of_day_knows_a_weekend_after_one(first: int) -> None:
    values = working_hours(first, 9 * 24)
    phase = np.array([first])

    forecasts, _ = cheap_forecasts(values[None, :], (24, 168), 72, phase)
    unknown, _ = cheap_forecasts(values[None, :], (24, 168), 72)

    place = expert_names((24, 168)).index("same_kind_of_day")
    truth = working_hours(first + 9 * 24, 72)
    np.testing.assert_allclose(forecasts[place, 0], truth, rtol=1e-6)
    assert np.abs(unknown[place, 0] - truth).max() > 1


def test_a_kind_of_day_that_was_not_seen_has_no_mean_and_is_forecast_as_days_were() -> None:
    values = working_hours(0, 4 * 24)[None, :]
    values[0, 30] = np.nan
    kinds = kinds_of_days(values, np.ones_like(values), (24, 168), 48, np.array([0]))

    np.testing.assert_allclose(kinds.ahead[0, :24], values[0, :24])
    assert np.isnan(kinds.ahead[0, 24:]).all()
    assert np.isnan(kinds.difference[0])
    forecasts, _ = cheap_forecasts(values, (24, 168), 48, np.array([0]))
    np.testing.assert_allclose(forecasts[-1, 0, 24:], values[0, :24], rtol=1e-6)


def test_weekends_are_told_from_working_days_by_how_much_they_differ() -> None:
    values = working_hours(0, 7 * 24)[None, :]
    kinds = kinds_of_days(values, np.ones_like(values), (24, 168), 24, np.array([0]))
    assert kinds.difference[0] == pytest.approx(-8 * (16 + 2 * 8) / 24)


def test_missing_values_leave_every_forecast_finite() -> None:
    values = 20 + WEEK[TIME % 7]
    values[np.random.default_rng(5).random(84) < 0.6] = np.nan

    forecasts, _ = cheap_forecasts(values[None, :], (7,), 14)

    assert np.isfinite(forecasts).all()


def test_the_line_is_that_of_least_squares() -> None:
    random = np.random.default_rng(6)
    base, weight = random.normal(size=(1, 30)), random.uniform(0, 1, (1, 30))

    intercept, slope = weighted_line(base, weight)

    expected = np.polyfit(np.arange(30) - 29.0, base[0], 1, w=np.sqrt(weight[0]))
    np.testing.assert_allclose([slope[0], intercept[0]], expected)


def test_a_daily_series_of_more_than_a_year_goes_the_way_of_last_year() -> None:
    days = np.arange(500)
    values = 100 + 20 * np.sin(days * 2 * np.pi / 364) + np.random.default_rng(5).normal(0, 1, 500)

    forecasts, _ = cheap_forecasts(values[None, :], (7,), 120)

    expected = 100 + 20 * np.sin(np.arange(500, 620) * 2 * np.pi / 364)
    assert np.abs(forecasts[expert_names((7,)).index("year_ago"), 0] - expected).max() < 6
    assert np.abs(forecasts[EXPERTS.index("level"), 0] - expected).max() > 15


def test_growth_goes_on_by_the_same_part_a_day_and_the_recent_line_gets_steeper_with_it() -> None:
    days = np.arange(330)
    values = np.exp(0.005 * days) * (1 + 0.01 * np.random.default_rng(6).standard_normal(330))

    forecasts, _ = cheap_forecasts(values[None, :240], (7,), 90)

    last = {name: forecasts[expert_names((7,)).index(name), 0, -7:].mean() for name in expert_names((7,))}
    truth = np.exp(0.005 * days[-7:]).mean()
    assert last["growth"] == pytest.approx(truth, rel=0.03)
    assert last["line"] < last["recent_line"] < truth


def test_growth_of_a_series_that_falls_below_zero_stays_finite() -> None:
    forecasts, _ = cheap_forecasts((5 - 0.1 * TIME)[None, :], (7,), 90)

    assert np.isfinite(forecasts).all()
    assert forecasts[expert_names((7,)).index("curve"), 0, -1] == pytest.approx(5 - 0.1 * (84 + 89), rel=0.05)
    assert np.abs(forecasts[expert_names((7,)).index("growth")]).max() < 10


@pytest.mark.parametrize(("part", "bend"), [(0.0, 0.0), (0.4, 0.006), (0.4, -0.009)])
def test_the_curve_bends_on_and_its_season_grows_with_it(part: float, bend: float) -> None:
    days = np.arange(330)
    growth = 1 + 0.003 * (np.expm1(bend * days) / bend if bend else days)
    values = growth * np.where(days % 7 < 5, 1.0, 1 - part)
    noisy = values * (1 + 0.01 * np.random.default_rng(3).standard_normal(330))

    forecasts, _ = cheap_forecasts(noisy[None, :240], (7,), 90)

    miss = np.abs(forecasts[:, 0] / values[240:] - 1).max(axis=1)
    assert miss[expert_names((7,)).index("curve")] < 0.04
    late = np.concatenate([np.full((1, 100), np.nan), noisy[None, :240]], axis=1)
    later, _ = cheap_forecasts(late, (7,), 90)
    assert np.abs(later[expert_names((7,)).index("curve"), 0] / values[240:] - 1).max() < 0.04
    if bend:
        assert miss[expert_names((7,)).index("line")] > 0.08


def test_the_curve_of_a_series_that_rests_at_weekends_is_that_of_its_working_days() -> None:
    days = np.arange(240)
    noise = np.random.default_rng(3).standard_normal(240)
    values = np.where(days % 7 < 5, 100 + 0.5 * days + noise, np.abs(0.1 * noise))

    forecasts, _ = cheap_forecasts(values[None, :210], (7,), 30)

    curve = forecasts[expert_names((7,)).index("curve"), 0]
    assert np.abs(curve - np.where(days % 7 < 5, 100 + 0.5 * days, 0.0)[210:]).max() < 4


def test_a_history_that_does_not_tell_its_bend_gets_little_of_one() -> None:
    wandering = 100 + np.cumsum(np.random.default_rng(8).standard_normal((200, 60)), axis=1)

    forecasts, _ = cheap_forecasts(wandering, (7,), 90)

    ahead = {name: forecasts[expert_names((7,)).index(name)] for name in ("curve", "line")}
    assert np.median(np.abs(ahead["curve"] - ahead["line"])[:, -1]) < 15


def test_after_a_level_shift_every_cheap_forecast_stands_at_the_new_level() -> None:
    hours = np.arange(24 * 16)
    values = np.where(hours < 24 * 14, 34.0, 1.0) + np.random.default_rng(7).normal(0, 0.1, len(hours))

    forecasts, parts = cheap_forecasts(values[None, :], (24, 168), 48)

    assert parts.steps[0] == 1
    assert np.abs(forecasts - 1.0).max() < 1.0


def test_a_level_shift_of_hours_is_seen_after_half_a_day() -> None:
    hours = np.arange(24 * 16)
    noise = np.random.default_rng(8).normal(0, 0.1, len(hours))

    seen = [
        decompose((np.where(hours < len(hours) - after, 5.0, 9.0) + noise)[None, :], (24, 168), 48).steps[0]
        for after in (6, 14)
    ]

    assert seen == [0, 1]


def test_the_last_value_is_a_cheap_forecast_of_hours() -> None:
    values = np.cumsum(np.random.default_rng(9).normal(size=24 * 16))

    forecasts, _ = cheap_forecasts(values[None, :], (24,), 48)

    assert len(forecasts) == len(expert_names((24,)))
    last = forecasts[expert_names((24,)).index("last_level")]
    assert abs(last.mean() - values[-1]) < 2


def test_the_centre_of_two_camps_lies_with_the_heavier_one() -> None:
    experts = np.array([10.0, 11.0, 12.0, 100.0])[:, None, None]
    even = np.full((4, 1, 1), 0.25)
    heavy = np.array([0.1, 0.1, 0.1, 0.7])[:, None, None]

    assert weighted_centre(experts, even)[0, 0] == pytest.approx((33.25 + 11) / 2)
    assert weighted_centre(experts, heavy)[0, 0] == pytest.approx((73.3 + 100) / 2)
