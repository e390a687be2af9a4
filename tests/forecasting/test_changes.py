"""What people know beside the history: it changes what is learnt and what is forecast, never what was measured."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest

from assets.forecasting.changes import Known, adjust, prepare
from tests.forecasting.forecasts import line, made_forecast
from tests.forecasting.series import START

DAYS = 60
COLUMNS = {
    "masked": ["series_id", "observed_date", "reason"],
    "changes": ["series_id", "change_date", "title"],
    "events": ["series_id", "first_date", "last_date", "factor", "title"],
    "overrides": ["series_id", "first_date", "last_date", "factor", "value", "author", "reason"],
}


def known(**facts: list[tuple[Any, ...]]) -> Known:
    return Known(
        **{name: pd.DataFrame(facts.get(name, []), columns=names) for name, names in COLUMNS.items()}
    )


def daily(values: np.ndarray, series: str = "a") -> pd.DataFrame:
    dates = pd.date_range(START, periods=len(values))
    return pd.DataFrame({"series_id": series, "observed_date": dates, "demand_value": values})


def on(day: int) -> date:
    return (START + pd.Timedelta(days=day)).date()


def noisy(level_before: float, level_after: float, at: int) -> np.ndarray:
    levels = np.where(np.arange(DAYS) < at, level_before, level_after)
    return levels + np.random.default_rng(3).normal(0, 1.0, DAYS)


def test_masked_days_are_left_out_and_counted() -> None:
    frame, notes = prepare(
        pd.concat([daily(np.ones(DAYS)), daily(np.ones(DAYS), "b")]),
        known(masked=[("a", on(3), "outage"), ("a", on(4), "outage"), ("gone", on(3), "outage")]),
    )
    assert frame["demand_value"].isna().sum() == 2
    assert frame.loc[frame["series_id"] == "b", "demand_value"].notna().all()
    assert notes == {"a": ["2 days of outage left out"]}


def test_a_past_event_does_not_teach_the_model_that_it_comes_again() -> None:
    values = np.full(DAYS, 10.0)
    values[20:25] = 15.0
    frame, notes = prepare(daily(values), known(events=[("a", on(20), on(24), 1.5, "Sale")]))
    np.testing.assert_allclose(frame["demand_value"], 10.0)
    assert notes == {"a": ["Sale (×1.5) taken out of 5 days"]}


@pytest.mark.parametrize(("after", "moved"), [(150.0, True), (101.5, False), (100.0, False)])
def test_only_a_change_that_moved_the_level_moves_history(after: float, moved: bool) -> None:
    """Most changes do nothing to capacity; those that do are named."""
    values = noisy(100.0, after, 40)
    frame, notes = prepare(daily(values), known(changes=[("a", on(39), "change C-1")]))
    if not moved:
        np.testing.assert_array_equal(frame["demand_value"], values)
        assert notes == {}
        return
    assert frame["demand_value"][:39].mean() == pytest.approx(150, rel=0.02)
    np.testing.assert_array_equal(frame["demand_value"][40:], values[40:])
    assert notes["a"][0].startswith("change C-1 moved the level (×1.5")


def test_a_change_of_yesterday_is_not_judged_yet() -> None:
    values = noisy(100.0, 150.0, DAYS - 3)
    frame, _ = prepare(daily(values), known(changes=[("a", on(DAYS - 4), "change C-1")]))
    np.testing.assert_array_equal(frame["demand_value"], values)


def test_events_to_come_and_overrides_are_put_on_the_forecast_and_named() -> None:
    """The override has the last word: a value moves the whole interval, outside its days nothing moves."""
    scores = np.linspace(-1, 1, 9)
    made = made_forecast(("a", "b"), np.tile(10 + scores, (2, 10, 1)))
    facts = known(
        events=[("a", on(2), on(3), 2.0, "Sale")],
        overrides=[
            ("a", on(3), on(3), None, 30.0, "Ann", "contract signed"),
            ("b", on(0), on(0), 0.5, None, "Bob", "site closed"),
        ],
    )
    found = adjust(made, facts, {"a": ["2 days of outage left out"]})
    np.testing.assert_allclose(found.values[0, 1], 10 + scores)
    np.testing.assert_allclose(found.values[0, 2], 20 + 2 * scores)
    np.testing.assert_allclose(found.values[0, 3], 30 + 2 * scores)
    np.testing.assert_allclose(found.values[1, 0], 5 + scores / 2)
    assert found.notes[0] == (
        "2 days of outage left out; Sale expected: ×2 on 2 days; "
        "override by Ann: set to 30 from 2026-01-04 to 2026-01-04 (contract signed)"
    )
    assert "override by Bob: ×0.5" in found.notes[1]
    np.testing.assert_array_equal(made.values, np.tile(10 + scores, (2, 10, 1)))


def test_bounds_hold_after_an_override() -> None:
    made = made_forecast(("a",), line(0.0, 0.5, 3), upper=1.0)
    found = adjust(made, known(overrides=[("a", on(0), on(9), 9.0, None, "Ann", "x")]), {})
    assert (found.values == 1.0).all()


def test_replays_know_no_plans() -> None:
    facts = known(events=[("a", on(2), on(3), 2.0, "Sale")], masked=[("a", on(3), "outage")])
    assert len(facts.of_the_past().events) == 0
    assert len(facts.of_the_past().masked) == 1
