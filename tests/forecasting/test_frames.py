"""Reading history: nothing wrong with a series raises, and nothing wrong goes unnamed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from assets.forecasting.frames import ForecastInputError, build_panel, parse_freq, quantile_columns
from tests.forecasting.series import START, history


def test_points_of_one_step_are_averaged_and_noted() -> None:
    frame = pd.DataFrame(
        {
            "unique_id": ["a"] * 4,
            "ds": ["2026-01-01 00:00", "2026-01-01 09:30", "2026-01-03", "2026-01-03"],
            "y": [1.0, 3.0, 5.0, 7.0],
        }
    )

    panel = build_panel(frame, "D")

    np.testing.assert_array_equal(panel.values, [[2.0, np.nan, 6.0]])
    assert panel.notes[0] == (
        "1 stamps off the grid are floored to it",
        "2 points share a step and are averaged",
    )


def test_unreadable_values_and_stamps_become_missing_and_noted() -> None:
    frame = pd.DataFrame(
        {
            "unique_id": ["a"] * 6,
            "ds": ["2026-01-01", "2026-01-02", "2026-01-03", "2026-01-04", "soon", "2026-01-05"],
            "y": [1, "much", np.inf, None, 5, 6],
        }
    )

    panel = build_panel(frame, "D")

    np.testing.assert_array_equal(panel.values, [[1.0, np.nan, np.nan, np.nan, 6.0]])
    assert panel.notes[0] == (
        "1 points without a readable time are left out",
        "3 values are missing or not finite",
    )


def test_zones_are_converted_to_utc() -> None:
    frame = pd.DataFrame({"unique_id": "a", "ds": ["2026-01-02T01:00:00+02:00"], "y": [4.0]})

    panel = build_panel(frame, "h")

    assert panel.dates(1)[0, 0] == np.datetime64("2026-01-02T00:00")


def test_series_are_aligned_at_their_end_or_at_the_given_one() -> None:
    frame = history({"long": [1, 2, 3, 4], "short": [5, 6]})

    own = build_panel(frame, "D")
    common = build_panel(frame, "D", end=START + pd.Timedelta(days=2))

    np.testing.assert_array_equal(own.values, [[1, 2, 3, 4], [np.nan, np.nan, 5, 6]])
    np.testing.assert_array_equal(common.values, [[1, 2, 3], [5, 6, np.nan]])
    assert common.notes[0] == ("1 points after the end of the history are left out",)


def test_the_place_in_the_week_is_that_of_each_series_and_moves_with_the_width() -> None:
    hours = {"a": np.ones(30), "b": np.ones(40)}
    panel = build_panel(history(hours, "h"), "h")  # from a Thursday midnight, aligned at their ends

    np.testing.assert_array_equal(panel.week_phase, [3 * 24 - 10, 3 * 24])
    np.testing.assert_array_equal(panel.until(7).week_phase, panel.week_phase)
    quarters = build_panel(history({"a": np.ones(9)}, "15min"), "15min")
    np.testing.assert_array_equal(quarters.week_phase, [3 * 96])


def test_days_and_seasons_of_ones_own_have_no_place_in_the_week() -> None:
    assert build_panel(history({"a": np.ones(30)}), "D").week_phase is None
    assert replace(build_panel(history({"a": np.ones(30)}, "h"), "h"), seasons=(10, 20)).week_phase is None


def test_the_order_of_rows_does_not_matter() -> None:
    random = np.random.default_rng(0)
    frame = history({"a": random.normal(size=50), "b": random.normal(size=40)})
    doubled = pd.concat([frame, frame.assign(y=frame["y"] * np.pi)])

    straight = build_panel(doubled, "D")
    shuffled = build_panel(doubled.sample(frac=1, random_state=1), "D")

    assert straight.values.tobytes() == shuffled.values.tobytes()


def test_only_the_latest_steps_are_kept() -> None:
    panel = build_panel(history({"a": np.arange(1600.0)}), "D")

    assert panel.values.shape == (1, 1500)
    assert panel.values[0, -1] == 1599
    assert panel.notes[0] == ("only the last 1500 steps of history are used",)


def test_a_frame_that_cannot_be_read_is_refused_with_the_reason() -> None:
    with pytest.raises(ForecastInputError, match="lacks the column y"):
        build_panel(pd.DataFrame({"unique_id": ["a"], "ds": ["2026-01-01"]}), "D")
    with pytest.raises(ForecastInputError, match="row 2: unique_id is null"):
        build_panel(pd.DataFrame({"unique_id": ["a", None], "ds": "2026-01-01", "y": 1.0}), "D")


@pytest.mark.parametrize("freq", ["7min", "W", "2D", "soon"])
def test_a_frequency_that_does_not_divide_a_day_is_refused(freq: str) -> None:
    with pytest.raises(ForecastInputError, match=f"freq '{freq}'"):
        parse_freq(freq)


@pytest.mark.parametrize("levels", [(), (0.0, 0.5), (0.5, 0.5), (0.9, 0.1)])
def test_quantile_levels_must_increase_within_zero_and_one(levels: tuple[float, ...]) -> None:
    with pytest.raises(ForecastInputError, match="increasing levels"):
        quantile_columns(levels)


def test_quantile_columns_are_named_by_level() -> None:
    assert quantile_columns((0.05, 0.1, 0.5)) == ["q0.05", "q0.1", "q0.5"]
