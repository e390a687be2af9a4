"""Work done side by side in processes is that done one after the other."""

import numpy as np
import pytest

from assets.forecasting.seasonal_naive import nan_median
from assets.processes import side_by_side


@pytest.mark.parametrize("is_small", [True, False], ids=["here", "in processes"])
def test_results_keep_the_order_of_the_calls(is_small: bool) -> None:
    """Whichever process is done first; arrays come back with their NaN."""
    found = side_by_side(
        nan_median, [(np.array([[number, np.nan]]),) for number in range(3)], is_small=is_small
    )
    assert [result.tolist() for result in found] == [[0.0], [1.0], [2.0]]


@pytest.mark.parametrize("is_small", [True, False], ids=["here", "in processes"])
def test_an_error_in_a_process_is_raised_here(is_small: bool) -> None:
    """A forecast that fails fails the run, with its own message."""
    with pytest.raises(ValueError, match=r"invalid literal for int.*'two'"):
        side_by_side(int, [("1",), ("two",)], is_small=is_small)
