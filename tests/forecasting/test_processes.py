"""Forecasts made side by side in processes are those made one after the other."""

import numpy as np
import pytest

from assets.forecasting import processes
from assets.forecasting.processes import side_by_side
from assets.forecasting.seasonal_naive import nan_median


@pytest.mark.parametrize("series", [1, processes.MANY_SERIES], ids=["here", "in processes"])
def test_results_keep_the_order_of_the_calls(series: int) -> None:
    """Whichever process is done first; arrays come back with their NaN."""
    found = side_by_side(nan_median, [(np.array([[number, np.nan]]),) for number in range(3)], series)
    assert [result.tolist() for result in found] == [[0.0], [1.0], [2.0]]


@pytest.mark.parametrize("series", [1, processes.MANY_SERIES], ids=["here", "in processes"])
def test_an_error_in_a_process_is_raised_here(series: int) -> None:
    """A forecast that fails fails the run, with its own message."""
    with pytest.raises(ValueError, match="axis"):
        side_by_side(nan_median, [(np.zeros(2),), (np.zeros(3),)], series)


def test_medians_of_rows_are_those_of_numpy() -> None:
    """To the last bit, with gaps, rows of nothing and rows of one value."""
    random = np.random.default_rng(1)
    values = random.normal(size=(200, 9))
    values[random.random(values.shape) < 0.5] = np.nan
    values[0] = np.nan
    expected = [np.median(row[~np.isnan(row)]) if (~np.isnan(row)).any() else np.nan for row in values]
    np.testing.assert_array_equal(nan_median(values), expected)
    assert nan_median(np.zeros((2, 0))).tolist() == pytest.approx([np.nan, np.nan], nan_ok=True)
