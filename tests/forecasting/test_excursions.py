"""A jump at the end of a history: the longer it has lasted, and the longer earlier ones did, the likelier it stays."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from assets.forecasting.excursions import Excursions, find_excursions, mix
from assets.forecasting.experts import decompose
from assets.forecasting.forecast import forecast
from assets.forecasting.quantiles import LEVELS
from tests.forecasting.series import history

HOURS = 24 * 14


def level(seed: int = 1) -> np.ndarray:
    return 50 + np.random.default_rng(seed).normal(0, 1, HOURS)


def jumped(hours: int, spikes: int = 0) -> np.ndarray:
    """A level that doubled `hours` before the end, and doubled for an hour `spikes` times before."""
    values = level()
    values[24 : 24 + 12 * spikes : 12] += 50
    values[HOURS - hours :] += 50
    return values


def found(*series: np.ndarray, horizon: int = 24) -> Excursions:
    values = np.stack(series)
    return find_excursions(decompose(values, (24, 168), horizon), ~np.isnan(values), 24, horizon)


def test_a_series_at_its_level_is_on_no_excursion() -> None:
    excursions = found(level())

    assert excursions.age[0] == 0
    assert (excursions.stay == 0).all()


def test_what_has_lasted_longer_stays_longer_and_nothing_for_ever() -> None:
    excursions = found(jumped(2), jumped(8))

    assert excursions.age.tolist() == [2, 8]
    assert (excursions.stay[1] > excursions.stay[0]).all()
    assert (np.diff(excursions.stay, axis=1) < 0).all()
    assert excursions.stay[1, 0] > 0.9


def test_a_series_whose_jumps_always_went_back_is_expected_back() -> None:
    stay = found(jumped(1), jumped(1, spikes=15)).stay

    assert (stay[1] < stay[0] / 1.3).all()
    assert stay[1, 3] < 0.3


def test_a_jump_that_has_become_a_level_shift_is_none() -> None:
    assert found(jumped(60)).age[0] == 0


def test_the_centre_is_the_level_of_the_excursion() -> None:
    assert found(jumped(6)).centre[0] == pytest.approx(np.full(24, 100), abs=4)


def test_a_missing_value_ends_an_excursion() -> None:
    values = jumped(6)
    values[-3] = np.nan

    assert found(values).age[0] == 2


def test_a_mixture_holds_both_and_a_small_chance_changes_little() -> None:
    answer = norm.ppf(np.array([LEVELS] * 4))
    mixed = mix(answer, np.array([0.0, 0.5, 0.9, 0.001]), np.full(4, 100.0), np.array([1.0, 1.0, 0.1, 1.0]))

    np.testing.assert_array_equal(mixed[0], answer[0])
    assert mixed[1, 0] < 0 < 98 < mixed[1, -1]
    assert (mixed[2, 1:] > 99).all(), "narrow around the new level"
    np.testing.assert_allclose(mixed[3], answer[3], atol=0.1)
    assert (np.diff(mixed, axis=1) >= 0).all()


def test_a_forecast_after_eight_hours_at_a_new_level_begins_there_keeps_the_old_one_possible_and_says_so() -> (
    None
):
    made = forecast(history({"jumped": jumped(8), **{f"s{n}": level(n) for n in range(2, 6)}}, "h"), 24, "h")
    rows = made[made["unique_id"] == "jumped"]

    assert rows["q0.5"].to_numpy()[:4] == pytest.approx(np.full(4, 100), abs=5)
    assert rows["q0.1"].to_numpy()[-1] < 60 < 95 < rows["q0.9"].to_numpy()[-1]
    assert "far from the level before for 8 steps" in rows["notes"].iloc[0]
    assert "far from" not in made[made["unique_id"] == "s2"]["notes"].iloc[0]
