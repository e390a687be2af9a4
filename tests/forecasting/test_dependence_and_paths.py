"""Paths keep the forecast's quantiles at each step, and errors hang together as they did in the backtest."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from assets.forecasting.dependence import DEFAULT_RHO, DEFAULT_SHARED, Dependence, estimate_dependence
from assets.forecasting.forecast import PanelForecast, natural_bounds
from assets.forecasting.frames import DEFAULT_QUANTILES, FloatArray, ForecastInputError
from assets.forecasting.paths import critical_scores, first_steps, path_scores
from tests.forecasting.forecasts import made_forecast

SCORES = norm.ppf(np.array(DEFAULT_QUANTILES))


def uneven(ids: tuple[str, ...] = ("a", "b", "c"), horizon: int = 40) -> PanelForecast:
    """Skewed quantiles that drift and widen, and a series without width."""
    steps = np.arange(1, horizon + 1)[None, :, None]
    values = 50 + 0.5 * steps + np.sqrt(steps) * np.exp(0.5 * SCORES)
    values = np.repeat(values, len(ids), axis=0)
    values[-1] = 7.0
    return made_forecast(ids, values)


def written_out(forecast: PanelForecast, seed: int, n_paths: int) -> FloatArray:
    """Paths [series, path, horizon] in the unit of the series, linear in the normal score between quantiles."""
    lower, upper = natural_bounds(forecast.panel)
    paths = np.empty((len(forecast.panel.ids), n_paths, forecast.values.shape[1]))
    for chunk, scores in path_scores(forecast, seed, None, n_paths):
        at = np.clip(np.searchsorted(SCORES, scores, side="right") - 1, 0, len(SCORES) - 2)
        low = np.take_along_axis(forecast.values[chunk, None], at[..., None], axis=3)[..., 0]
        high = np.take_along_axis(forecast.values[chunk, None], at[..., None] + 1, axis=3)[..., 0]
        values = low + (scores - SCORES[at]) / (SCORES[at + 1] - SCORES[at]) * (high - low)
        paths[chunk] = np.clip(values, lower[chunk, None, None], upper[chunk, None, None])
    return paths


def test_a_shared_part_and_a_neighbour_part_are_told_apart() -> None:
    random = np.random.default_rng(1)
    draws = random.standard_normal((400, 60))
    noise = draws.copy()
    for step in range(1, 60):
        noise[:, step] = 0.5 * noise[:, step - 1] + np.sqrt(0.75) * draws[:, step]
    scores = np.sqrt(0.4) * random.standard_normal((400, 1)) + np.sqrt(0.6) * noise

    found = estimate_dependence([scores], 400, 7)

    assert found.shared[0] == pytest.approx(0.4, abs=0.06)
    assert np.median(found.rho) == pytest.approx(0.5, abs=0.1)


def test_without_a_backtest_there_is_still_some_dependence() -> None:
    found = estimate_dependence((), 3, 7)

    assert found.shared.tolist() == [DEFAULT_SHARED] * 3
    assert found.rho.tolist() == [DEFAULT_RHO] * 3


def test_paths_have_the_quantiles_of_the_forecast() -> None:
    made = uneven()

    paths = written_out(made, seed=1, n_paths=20_000)

    found = np.moveaxis(np.quantile(paths[:2], DEFAULT_QUANTILES, axis=1), 0, -1)
    np.testing.assert_allclose(found, made.values[:2], rtol=0.01)
    assert (paths[2] == 7.0).all()


def test_steps_of_a_path_resemble_each_other_as_asked() -> None:
    made = made_forecast(
        ("a",), np.tile(100 + SCORES, (1, 30, 1)), Dependence(np.array([0.3]), np.array([0.6]))
    )

    paths = written_out(made, seed=1, n_paths=20_000)[0]

    near = np.corrcoef(paths[:, 10], paths[:, 11])[0, 1]
    far = np.corrcoef(paths[:, 5], paths[:, 25])[0, 1]
    assert near == pytest.approx(0.3 + 0.7 * 0.6, abs=0.03)
    assert far == pytest.approx(0.3, abs=0.03)


def test_series_are_independent_of_each_other_and_of_who_else_is_there() -> None:
    both = written_out(uneven(("a", "b", "z")), seed=1, n_paths=5000)
    alone = written_out(uneven(("b", "z")), seed=1, n_paths=5000)

    np.testing.assert_array_equal(both[1], alone[0])
    assert abs(np.corrcoef(both[0, :, 3], both[1, :, 3])[0, 1]) < 0.05


@pytest.mark.parametrize("limit", [40.0, 52.0, 60.0, 75.0, 120.0])
def test_first_steps_are_those_of_the_paths_themselves(limit: float) -> None:
    made = uneven()
    usable = np.tile(limit + np.sin(np.arange(40)), (3, 1))

    steps = first_steps(made, usable, seed=5, n_paths=500)

    over = written_out(made, seed=5, n_paths=500) >= usable[:, None, :]
    np.testing.assert_array_equal(steps, np.where(over.any(axis=2), over.argmax(axis=2) + 1, 41))


def test_a_limit_above_the_upper_bound_is_never_reached() -> None:
    made = made_forecast(("a",), np.tile(0.9 + 0.1 * SCORES, (1, 10, 1)), upper=1.0)

    assert (first_steps(made, np.full((1, 10), 1.001), seed=1, n_paths=200) == 11).all()
    assert (first_steps(made, np.full((1, 10), 1.0), seed=1, n_paths=200) < 11).any()


def test_critical_scores_of_flat_quantiles_are_always_or_never() -> None:
    flat = np.full((1, 3, 9), 5.0)

    found = critical_scores(flat, DEFAULT_QUANTILES, np.array([[4.0, 5.0, 5.1]]))

    assert found.tolist() == [[-np.inf, -np.inf, np.inf]]


def test_paths_need_two_quantiles() -> None:
    with pytest.raises(ForecastInputError, match="two quantiles"):
        critical_scores(np.zeros((1, 1, 1)), (0.5,), np.zeros((1, 1)))
