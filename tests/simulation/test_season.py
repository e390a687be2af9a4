"""Local time, holidays and the shape of demand."""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import pytest

from assets.simulation.catalogue import BERLIN, NEW_YORK
from assets.simulation.season import demand_shape, local_times, public_holidays


def _at(*moments: datetime) -> np.ndarray:
    return np.array([int(moment.timestamp()) for moment in moments], dtype=np.int64)


@pytest.mark.parametrize(
    ("year", "easter_monday"),
    [
        (2024, date(2024, 4, 1)),
        (2025, date(2025, 4, 21)),
        (2026, date(2026, 4, 6)),
        (2038, date(2038, 4, 26)),
    ],
)
def test_easter_is_known(year: int, easter_monday: date) -> None:
    assert public_holidays(BERLIN, year)[easter_monday] == "Easter Monday"


def test_holidays_of_new_york_move_with_the_weekday() -> None:
    days = {name: day for day, name in public_holidays(NEW_YORK, 2026).items()}
    assert days["Memorial Day"] == date(2026, 5, 25)
    assert days["Thanksgiving Day"] == date(2026, 11, 26)
    assert public_holidays("UTC", 2026) == {}


def test_summer_time_moves_the_local_hour_and_not_the_season() -> None:
    winter, summer = datetime(2026, 3, 27, 9, 0, tzinfo=UTC), datetime(2026, 3, 30, 8, 0, tzinfo=UTC)
    times = local_times(_at(winter, summer), BERLIN)
    assert times.hour.tolist() == [10.0, 10.0]


def test_an_office_rests_at_night_on_weekends_and_on_holidays() -> None:
    friday, saturday = datetime(2026, 4, 10, 8, 0, tzinfo=UTC), datetime(2026, 4, 11, 8, 0, tzinfo=UTC)
    good_friday, night = datetime(2026, 4, 3, 8, 0, tzinfo=UTC), datetime(2026, 4, 9, 1, 0, tzinfo=UTC)
    shape = demand_shape("office", local_times(_at(friday, saturday, good_friday, night), BERLIN))
    assert shape[0] > 1.5
    assert max(shape[1:]) < 0.4


def test_payroll_peaks_on_the_last_days_of_a_month() -> None:
    middle, end = datetime(2026, 4, 16, 8, 0, tzinfo=UTC), datetime(2026, 4, 30, 8, 0, tzinfo=UTC)
    shape = demand_shape("month_end", local_times(_at(middle, end), BERLIN))
    assert shape[1] == pytest.approx(2.6 * shape[0])
