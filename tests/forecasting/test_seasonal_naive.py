"""Seasonal naive is the yardstick: its values are checked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from assets.forecasting.seasonal_naive import nan_median, seasonal_error, seasonal_naive


def test_error_is_the_mean_absolute_difference_of_one_season() -> None:
    values = np.array([[1.0, 2.0, 4.0, 2.0, np.nan, 5.0], [1.0, 2.0, 1.0, 2.0, 1.0, 2.0]])

    np.testing.assert_array_equal(seasonal_error(values, 2), [(3 + 0 + 3) / 3, 0.0])
    assert np.isnan(seasonal_error(values, 6)).all()


def test_intervals_are_normal_and_widen_by_season() -> None:
    values = np.array([[0.0, 10.0, 2.0, 8.0, 0.0, 10.0]])

    made = seasonal_naive(values, 2, 4, (0.1, 0.5, 0.9))

    np.testing.assert_allclose(made[0, :, 1], [0.0, 10.0, 0.0, 10.0])
    upper = made[0, :, 2] - made[0, :, 1]
    assert upper[0] == pytest.approx(1.2816 * 2.0, rel=1e-4)
    np.testing.assert_allclose(upper[2] / upper[0], np.sqrt(2))


def test_medians_of_rows_are_those_of_numpy() -> None:
    """To the last bit, with gaps, rows of nothing and rows of one value."""
    random = np.random.default_rng(1)
    values = random.normal(size=(200, 9))
    values[random.random(values.shape) < 0.5] = np.nan
    values[0] = np.nan
    expected = [np.median(row[~np.isnan(row)]) if (~np.isnan(row)).any() else np.nan for row in values]
    np.testing.assert_array_equal(nan_median(values), expected)
    assert nan_median(np.zeros((2, 0))).tolist() == pytest.approx([np.nan, np.nan], nan_ok=True)
